"""Linear algebra of small dense systems on the host: tangents, null vectors, signs of determinants."""

import functools
from typing import Any

import numpy as np
from jaxtyping import Complex, Float

Vector = Float[np.ndarray, " n"]
Matrix = Float[np.ndarray, "n n"]


def unit(vector: Vector) -> Vector:
    """Return the vector at length 1."""
    return vector / np.linalg.norm(vector)


def bordered(top: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Return a matrix with one row more."""
    return np.concatenate([top, row[None, :]])


def null_vectors(matrix: Float[np.ndarray, "m n"], count: int = 1) -> Float[np.ndarray, "n count"]:
    """Return the right singular vectors of the smallest singular values."""
    return np.linalg.svd(matrix)[2][-count:].T


def signed_root(matrix: Matrix) -> float:
    """Return sign(det A) |det A|^(1/n): zero where det A is, without its range."""
    sign, log = np.linalg.slogdet(matrix)
    return float(sign * np.exp(log / len(matrix)))


def pair_sums(matrix: Any) -> Any:
    """Return the bialternate sum 2 A (.) I, whose eigenvalues are the sums of two different eigenvalues of A.

    It is A (x) I + I (x) A on antisymmetric tensors. It is singular at a Hopf point, and where two real eigenvalues
    are opposite (a neutral saddle). The matrix may be of numpy or of JAX.
    """
    n = len(matrix)
    pairs = n * (n - 1) // 2
    return (_pairing(n) @ matrix.reshape(n * n)).reshape(pairs, pairs)


@functools.cache
def _pairing(n: int) -> Float[np.ndarray, "pairs_squared n_squared"]:
    """Return the linear map from A to its bialternate sum."""
    rows, columns = np.triu_indices(n, 1)
    pairs = np.arange(rows.size)
    basis = np.zeros((n, n, rows.size))
    basis[rows, columns, pairs] = np.sqrt(0.5)
    basis[columns, rows, pairs] = -np.sqrt(0.5)
    left = np.einsum("abp,cbq->pqac", basis, basis)
    right = np.einsum("bap,bcq->pqac", basis, basis)
    return (left + right).reshape(rows.size**2, n * n)


def opposite_pair(values: Complex[np.ndarray, " n"]) -> tuple[int, int]:
    """Return the places of the two eigenvalues with the smallest sum."""
    first, second = np.triu_indices(values.size, 1)
    closest = np.argmin(np.abs(values[first] + values[second]))
    return int(first[closest]), int(second[closest])


def pair_product(values: Complex[np.ndarray, " n"]) -> float:
    """Return the product of the two eigenvalues with the smallest sum: omega^2 for a pair +-i omega.

    It is negative for opposite real ones, and zero at a Bogdanov-Takens point.
    """
    return float(np.prod(values[list(opposite_pair(values))]).real)
