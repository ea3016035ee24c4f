"""Branch points: two curves of equilibria cross."""

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from entropyjax.stability.continuation.linear import null_vectors
from entropyjax.stability.continuation.systems.base import AbstractSystem, Field, Matrix, Vector


class BranchPoint(AbstractSystem):
    """F + b w = 0, F_y^T w = 0, F_theta . w = 0, |w|^2 = 1 in (y, w, b), one parameter.

    It is regular at a simple branch point. The solution is one only if b = 0; otherwise two branches pass each
    other there, and b w added to F would make them meet (Moore 1980, *The numerical treatment of non-trivial
    bifurcation points*). No curve of them is followed: one more parameter breaks them.
    """

    kind: ClassVar[str] = "branch_point"
    test_names: ClassVar[tuple[str, ...]] = ()
    parity: ClassVar[tuple[float, ...]] = ()

    def equations(self, field: Field, u: Array, theta: Array, reference: Array) -> Array:
        del reference
        y, w = jnp.split(u[:-1], 2)
        value, pull = jax.vjp(field, y, theta)
        return jnp.concatenate([value + u[-1] * w, *pull(w), jnp.atleast_1d(w @ w - 1.0)])

    def seed(self, jacobian: Matrix) -> tuple[np.ndarray, Vector]:
        w = null_vectors(jacobian.T)[:, 0]
        return np.append(w, 0.0), np.zeros_like(w)

    def tests(self, z: np.ndarray, jacobian: np.ndarray, tangent: np.ndarray, reference: Vector) -> np.ndarray:
        del z, jacobian, tangent, reference
        return np.zeros(0)
