"""Linear algebra of small dense systems: tangents, null vectors, signs of determinants."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

Vector = Float[Array, " n"]
Matrix = Float[Array, "n n"]
Scalar = Float[Array, ""]


def unit(vector: Vector) -> Vector:
    """Return the vector at length 1."""
    return vector / jnp.linalg.norm(vector)


def last(size: int) -> Vector:
    """Return the last unit vector."""
    return jnp.zeros(size).at[-1].set(1.0)


def tangent(jacobian: Float[Array, "m m_and_one"], along: Float[Array, " m_and_one"]) -> Float[Array, " m_and_one"]:
    """Return the unit tangent t of G(z) = 0, G_z t = 0, with t . `along` > 0, from the bordered system."""
    bordered = jnp.concatenate([jacobian, along[None, :]])
    return unit(jnp.linalg.solve(bordered, last(along.size)))


def null_vectors(matrix: Float[Array, "m n"], count: int = 1) -> Float[Array, "n count"]:
    """Return the right singular vectors that belong to the smallest singular values (those of rank lost first)."""
    return jnp.linalg.svd(matrix, full_matrices=True)[2].T[:, -count:]


def signed_root(matrix: Matrix) -> Scalar:
    """Return sign(det A) |det A|^(1/n): zero where det A is, without its range."""
    sign, log = jnp.linalg.slogdet(matrix)
    return sign * jnp.exp(log / matrix.shape[0])


def pair_sums(matrix: Matrix) -> Float[Array, "pairs pairs"]:
    """Return the bialternate sum 2 A (.) I, whose eigenvalues are the sums of two different eigenvalues of A.

    It is A (x) I + I (x) A on antisymmetric tensors. Its determinant vanishes at a Hopf point, and where two
    real eigenvalues are opposite (a neutral saddle).
    """
    n = matrix.shape[0]
    eye = jnp.eye(n)
    rows, columns = np.triu_indices(n, 1)
    basis = np.zeros((n * n, rows.size))
    basis[rows * n + columns, np.arange(rows.size)] = np.sqrt(0.5)
    basis[columns * n + rows, np.arange(rows.size)] = -np.sqrt(0.5)
    antisymmetric = jnp.asarray(basis)
    return antisymmetric.T @ (jnp.kron(matrix, eye) + jnp.kron(eye, matrix)) @ antisymmetric
