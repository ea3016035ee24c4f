"""Folds: an equilibrium with an eigenvalue 0."""

from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array

from entropyjax.stability.continuation.linear import last, null_vectors, unit
from entropyjax.stability.continuation.systems.base import AbstractSystem, Field, Vector


class Fold(AbstractSystem):
    """F = 0, F_y v = 0, |v|^2 = 1 in (y, v): regular at a fold, and along a curve of folds also at a cusp.

    The reference is w, the left null vector. Test functions: w . F_yy[v, v], the quadratic coefficient of the
    normal form (zero at a cusp), and w . v (zero at a Bogdanov-Takens point).
    """

    kind: ClassVar[str] = "fold"
    codimension: ClassVar[int] = 1
    test_names: ClassVar[tuple[str, ...]] = ("cusp", "bogdanov_takens")

    def equations(self, field: Field, u: Array, theta: Array, reference: Vector) -> Array:
        del reference
        y, v = jnp.split(u, 2)
        value, pushed = jax.jvp(lambda at: field(at, theta), (y,), (v,))
        return jnp.concatenate([value, pushed, jnp.atleast_1d(v @ v - 1.0)])

    def seed(self, jacobian: Array) -> tuple[Array, Vector]:
        return null_vectors(jacobian)[:, 0], null_vectors(jacobian.T)[:, 0]

    def refresh(self, field: Field, u: Array, theta: Array, reference: Vector) -> Vector:
        y, v = jnp.split(u, 2)
        # Bordered, so that it is smooth in u and keeps its sign.
        transposed = jax.jacfwd(field)(y, theta).T
        top = jnp.concatenate([transposed, v[:, None]], 1)
        bottom = jnp.append(reference, 0.0)
        return unit(jnp.linalg.solve(jnp.concatenate([top, bottom[None, :]]), last(v.size + 1))[:-1])

    def tests(self, field: Field, u: Array, theta: Array, tangent: Array, reference: Vector) -> Array:
        del tangent
        y, v = jnp.split(u, 2)
        w = self.refresh(field, u, theta, reference)

        def push(at: Array) -> Array:
            return jax.jvp(lambda y: field(y, theta), (at,), (v,))[1]

        return jnp.stack([w @ jax.jvp(push, (y,), (v,))[1], w @ v])
