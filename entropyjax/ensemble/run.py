"""Run an ensemble: chunks of items through `lax.map` over `vmap`, shared among devices by `shard_map`."""

from collections.abc import Iterator, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Array, Bool, UInt32

from entropyjax.ensemble.groups import Lanes
from entropyjax.ensemble.lanes import Items, gather, integrate_lane
from entropyjax.ensemble.paths import Path, choose_path, run_kernels
from entropyjax.ensemble.plan import DEFAULTS, Plan
from entropyjax.ensemble.reduce import to_host
from entropyjax.ensemble.request import Ensemble
from entropyjax.ensemble.work import Work
from entropyjax.records import Calibration
from entropyjax.solve.sinks import Each, is_sink


def run_chunks(ensemble: Ensemble, plan: Plan, todo: Sequence[int]) -> Iterator[tuple[int, int, Any]]:
    """Yield (first item, end item, host statistics of these items) for each chunk in `todo`.

    The next chunk is started before the last one is fetched.
    """
    mesh = Mesh(np.asarray(jax.local_devices()[: plan.devices]), ("device",))
    shared = ensemble.without_cells()
    pending: list[tuple[int, int, Any]] = []
    for number in todo:
        start = number * plan.chunk
        end = min(start + plan.chunk, plan.items)
        items = gather(ensemble, plan.blocks, plan.block, np.minimum(start + np.arange(plan.chunk), plan.items - 1))
        pending.append((start, end, _chunk(shared, items, plan, mesh)))
        if len(pending) > 1:
            yield _fetch(pending.pop(0))
    for entry in pending:
        yield _fetch(entry)


def _fetch(entry: tuple[int, int, Any]) -> tuple[int, int, Any]:
    start, end, statistics = entry
    host = to_host(statistics)
    return start, end, jax.tree.map(lambda leaf: leaf[: end - start], host)


@eqx.filter_jit
def _chunk(ensemble: Ensemble, items: Items, plan: Plan, mesh: Mesh) -> Any:
    shape = (plan.repeats, plan.vector)

    def on_device(whole: Ensemble, mine: Items) -> Any:
        if plan.path.kernels:
            return run_kernels(plan.path, plan.work, whole, plan.block, mine)
        stacked = jax.tree.map(lambda leaf: leaf.reshape(*shape, *leaf.shape[1:]), mine)
        out = lax.map(jax.vmap(lambda item: plan.work.item(whole, plan.lanes, item)), stacked)
        return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), out)

    if plan.devices == 1:
        return on_device(ensemble, items)
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


def sample_paths(
    ensemble: Ensemble,
    cell: int,
    count: int,
    *,
    path: str = "auto",
    calibration: Calibration = DEFAULTS,
    cache: Any = None,
) -> dict[str, np.ndarray]:
    """Return the observables of the first trajectories of one cell at the save times, in float64.

    Times after a trajectory failed hold NaN.

    **Arguments:** `path`, `calibration`, `cache`: as in `make_plan`. **Returns:** arrays of shape (count, K+1) by name.
    """
    block = min(count, ensemble.replicates)
    chosen = choose_path(ensemble, block, path, calibration, cache, PATHS_OF_LANES)
    items = gather(ensemble, 1, ensemble.replicates, np.asarray([cell]))
    found = to_host(_paths(ensemble.without_cells(), items, block, chosen))
    alive = found.pop("alive") > 0
    return {name: np.where(alive, values, np.nan)[0] for name, values in found.items()}


@eqx.filter_jit
def _paths(ensemble: Ensemble, items: Items, block: int, path: Path) -> Any:
    if path.kernels:
        return run_kernels(path, PATHS_OF_LANES, ensemble, block, items)
    return jax.vmap(lambda item: _item_paths(ensemble, Lanes(block, block), item))(items)


def _item_paths(ensemble: Ensemble, lanes: Lanes, item: Items) -> dict[str, Array]:
    every = jnp.arange(lanes.block, dtype=jnp.uint32)
    sinks = jax.vmap(lambda lane: _path_sinks(ensemble, item, lane, jnp.asarray(True)))(every)
    return jax.tree.map(lambda sink: sink.value, sinks, is_leaf=is_sink)


def _path_sinks(ensemble: Ensemble, item: Items, lane: UInt32[Array, ""], valid: Bool[Array, ""]) -> dict[str, Each]:
    del valid

    def save(params: Any, state: Any, alive: Bool[Array, ""]) -> dict[str, Each]:
        values = ensemble.model.observe(state, params)
        return {name: Each(values[name]) for name in ensemble.observables} | {"alive": Each(alive)}

    return integrate_lane(ensemble, item, item.first + lane, save).saved


PATHS_OF_LANES = Work(_item_paths, (_path_sinks,), lambda ensemble, block, items, results: results[0])
"""The observables of every trajectory at the save times."""
