"""Branch points: two curves of equilibria cross."""

from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array

from entropyjax.stability.continuation.linear import null_vectors
from entropyjax.stability.continuation.systems.base import AbstractSystem, Field, Vector


class BranchPoint(AbstractSystem):
    """F + b w = 0, F_y^T w = 0, F_theta . w = 0, |w|^2 = 1 in (y, w, b), one parameter.

    It is regular at a simple branch point. The solution is one only if b = 0; otherwise two branches pass each
    other there, and -b w added to F would make them meet (Moore 1980, *The numerical treatment of non-trivial
    bifurcation points*).
    """

    kind: ClassVar[str] = "branch_point"
    codimension: ClassVar[int] = 1
    test_names: ClassVar[tuple[str, ...]] = ()

    def equations(self, field: Field, u: Array, theta: Array, reference: Vector) -> Array:
        del reference
        y, w = jnp.split(u[:-1], 2)
        value, pull = jax.vjp(field, y, theta)
        return jnp.concatenate([value + u[-1] * w, *pull(w), jnp.atleast_1d(w @ w - 1.0)])

    def seed(self, jacobian: Array) -> tuple[Array, Vector]:
        w = null_vectors(jacobian.T)[:, 0]
        return jnp.append(w, 0.0), jnp.zeros_like(w)
