"""One lane and one item of an ensemble: what every solver path runs."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, UInt32

from entropyjax.ensemble.moments import Moments, across_lanes
from entropyjax.ensemble.population import draw_population
from entropyjax.ensemble.reduce import Statistics, add_up, contributions
from entropyjax.ensemble.request import Ensemble
from entropyjax.params import cast, replace
from entropyjax.solve import Criteria, solve
from entropyjax.solve.method import LaneResult
from entropyjax.solve.sinks import Sample, is_sink

_LANE = "lane"


class Items(NamedTuple):
    """The items of a chunk: cell and first replicate of each, and the cell's swept values."""

    cell: Any
    first: Any
    values: dict[str, Any]
    criteria: dict[str, Any]


ItemFunction = Callable[[Ensemble, int, "Items"], Any]
"""What is done with one item: (ensemble, block size, item) to a pytree of statistics."""


def gather(ensemble: Ensemble, blocks: int, block: int, number: np.ndarray) -> Items:
    """Return the items with these numbers, `blocks` items of `block` trajectories to a cell."""
    cell = number // blocks
    return Items(
        cell.astype(np.uint32),
        (number % blocks * block).astype(np.uint32),
        {name: np.asarray(column)[cell].astype(ensemble.dtype) for name, column in ensemble.cells.items()},
        {name: np.asarray(column)[cell].astype(ensemble.dtype) for name, column in ensemble.cell_criteria.items()},
    )


def item_statistics(ensemble: Ensemble, block: int, item: Items) -> Statistics:
    """Integrate the lanes of one item and reduce them; the paths never leave the loop over time."""

    def lane(replicate: UInt32[Array, ""], keep: Bool[Array, ""]) -> tuple[Any, Statistics]:
        def save(params: Any, state: Any, alive: Bool[Array, ""]) -> dict[str, Moments]:
            values = ensemble.model.observe(state, params)
            return {name: across_lanes(values[name], alive & keep, _LANE) for name in ensemble.observables}

        result = integrate_lane(ensemble, item, replicate, save)
        return result.saved, contributions(result, None, keep, _horizon(ensemble))

    if not ensemble.method.lockstep:
        numbers = jnp.arange(block, dtype=jnp.uint32)
        sinks = jax.vmap(lambda number: lane_sinks(ensemble, item, number, jnp.asarray(True)))(numbers)
        return jax.tree.map(add_up, sinks, is_leaf=is_sink)
    replicates, keep = lanes_of(ensemble, block, item)
    saved, lanes = jax.vmap(lane, axis_name=_LANE, out_axes=(None, 0))(replicates, keep)
    return jax.tree.map(add_up, lanes, is_leaf=is_sink)._replace(observables=saved)


def lane_sinks(ensemble: Ensemble, item: Items, lane: UInt32[Array, ""], valid: Bool[Array, ""]) -> Statistics:
    """Integrate lane number `lane` of an item; return all that it adds to the item's statistics, as sinks."""
    replicate = item.first + lane
    keep = valid & (replicate < jnp.uint32(ensemble.replicates))

    def save(params: Any, state: Any, alive: Bool[Array, ""]) -> dict[str, Sample]:
        values = ensemble.model.observe(state, params)
        return {name: Sample(values[name], alive & keep) for name in ensemble.observables}

    result = integrate_lane(ensemble, item, replicate, save)
    return contributions(result, result.saved, keep, _horizon(ensemble))


def _horizon(ensemble: Ensemble) -> Float[Array, ""]:
    return jnp.asarray(ensemble.grid.horizon, ensemble.dtype)


def lanes_of(ensemble: Ensemble, block: int, item: Items) -> tuple[UInt32[Array, " block"], Bool[Array, " block"]]:
    """Return the replicate numbers of an item's lanes, and which of them are trajectories and not padding."""
    replicates = item.first + jnp.arange(block, dtype=jnp.uint32)
    return replicates, replicates < jnp.uint32(ensemble.replicates)


def integrate_lane(
    ensemble: Ensemble, item: Items, replicate: UInt32[Array, ""], save: Callable[[Any, Any, Any], Any]
) -> LaneResult:
    """Integrate one trajectory of an item; `save(params, state, alive)` is kept at the save times."""
    index = item.cell * jnp.uint32(ensemble.index_stride) + replicate
    specs = type(ensemble.constants).specs()
    drawn = draw_population(ensemble.population, specs, ensemble.key, index, ensemble.dtype)
    params = replace(cast(ensemble.constants, ensemble.dtype), {**item.values, **drawn})
    criteria = cast(ensemble.criteria, ensemble.dtype)
    criteria = Criteria(**{**vars(criteria), **item.criteria})
    return solve(
        ensemble.model,
        params,
        grid=ensemble.grid,
        key=ensemble.key,
        save=lambda t, state, alive: save(params, state, alive),
        method=ensemble.method,
        criteria=criteria,
        index=index,
        substeps=ensemble.substeps,
        dtype=ensemble.dtype,
    )
