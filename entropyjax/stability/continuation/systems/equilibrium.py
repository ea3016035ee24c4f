"""Equilibria: F(y) = 0."""

from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array

from entropyjax.stability.continuation.linear import pair_sums, signed_root
from entropyjax.stability.continuation.systems.base import AbstractSystem, Field, Vector


class Equilibrium(AbstractSystem):
    """F(y, theta) = 0 in y.

    Test functions along a curve with the unit tangent t: the component of t along the parameter (fold),
    det [F_y F_theta; t] (branch point) and det of the bialternate sum of F_y (Hopf point).
    """

    kind: ClassVar[str] = "equilibrium"
    codimension: ClassVar[int] = 0
    test_names: ClassVar[tuple[str, ...]] = ("fold", "branch_point", "hopf")

    def equations(self, field: Field, u: Array, theta: Array, reference: Vector) -> Array:
        del reference
        return field(u, theta)

    def seed(self, jacobian: Array) -> tuple[Array, Vector]:
        return jnp.zeros(0), jnp.zeros(jacobian.shape[0])

    def tests(self, field: Field, u: Array, theta: Array, tangent: Array, reference: Vector) -> Array:
        del reference
        by_state, by_theta = jax.jacfwd(field, argnums=(0, 1))(u, theta)
        bordered = jnp.concatenate([jnp.concatenate([by_state, by_theta], 1), tangent[None, :]])
        pairs = signed_root(pair_sums(by_state)) if u.size > 1 else jnp.ones(())
        return jnp.stack([tangent[-1], signed_root(bordered), pairs])
