"""Hopf points: an equilibrium with a pair of eigenvalues +-i omega."""

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from entropyjax.stability.continuation.linear import bordered, null_vectors, pair_product, pair_sums, unit
from entropyjax.stability.continuation.systems.base import AbstractSystem, Field, Matrix, Vector


class Hopf(AbstractSystem):
    """F = 0 and g = 0 in y, where [B b; c 0] [V; g] = [0; 1] and B = 2 F_y (.) I is the bialternate sum.

    B is singular where two eigenvalues have the sum 0, and g is zero exactly there; b and c, the reference, are its
    null vectors nearby. Without the critical eigenvectors the system stays regular at a Bogdanov-Takens point, beyond
    which the curve goes on as one of neutral saddles (Guckenheimer, Myers and Sturmfels 1997, *Computing Hopf
    bifurcations I*). Test function: omega^2, zero at a Bogdanov-Takens point.
    """

    kind: ClassVar[str] = "hopf"
    test_names: ClassVar[tuple[str, ...]] = ("bogdanov_takens",)
    parity: ClassVar[tuple[float, ...]] = (1.0,)

    def equations(self, field: Field, u: Array, theta: Array, reference: Array) -> Array:
        left, right = jnp.split(reference, 2)
        matrix = _bordered(pair_sums(jax.jacfwd(field)(u, theta)), left, right)
        last = jnp.zeros(left.size + 1).at[-1].set(1.0)
        return jnp.append(field(u, theta), jnp.linalg.solve(matrix, last)[-1])

    def seed(self, jacobian: Matrix) -> tuple[np.ndarray, Vector]:
        sums = pair_sums(jacobian)
        return np.zeros(0), np.concatenate([null_vectors(sums.T)[:, 0], null_vectors(sums)[:, 0]])

    def refresh(self, z: np.ndarray, jacobian: np.ndarray, reference: Vector) -> Vector:
        n = z.size - 2
        left, right = np.split(reference, 2)
        top = np.concatenate([pair_sums(jacobian[:n, :n]), left[:, None]], axis=1)
        matrix = bordered(top, np.append(right, 0.0))
        last = np.eye(right.size + 1)[-1]
        fresh = (np.linalg.solve(side, last)[:-1] for side in (matrix.T, matrix))
        return np.concatenate([unit(vector) for vector in fresh])

    def tests(self, z: np.ndarray, jacobian: np.ndarray, tangent: np.ndarray, reference: Vector) -> np.ndarray:
        del tangent, reference
        n = z.size - 2
        return np.array([pair_product(np.linalg.eigvals(jacobian[:n, :n]))])


def _bordered(matrix: Array, column: Array, row: Array) -> Array:
    top = jnp.concatenate([matrix, column[:, None]], axis=1)
    return jnp.concatenate([top, jnp.append(row, 0.0)[None, :]])
