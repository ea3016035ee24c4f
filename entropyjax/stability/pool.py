"""A loop over many items in which those that are done make room for the next."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax


def pooled_loop(
    start: Callable[[Any], Any],
    advance: Callable[[Any, Any], Any],
    unfinished: Callable[[Any], Any],
    items: Any,
    width: int,
) -> Any:
    """Return the last state of a loop run on each item, in which no item waits for the slowest.

    A pool of `width` items advances together. Whoever is done leaves its state and takes the next item, so that the
    cost follows the mean length of the loops; `jax.vmap` of a loop costs the longest.

    **Arguments:**

    - `start`: called as start(item), the state before the loop.
    - `advance`: called as advance(item, state), some rounds of the loop; it changes nothing in a state that is done.
    - `unfinished`: called as unfinished(state), whether a state is not done.
    - `items`: a pytree of arrays, items along the leading axis.
    """
    number = len(jax.tree.leaves(items)[0])
    width = min(width, number)
    shapes = jax.eval_shape(start, jax.tree.map(lambda leaf: leaf[0], items))
    out = jax.tree.map(lambda leaf: jnp.zeros((number, *leaf.shape), leaf.dtype), shapes)

    def take(place: Any) -> Any:
        return jax.tree.map(lambda leaf: leaf[jnp.minimum(place, number - 1)], items)

    def test(carry: Any) -> Any:
        places, *_ = carry
        return jnp.any(places < number)

    def round_(carry: Any) -> Any:
        places, following, held, states, out = carry
        states = jax.vmap(advance)(held, states)
        done = ~jax.vmap(unfinished)(states)
        target = jnp.where(done, places, number)
        out = jax.tree.map(lambda all_, new: all_.at[target].set(new, mode="drop"), out, states)
        order = jnp.cumsum(done.astype(jnp.int32))
        places = jnp.where(done, jnp.minimum(following + order - 1, number), places)
        held = _where(done, take(places), held)
        states = _where(done, jax.vmap(start)(held), states)
        return places, following + order[-1], held, states, out

    places = jnp.arange(width, dtype=jnp.int32)
    held = take(places)
    carry = (places, jnp.asarray(width, jnp.int32), held, jax.vmap(start)(held), out)
    return lax.while_loop(test, round_, carry)[-1]


def _where(flags: Any, new: Any, old: Any) -> Any:
    def pick(a: Any, b: Any) -> Any:
        return jnp.where(flags.reshape(flags.shape + (1,) * (a.ndim - 1)), a, b)

    return jax.tree.map(pick, new, old)
