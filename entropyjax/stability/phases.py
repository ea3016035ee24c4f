"""Phases of many parameter points at once."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from entropyjax.models import AbstractModel
from entropyjax.params import cast
from entropyjax.stability.equilibria import label, stable_count
from entropyjax.stability.pool import pooled_loop
from entropyjax.stability.rest import check_rest, enclosed_residual, residual, start_search
from entropyjax.stability.resting import final_progress
from entropyjax.stability.roots import Walk, refine, step_walk, unfinished

_POOL, _CELLS = 2048, 2


class Phases(NamedTuple):
    """What the fixed points make of each parameter point; every array has the shape of the batch.

    `label` is a `Phase` code; `margin` the focus margin in nat of the fixed point with the least context, and
    `last_margin` that of the one with the most, NaN where there is none; `count` and `stable_count` how many fixed
    points there are; `certified` whether no other can exist.
    """

    label: Any
    margin: Any
    last_margin: Any
    count: Any
    stable_count: Any
    certified: Any


def phases(model: AbstractModel, params: Any, progress: Any = None, *, dtype: Any = None) -> Phases:
    """Return the phases of a batch of parameter points: the leaves of `params` are arrays that broadcast.

    The same search as `equilibria`, in a pool in which no point waits for the slowest: its cost follows the mean number
    of cells, where `jax.vmap` of `equilibria` pays for the largest in the batch.

    **Arguments:** `progress`: s, by default 1, or s(0) if kappa = 0; `dtype`: floating type, by default JAX's own.

    **Raises:** `RestError` for a model that does not say where it comes to rest.
    """
    check_rest(model)
    dtype = jnp.result_type(float) if dtype is None else jnp.dtype(dtype)
    leaves = jax.tree.leaves(params)
    shape = np.broadcast_shapes(*(np.shape(leaf) for leaf in leaves), np.shape(progress))
    varying = jax.tree.map(lambda leaf: np.ndim(leaf) > 0, params)
    many, one = eqx.partition(cast(params, dtype), varying)
    many = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, shape).ravel(), many)
    held = None if progress is None else jnp.broadcast_to(jnp.asarray(progress, dtype), shape).ravel()
    if not shape:
        many, one = jax.tree.map(lambda leaf: leaf[None], one), many
    found = _phases(model, many, one, held)
    return jax.tree.map(lambda leaf: leaf.reshape(shape), found)


@eqx.filter_jit
def _phases(model: Any, many: Any, one: Any, held: Any) -> Phases:
    def unpack(item: Any) -> tuple[Any, Any]:
        params = eqx.combine(item[0], one)
        return params, final_progress(params) if item[1] is None else item[1]

    def start(item: Any) -> Walk:
        params, progress = unpack(item)
        return start_search(model, progress, params, 5)

    def advance(item: Any, walk: Walk) -> Walk:
        params, progress = unpack(item)
        enclosed = enclosed_residual(model, progress, params)
        return lax.fori_loop(0, _CELLS, lambda _, walk: step_walk(enclosed, walk), walk)

    def describe(item: Any, found: Any) -> Phases:
        params, progress = unpack(item)
        function = residual(model, progress, params)
        count = jnp.prod(found.count).astype(jnp.int32)

        def margin(place: Any) -> Any:
            low, high = (jnp.take_along_axis(end, place[None], axis=0)[0] for end in (found.lower, found.upper))
            state = model.at_rest(refine(function, low, high), progress, params)
            return jnp.where(count > 0, model.observables["margin"].evaluate(model, state, params), jnp.nan)

        last = jnp.clip(found.count - 1, 0, len(found.lower) - 1)
        margins = jax.vmap(margin)(jnp.stack([jnp.zeros_like(last), last]))
        stable, bounded = stable_count(found.count), jnp.all(~found.positive)
        certified = jnp.all(found.certified) & bounded
        return Phases(label(stable, margins[0], bounded), margins[0], margins[1], count, stable, certified)

    items = (many, held)
    walks = pooled_loop(start, advance, unfinished, items, _POOL)
    return lax.map(lambda pair: describe(*pair), (items, walks.found), batch_size=_POOL)
