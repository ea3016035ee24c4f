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

from entropyjax.ensemble.lanes import ItemFunction, Items, gather, integrate_lane, item_statistics
from entropyjax.ensemble.paths import run_kernel
from entropyjax.ensemble.plan import Plan
from entropyjax.ensemble.reduce import to_host
from entropyjax.ensemble.request import Ensemble


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


@eqx.filter_jit
def _chunk(ensemble: Ensemble, items: Items, plan: Plan, mesh: Mesh, function: ItemFunction) -> Any:
    shape = (plan.repeats, plan.vector)

    def on_device(whole: Ensemble, mine: Items) -> Any:
        if plan.path.kernel is not None and function is item_statistics:
            return run_kernel(plan.path.kernel, whole, mine)
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
