"""Run an ensemble: chunks of items through `lax.map` over `vmap`, shared among devices by `shard_map`."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Array, Bool, UInt32

from entropyjax.ensemble.moments import Moments, across_lanes
from entropyjax.ensemble.plan import Plan
from entropyjax.ensemble.population import draw_population
from entropyjax.ensemble.reduce import Statistics, reduce_lanes, to_host
from entropyjax.ensemble.request import Ensemble
from entropyjax.params import cast, replace
from entropyjax.solve import LaneResult, solve

_LANE = "lane"


class Items(NamedTuple):
    """The items of a chunk: cell and first replicate of each, and the cell's swept values."""

    cell: Any
    first: Any
    values: dict[str, Any]
    criteria: dict[str, Any]


def run_chunks(ensemble: Ensemble, plan: Plan, todo: Sequence[int]) -> Iterator[tuple[int, int, Statistics]]:
    """Yield (first item, end item, statistics of these items) for each chunk in `todo`.

    The next chunk is started before the last one is fetched.
    """
    mesh = Mesh(np.asarray(jax.local_devices()[: plan.devices]), ("device",))
    pending: list[tuple[int, int, Any]] = []
    for number in todo:
        start = number * plan.chunk
        end = min(start + plan.chunk, plan.items)
        items = gather(ensemble, plan, start)
        pending.append((start, end, _chunk(ensemble, items, plan, mesh)))
        if len(pending) > 1:
            yield _fetch(pending.pop(0))
    for entry in pending:
        yield _fetch(entry)


def _fetch(entry: tuple[int, int, Any]) -> tuple[int, int, Statistics]:
    start, end, statistics = entry
    host = to_host(statistics)
    return start, end, jax.tree.map(lambda leaf: leaf[: end - start], host)


def gather(ensemble: Ensemble, plan: Plan, start: int) -> Items:
    """Return the items of the chunk that begins at `start`; places past the end repeat the last item."""
    number = np.minimum(start + np.arange(plan.chunk), plan.items - 1)
    cell, block = number // plan.blocks, number % plan.blocks
    return Items(
        cell.astype(np.uint32),
        (block * plan.block).astype(np.uint32),
        {name: np.asarray(column)[cell].astype(ensemble.dtype) for name, column in ensemble.cells.items()},
        {name: np.asarray(column)[cell].astype(ensemble.dtype) for name, column in ensemble.cell_criteria.items()},
    )


@eqx.filter_jit
def _chunk(ensemble: Ensemble, items: Items, plan: Plan, mesh: Mesh) -> Statistics:
    shape = (plan.repeats, plan.vector)

    def on_device(constants: Ensemble, mine: Items) -> Statistics:
        stacked = jax.tree.map(lambda leaf: leaf.reshape(*shape, *leaf.shape[1:]), mine)
        out = lax.map(lambda row: jax.vmap(lambda item: item_statistics(constants, plan.block, item))(row), stacked)
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
    replicates = item.first + jnp.arange(block, dtype=jnp.uint32)
    keep = replicates < jnp.uint32(ensemble.replicates)
    lanes = jax.vmap(
        lambda replicate, kept: _lane(ensemble, item, replicate, kept),
        axis_name=_LANE,
        out_axes=LaneResult(None, 0, 0, 0, 0, 0, 0),  # type: ignore[arg-type]
    )(replicates, keep)
    horizon = jnp.asarray(ensemble.grid.horizon, ensemble.dtype)
    return reduce_lanes(lanes, keep, horizon)


def lane_problem(ensemble: Ensemble, item: Items, replicate: UInt32[Array, ""]) -> tuple[Any, Any, Any]:
    """Return the parameters, criteria and global index of one trajectory."""
    index = item.cell * jnp.uint32(ensemble.index_stride) + replicate
    specs = type(ensemble.constants).specs()
    drawn = draw_population(ensemble.population, specs, ensemble.key, index, ensemble.dtype)
    params = replace(cast(ensemble.constants, ensemble.dtype), {**item.values, **drawn})
    criteria = cast(ensemble.criteria, ensemble.dtype)
    for name, value in item.criteria.items():
        criteria = eqx.tree_at(lambda tree, name=name: getattr(tree, name), criteria, value)
    return params, criteria, index


def _lane(
    ensemble: Ensemble, item: Items, replicate: UInt32[Array, ""], keep: Bool[Array, ""]
) -> LaneResult:
    params, criteria, index = lane_problem(ensemble, item, replicate)

    def save(t: Any, state: Any, alive: Bool[Array, ""]) -> dict[str, Moments]:
        del t
        values = ensemble.model.observe(state, params)
        return {name: across_lanes(values[name], alive & keep, _LANE) for name in ensemble.observables}

    return solve(
        ensemble.model,
        params,
        grid=ensemble.grid,
        key=ensemble.key,
        save=save,
        method=ensemble.method,
        criteria=criteria,
        index=index,
        substeps=ensemble.substeps,
        dtype=ensemble.dtype,
    )
