"""Hopf points: an equilibrium with a pair of eigenvalues +-i omega."""

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from entropyjax.stability.continuation.linear import null_vectors, unit
from entropyjax.stability.continuation.systems.base import AbstractSystem, Field, Matrix, Vector


class Hopf(AbstractSystem):
    """F = 0, (F_y^2 + omega^2) v = 0, |v|^2 = 1, l . v = 0 in (y, v, k) with k = omega^2 / rate^2.

    The real form with omega^2 goes smoothly through a Bogdanov-Takens point, where omega^2 changes sign (beyond
    it lie neutral saddles). It is the system of Roose and Hlavacek (1985), *A direct method for the computation
    of Hopf bifurcation points*. The reference l picks one v of the critical plane. Test function: k.

    **Attributes:** `rate`: unit of omega, in 1/step.
    """

    rate: Float[Array, ""]

    kind: ClassVar[str] = "hopf"
    test_names: ClassVar[tuple[str, ...]] = ("bogdanov_takens",)
    parity: ClassVar[tuple[float, ...]] = (1.0,)

    @classmethod
    def at(cls, jacobian: Matrix) -> "Hopf | None":
        """Return the system for the complex pair of `jacobian` closest to the imaginary axis; `None` without one."""
        values = np.linalg.eigvals(jacobian)
        pairs = values[values.imag > 0.0]
        if not pairs.size:
            return None
        return cls(jnp.asarray(pairs[np.argmin(np.abs(pairs.real))].imag, jnp.float64))

    def equations(self, field: Field, u: Array, theta: Array, reference: Array) -> Array:
        y, v = jnp.split(u[:-1], 2)

        def push(direction: Array) -> Array:
            return jax.jvp(lambda at: field(at, theta), (y,), (direction,))[1] / self.rate

        critical = push(push(v)) + u[-1] * v
        return jnp.concatenate([field(y, theta), critical, jnp.stack([v @ v - 1.0, reference @ v])])

    def seed(self, jacobian: Matrix) -> tuple[np.ndarray, Vector]:
        plane = self._plane(jacobian, 1.0)
        return np.append(plane[:, 0], 1.0), plane[:, 1]

    def refresh(self, z: np.ndarray, jacobian: np.ndarray, reference: Vector) -> Vector:
        n = reference.size
        plane = self._plane(jacobian[:n, :n], z[2 * n])
        along = plane.T @ z[n : 2 * n]
        across = unit(plane @ np.array([-along[1], along[0]]))
        return across if across @ reference >= 0.0 else -across

    def tests(self, z: np.ndarray, jacobian: np.ndarray, tangent: np.ndarray, reference: Vector) -> np.ndarray:
        del jacobian, tangent
        n = reference.size
        return z[2 * n : 2 * n + 1]

    def omega(self, z: np.ndarray, n: int) -> float:
        """Return the frequency in 1/step of a point z with n components of the state; 0 for a neutral saddle."""
        return float(self.rate) * float(np.sqrt(np.maximum(z[2 * n], 0.0)))

    def _plane(self, jacobian: Matrix, k: float) -> Float[np.ndarray, "n 2"]:
        scaled = jacobian / float(self.rate)
        return null_vectors(scaled @ scaled + k * np.eye(len(jacobian)), 2)
