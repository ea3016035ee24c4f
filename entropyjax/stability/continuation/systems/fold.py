"""Folds: an equilibrium with an eigenvalue 0."""

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from entropyjax.stability.continuation.linear import bordered, null_vectors, unit
from entropyjax.stability.continuation.systems.base import AbstractSystem, Field, Matrix, Vector


class Fold(AbstractSystem):
    """F = 0, F_y v = 0, |v|^2 = 1 in (y, v): regular at a fold, and along a curve of folds also at a cusp.

    The reference is w, the left null vector. Test functions: w . F_yy[v, v], the quadratic coefficient of the
    normal form (zero at a cusp), and w . v (zero at a Bogdanov-Takens point).
    """

    kind: ClassVar[str] = "fold"
    test_names: ClassVar[tuple[str, ...]] = ("cusp", "bogdanov_takens")
    parity: ClassVar[tuple[float, ...]] = (1.0, 1.0)

    def equations(self, field: Field, u: Array, theta: Array, reference: Array) -> Array:
        del reference
        y, v = jnp.split(u, 2)
        value, pushed = jax.jvp(lambda at: field(at, theta), (y,), (v,))
        return jnp.concatenate([value, pushed, jnp.atleast_1d(v @ v - 1.0)])

    def seed(self, jacobian: Matrix) -> tuple[np.ndarray, Vector]:
        return null_vectors(jacobian)[:, 0], null_vectors(jacobian.T)[:, 0]

    def refresh(self, z: np.ndarray, jacobian: np.ndarray, reference: Vector) -> Vector:
        # Bordered, so that it is smooth in z and keeps its sign.
        n = reference.size
        top = np.concatenate([jacobian[:n, :n].T, z[n : 2 * n, None]], axis=1)
        matrix = bordered(top, np.append(reference, 0.0))
        return unit(np.linalg.solve(matrix, np.eye(n + 1)[-1])[:-1])

    def tests(self, z: np.ndarray, jacobian: np.ndarray, tangent: np.ndarray, reference: Vector) -> np.ndarray:
        del tangent
        n = reference.size
        v = z[n : 2 * n]
        # These rows of G_z are the derivative of F_y v by y, hence F_yy[v, .].
        curvature = jacobian[n : 2 * n, :n] @ v
        return np.array([reference @ curvature, reference @ v])
