"""Run an ensemble: chunks of items through `lax.map` over `vmap`, shared among devices by `shard_map`."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Array, Bool, Float, UInt32

from entropyjax.ensemble.moments import Moments, across_lanes
from entropyjax.ensemble.plan import Plan
from entropyjax.ensemble.population import draw_population
from entropyjax.ensemble.reduce import Statistics, add_up, contributions, to_host
from entropyjax.ensemble.request import Ensemble
from entropyjax.params import cast, replace
from entropyjax.solve import Criteria, LaneResult, solve
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


def run_chunks(
    ensemble: Ensemble, plan: Plan, todo: Sequence[int], item_function: ItemFunction | None = None
) -> Iterator[tuple[int, int, Any]]:
    """Yield (first item, end item, host statistics of these items) for each chunk in `todo`.

    The next chunk is started before the last one is fetched.

    **Arguments:** `item_function`: what is done with an item, by default `item_statistics`.
    """
    function = item_statistics if item_function is None else item_function
    mesh = Mesh(np.asarray(jax.local_devices()[: plan.devices]), ("device",))
    shared = ensemble.without_cells()
    pending: list[tuple[int, int, Any]] = []
    for number in todo:
        start = number * plan.chunk
        end = min(start + plan.chunk, plan.items)
        items = gather(ensemble, plan.blocks, plan.block, np.minimum(start + np.arange(plan.chunk), plan.items - 1))
        pending.append((start, end, _chunk(shared, items, plan, mesh, function)))
        if len(pending) > 1:
            yield _fetch(pending.pop(0))
    for entry in pending:
        yield _fetch(entry)


def _fetch(entry: tuple[int, int, Any]) -> tuple[int, int, Any]:
    start, end, statistics = entry
    host = to_host(statistics)
    return start, end, jax.tree.map(lambda leaf: leaf[: end - start], host)


def gather(ensemble: Ensemble, blocks: int, block: int, number: np.ndarray) -> Items:
    """Return the items with these numbers, `blocks` items of `block` trajectories to a cell."""
    cell = number // blocks
    return Items(
        cell.astype(np.uint32),
        (number % blocks * block).astype(np.uint32),
        {name: np.asarray(column)[cell].astype(ensemble.dtype) for name, column in ensemble.cells.items()},
        {name: np.asarray(column)[cell].astype(ensemble.dtype) for name, column in ensemble.cell_criteria.items()},
    )


@eqx.filter_jit
def _chunk(ensemble: Ensemble, items: Items, plan: Plan, mesh: Mesh, function: ItemFunction) -> Any:
    shape = (plan.repeats, plan.vector)

    def on_device(whole: Ensemble, mine: Items) -> Any:
        stacked = jax.tree.map(lambda leaf: leaf.reshape(*shape, *leaf.shape[1:]), mine)
        out = lax.map(jax.vmap(lambda item: function(whole, plan.block, item)), stacked)
        return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), out)

    arrays, static = eqx.partition(ensemble, eqx.is_array)
    mapped = jax.shard_map(
        lambda leaves, mine: on_device(eqx.combine(leaves, static), mine),
        mesh=mesh,
        in_specs=(PartitionSpec(), PartitionSpec("device")),
        out_specs=PartitionSpec("device"),
        # jax 0.10 cannot type a psum over a vmap axis inside shard_map.
        check_vma=False,
    )
    return mapped(arrays, items)


def item_statistics(ensemble: Ensemble, block: int, item: Items) -> Statistics:
    """Integrate the lanes of one item and reduce them; the paths never leave the loop over time."""

    def lane(replicate: UInt32[Array, ""], keep: Bool[Array, ""]) -> tuple[Any, Statistics]:
        def save(params: Any, state: Any, alive: Bool[Array, ""]) -> dict[str, Moments]:
            values = ensemble.model.observe(state, params)
            return {name: across_lanes(values[name], alive & keep, _LANE) for name in ensemble.observables}

        result = integrate_lane(ensemble, item, replicate, save)
        return result.saved, contributions(result, None, keep, _horizon(ensemble))

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


def sample_paths(ensemble: Ensemble, cell: int, count: int) -> dict[str, np.ndarray]:
    """Return the observables of the first trajectories of one cell at the save times, in float64.

    Times after a trajectory failed hold NaN. **Returns:** arrays of shape (count, K+1) by name.
    """
    item = jax.tree.map(lambda leaf: leaf[0], gather(ensemble, 1, ensemble.replicates, np.asarray([cell])))

    def path(replicate: UInt32[Array, ""]) -> dict[str, Array]:
        def save(params: Any, state: Any, alive: Bool[Array, ""]) -> dict[str, Array]:
            values = ensemble.model.observe(state, params)
            return {name: jnp.where(alive, values[name], jnp.nan) for name in ensemble.observables}

        return integrate_lane(ensemble, item, replicate, save).saved

    replicates = jnp.arange(min(count, ensemble.replicates), dtype=jnp.uint32)
    return to_host(jax.jit(jax.vmap(path))(replicates))
