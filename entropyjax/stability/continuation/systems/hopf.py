"""Hopf points: an equilibrium with a pair of eigenvalues +-i omega."""

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from entropyjax.stability.continuation.linear import null_vectors, unit
from entropyjax.stability.continuation.systems.base import AbstractSystem, Field, Vector


class Hopf(AbstractSystem):
    """F = 0, (F_y^2 + omega^2) v = 0, |v|^2 = 1, l . v = 0 in (y, v, k) with k = omega^2 / rate^2.

    The real form with omega^2 goes smoothly through a Bogdanov-Takens point, where omega^2 changes sign (beyond
    it lie neutral saddles). It is the system of Roose and Hlavacek (1985), *A direct method for the computation
    of Hopf bifurcation points*. The reference l picks one v of the critical plane. Test function: k.

    **Attributes:** `rate`: unit of omega, in 1/step.
    """

    rate: Float[Array, ""]

    kind: ClassVar[str] = "hopf"
    codimension: ClassVar[int] = 1
    test_names: ClassVar[tuple[str, ...]] = ("bogdanov_takens",)

    @classmethod
    def at(cls, jacobian: Array) -> "Hopf | None":
        """Return the system for the complex pair of `jacobian` closest to the imaginary axis; `None` without one."""
        values = np.linalg.eigvals(np.asarray(jacobian))
        pairs = values[values.imag > 0.0]
        if not pairs.size:
            return None
        return cls(jnp.asarray(pairs[np.argmin(np.abs(pairs.real))].imag))

    def equations(self, field: Field, u: Array, theta: Array, reference: Vector) -> Array:
        y, v, k = _split(u)

        def push(direction: Array) -> Array:
            return jax.jvp(lambda at: field(at, theta), (y,), (direction,))[1] / self.rate

        critical = push(push(v)) + k * v
        return jnp.concatenate([field(y, theta), critical, jnp.stack([v @ v - 1.0, reference @ v])])

    def seed(self, jacobian: Array) -> tuple[Array, Vector]:
        plane = null_vectors(_squared(jacobian / self.rate, jnp.ones(())), 2)
        return jnp.append(plane[:, 0], 1.0), plane[:, 1]

    def refresh(self, field: Field, u: Array, theta: Array, reference: Vector) -> Vector:
        y, v, k = _split(u)
        plane = null_vectors(_squared(jax.jacfwd(field)(y, theta) / self.rate, k), 2)
        along = plane.T @ v
        across = unit(plane @ jnp.stack([-along[1], along[0]]))
        return jnp.where(across @ reference < 0.0, -across, across)

    def tests(self, field: Field, u: Array, theta: Array, tangent: Array, reference: Vector) -> Array:
        del field, theta, tangent, reference
        return u[-1:]

    def omega_squared(self, u: Array) -> Array:
        """Return omega^2 in 1/step^2."""
        return u[-1] * self.rate**2


def _split(u: Array) -> tuple[Array, Array, Array]:
    y, v = jnp.split(u[:-1], 2)
    return y, v, u[-1]


def _squared(jacobian: Array, k: Array) -> Array:
    return jacobian @ jacobian + k * jnp.eye(jacobian.shape[0])
