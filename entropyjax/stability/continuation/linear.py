"""Linear algebra of small dense systems on the host: tangents, null vectors, signs of determinants."""

import numpy as np
from jaxtyping import Float

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


def pair_sums(matrix: Matrix) -> Float[np.ndarray, "pairs pairs"]:
    """Return the bialternate sum 2 A (.) I, whose eigenvalues are the sums of two different eigenvalues of A.

    It is A (x) I + I (x) A on antisymmetric tensors. Its determinant vanishes at a Hopf point, and where two
    real eigenvalues are opposite (a neutral saddle).
    """
    n = len(matrix)
    rows, columns = np.triu_indices(n, 1)
    basis = np.zeros((n * n, rows.size))
    basis[rows * n + columns, np.arange(rows.size)] = np.sqrt(0.5)
    basis[columns * n + rows, np.arange(rows.size)] = -np.sqrt(0.5)
    return basis.T @ (np.kron(matrix, np.eye(n)) + np.kron(np.eye(n), matrix)) @ basis
