"""A loop that ends with its slowest lane, and in which the lanes that are done cost no copies."""

from collections.abc import Callable
from typing import TypeVar

import jax.numpy as jnp
from jax import custom_batching, lax
from jaxtyping import Array, Bool

Carry = TypeVar("Carry")


@custom_batching.custom_vmap
def any_lane(flag: Bool[Array, ""]) -> Bool[Array, ""]:
    """Return whether `flag` holds for any lane of the batch; for a single lane, the flag itself."""
    return flag


@any_lane.def_vmap
def _any_lane(size: int, batched: list[bool], flag: Bool[Array, "..."]) -> tuple[Bool[Array, "..."], bool]:
    del size
    return (any_lane(jnp.any(flag, axis=0)), False) if batched[0] else (any_lane(flag), False)


def masked_while(test: Callable[[Carry], Bool[Array, ""]], body: Callable[[Carry], Carry], init: Carry) -> Carry:
    """Return `lax.while_loop(test, body, init)` for a body that changes nothing in a lane that fails the test.

    Batched, JAX's loop would copy every carried array in every round to keep the lanes that are done; here
    the body keeps them, and rows of saved values are written in place.
    """
    return lax.while_loop(lambda carry: any_lane(test(carry)), body, init)
