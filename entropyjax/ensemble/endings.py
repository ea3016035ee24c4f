"""How trajectories end: outcomes, and when those that collapsed or were resolved did so."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, UInt32

from entropyjax.ensemble.groups import Lanes, over_groups, pool_groups
from entropyjax.ensemble.lanes import Items, global_index, integrate_lane
from entropyjax.ensemble.plan import Plan
from entropyjax.ensemble.reduce import add_up, fold_blocks
from entropyjax.ensemble.request import Ensemble
from entropyjax.ensemble.run import run_chunks
from entropyjax.ensemble.work import LaneSinks, Work, as_moments
from entropyjax.results import Failure, Outcome
from entropyjax.solve.noise import stream, threefry, uniform
from entropyjax.solve.sinks import Sample, Tally, is_sink

CHANCE_STREAM = 8
"""Stream of the key that draws when tasks are resolved, where progress is the chance of it."""

_ROUNDING = 1e-3
"""Share of a save interval by which a time may pass a save time and still count as it."""


class Endings(NamedTuple):
    """Endings of an item's or a cell's trajectories that did not fail.

    **Attributes:**

    - `outcomes` (4), `failures` (4): counts by code.
    - `collapsed`, `resolved` (K+1): trajectories with that outcome by the first save time that is not before the event,
      so that their sums up to a save time are those that have ended so by then.
    - `observables`: `Moments` at the K+1 save times by name.

    `Statistics` have the times of events whatever the outcome, a collapse after the resolution for example.
    """

    outcomes: Any
    failures: Any
    collapsed: Any
    resolved: Any
    observables: Any


def _lane(ensemble: Ensemble, item: Items, lane: UInt32[Array, ""], valid: Bool[Array, ""]) -> Endings:
    replicate = item.first + lane
    keep = valid & (replicate < jnp.uint32(ensemble.replicates))

    def save(params: Any, state: Any, alive: Bool[Array, ""]) -> dict[str, Sample]:
        values = ensemble.model.observe(state, params)
        return {name: Sample(values[name], alive & keep) for name in ensemble.observables}

    result = integrate_lane(ensemble, item, replicate, save)
    good = keep & (result.failure == Failure.NONE)

    def ended(code: Outcome, time: Float[Array, ""]) -> Tally:
        happened = good & (result.outcome == code)
        interval = jnp.asarray(ensemble.grid.horizon, ensemble.dtype) / ensemble.grid.intervals
        place = jnp.ceil(jnp.where(happened, time, 0.0) / interval - _ROUNDING).astype(jnp.int32)
        return Tally(jnp.clip(place, 0, ensemble.grid.intervals), happened, ensemble.grid.intervals + 1)

    return Endings(
        Tally(result.outcome, good, len(Outcome)),
        Tally(result.failure, keep, len(Failure)),
        ended(Outcome.COLLAPSED, result.events.collapse_time),
        ended(Outcome.RESOLVED, result.events.resolution_time),
        result.saved,
    )


def _chance_lane(ensemble: Ensemble, item: Items, lane: UInt32[Array, ""], valid: Bool[Array, ""]) -> Endings:
    """Let the task be resolved once s passes a number that is drawn evenly from 0 to 1: by t with the chance s(t)."""
    index = global_index(ensemble, item, item.first + lane)
    word, _ = threefry(stream(ensemble.key, CHANCE_STREAM), index, jnp.zeros_like(index))
    left = {"progress_tolerance": uniform(word, ensemble.dtype)}
    return _lane(ensemble, item._replace(criteria={**item.criteria, **left}), lane, valid)


def _work(lane: LaneSinks) -> Work:
    def reduced(ensemble: Ensemble, lanes: Lanes, item: Items) -> Endings:
        def group(numbers: UInt32[Array, " group"], valid: Bool[Array, " group"]) -> Endings:
            sinks = jax.vmap(lambda *one: lane(ensemble, item, *one))(numbers, valid)
            return jax.tree.map(add_up, sinks, is_leaf=is_sink)

        return pool_groups(over_groups(lanes, lanes.numbers(), group))

    return Work(reduced, (lane,), lambda ensemble, block, items, results: as_moments(results[0]))


ENDINGS = _work(_lane)
"""How the trajectories of each item end."""

CHANCE_ENDINGS = _work(_chance_lane)
"""The same where s is the chance that the task is resolved by then, as fits to completions read it."""


def run_endings(ensemble: Ensemble, plan: Plan, progress: Callable[[int], None] = lambda done: None) -> Endings:
    """Return the endings of all cells, with a leading axis of cells.

    **Arguments:** `plan`: one for `ENDINGS` or `CHANCE_ENDINGS`; `progress`: called with the trajectories done so far.
    """
    parts = []
    for _, end, part in run_chunks(ensemble, plan, range(plan.chunks)):
        parts.append(part)
        progress(end * plan.block)
    items = jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)
    moments = {name: fold_blocks(found, plan.blocks) for name, found in items.observables.items()}

    def total(leaf: np.ndarray) -> np.ndarray:
        return leaf.reshape(-1, plan.blocks, *leaf.shape[1:]).sum(axis=1)

    return jax.tree.map(total, items._replace(observables=None))._replace(observables=moments)
