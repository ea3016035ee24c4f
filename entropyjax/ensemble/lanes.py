"""One lane and one item of an ensemble: what every solver path runs."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, UInt32

from entropyjax.ensemble.groups import NUMBERED, Lanes, over_groups, pool_groups
from entropyjax.ensemble.moments import Moments, across_lanes
from entropyjax.ensemble.order import by_predicted_steps
from entropyjax.ensemble.population import draw_population
from entropyjax.ensemble.reduce import Statistics, add_up, contributions
from entropyjax.ensemble.request import Ensemble
from entropyjax.params import cast, replace
from entropyjax.solve import Criteria, solve
from entropyjax.solve.method import LaneResult
from entropyjax.solve.sinks import Sample, is_sink

_LANE = "lane"


class Items(NamedTuple):
    """The items of a chunk: number of the cell and first replicate of each, and the cell's swept values."""

    cell: Any
    first: Any
    values: dict[str, Any]
    criteria: dict[str, Any]


ItemFunction = Callable[[Ensemble, Lanes, "Items"], Any]
"""What is done with one item: (ensemble, its lanes, item) to a pytree of statistics."""


def gather(ensemble: Ensemble, blocks: int, block: int, number: np.ndarray) -> Items:
    """Return the items with these numbers, `blocks` items of `block` trajectories to a cell."""
    cell = number // blocks
    named = cell if ensemble.cell_numbers is None else np.asarray(ensemble.cell_numbers)[cell]
    return Items(
        named.astype(np.uint32),
        (number % blocks * block).astype(np.uint32),
        {name: np.asarray(column)[cell].astype(ensemble.dtype) for name, column in ensemble.cells.items()},
        {name: np.asarray(column)[cell].astype(ensemble.dtype) for name, column in ensemble.cell_criteria.items()},
    )


def item_statistics(ensemble: Ensemble, lanes: Lanes, item: Items) -> Statistics:
    """Integrate the lanes of one item and reduce them; the paths never leave the loop over time."""
    ensemble = dataclasses.replace(ensemble, method=ensemble.method.batched())

    def lane(replicate: UInt32[Array, ""], keep: Bool[Array, ""]) -> tuple[Any, Any]:
        def save(params: Any, state: Any, alive: Bool[Array, ""]) -> dict[str, Moments]:
            values = ensemble.model.observe(state, params)
            return {name: across_lanes(values[name], alive & keep, _LANE) for name in ensemble.observables}

        result = integrate_lane(ensemble, item, replicate, save)
        return result.saved, (contributions(result, None, keep, _horizon(ensemble)), result.steps)

    def group(numbers: UInt32[Array, " group"], valid: Bool[Array, " group"]) -> tuple[Statistics, Any]:
        replicates = item.first + numbers
        keep = valid & (replicates < jnp.uint32(ensemble.replicates))
        saved, (sinks, steps) = jax.vmap(lane, axis_name=_LANE, out_axes=(None, 0))(replicates, keep)
        return jax.tree.map(add_up, sinks, is_leaf=is_sink)._replace(observables=saved), steps

    numbers = lanes.numbers()
    if lanes.order == NUMBERED:
        return pool_groups(over_groups(lanes, numbers, group)[0])
    first, steps = over_groups(lanes, numbers[:1], group)
    drawn = jax.vmap(lambda number: drawn_values(ensemble, item, item.first + number))(numbers.ravel())
    rest = by_predicted_steps(drawn, steps.ravel()).reshape(-1, lanes.group)
    others, _ = over_groups(lanes, rest, group)
    return pool_groups(jax.tree.map(lambda *parts: jnp.concatenate(parts), first, others))


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


def global_index(ensemble: Ensemble, item: Items, replicate: UInt32[Array, ""]) -> UInt32[Array, ""]:
    """Return the number of a trajectory in the whole ensemble, from which its random numbers come."""
    return item.cell * jnp.uint32(ensemble.index_stride) + replicate


def drawn_values(ensemble: Ensemble, item: Items, replicate: UInt32[Array, ""]) -> dict[str, Float[Array, ""]]:
    """Return the parameters that one trajectory of an item draws, by name."""
    specs = type(ensemble.constants).specs()
    index = global_index(ensemble, item, replicate)
    return draw_population(ensemble.population, specs, ensemble.key, index, ensemble.dtype)


def integrate_lane(
    ensemble: Ensemble, item: Items, replicate: UInt32[Array, ""], save: Callable[[Any, Any, Any], Any]
) -> LaneResult:
    """Integrate one trajectory of an item; `save(params, state, alive)` is kept at the save times."""
    index = global_index(ensemble, item, replicate)
    drawn = drawn_values(ensemble, item, replicate)
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
