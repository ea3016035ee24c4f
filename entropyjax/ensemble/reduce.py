"""Streaming statistics: one item's lanes to a few numbers, items to cells."""

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from entropyjax.ensemble.moments import Moments, merge, of_lanes
from entropyjax.ensemble.request import TIME_BINS
from entropyjax.results import Failure, Outcome
from entropyjax.solve import LaneResult
from entropyjax.solve.sinks import Sample, Tally, Total

T = TypeVar("T")


class Statistics(NamedTuple):
    """Statistics of an item or a cell, over its trajectories that did not fail.

    Leaves are JAX arrays inside the compiled program and numpy arrays outside, with a leading axis of items or
    cells. `outcomes` (4), `failures` (4) and the histograms (`TIME_BINS`) count trajectories by code or bin.

    `observables` holds `Moments` at the K+1 save times by name, over the trajectories alive at that time;
    the event times' `Moments` are over the trajectories that had the event. `projections` counts solver
    steps that were projected, `projected` the trajectories that ever were.
    """

    observables: Any
    outcomes: Any
    failures: Any
    projections: Any
    projected: Any
    collapse_histogram: Any
    resolution_histogram: Any
    collapse_time: Any
    resolution_time: Any
    focus_time: Any
    horizon_time: Any


def contributions(lane: LaneResult, observables: Any, keep: Bool[Array, ""], horizon: Float[Array, ""]) -> Statistics:
    """Return what one lane adds to the statistics of its item, as sinks.

    **Arguments:** `observables`: what stands for them; `keep`: whether the lane is a trajectory and not padding;
    `horizon`: T.
    """
    good = keep & (lane.failure == Failure.NONE)

    def histogram(time: Float[Array, ""]) -> Tally:
        happened = good & (time <= horizon)
        place = jnp.where(happened, time, 0.0) / horizon * TIME_BINS
        return Tally(jnp.minimum(place.astype(jnp.int32), TIME_BINS - 1), happened, TIME_BINS)

    def timing(time: Float[Array, ""]) -> Sample:
        return Sample(time, good & (time <= horizon))

    events = lane.events
    return Statistics(
        observables=observables,
        outcomes=Tally(lane.outcome, good, len(Outcome)),
        failures=Tally(lane.failure, keep, len(Failure)),
        projections=Total(lane.projections, good),
        projected=Total((lane.projections > 0).astype(jnp.int32), good),
        collapse_histogram=histogram(events.collapse_time),
        resolution_histogram=histogram(events.resolution_time),
        collapse_time=timing(events.collapse_time),
        resolution_time=timing(events.resolution_time),
        focus_time=timing(events.focus_time),
        horizon_time=timing(events.horizon_time),
    )


def add_up(sink: Sample | Tally | Total) -> Any:
    """Return what a sink comes to over the leading axis of its leaves, which is one of lanes."""
    if isinstance(sink, Sample):
        return of_lanes(sink.value, sink.keep)
    if isinstance(sink, Tally):
        return jnp.zeros(sink.size, jnp.int32).at[sink.place].add(sink.keep.astype(jnp.int32))
    return jnp.sum(jnp.where(sink.keep, sink.value, 0))


def to_host(statistics: T) -> T:
    """Return the statistics as numpy arrays, floating leaves in float64 and counts in int64."""

    def convert(leaf: Any) -> np.ndarray:
        array = np.asarray(leaf)
        return array.astype(np.float64 if array.dtype.kind == "f" else np.int64)

    return jax.tree.map(convert, statistics)


def fold_blocks(moments: Moments, blocks: int) -> Moments:
    """Return the moments of cells from those of their blocks (leading axis: items, cell by cell)."""
    parts = [leaf.reshape(-1, blocks, *leaf.shape[1:]) for leaf in moments]
    total = Moments(*(part[:, 0] for part in parts))
    for block in range(1, blocks):
        total = merge(total, Moments(*(part[:, block] for part in parts)))
    return total


def to_arrays(statistics: Statistics) -> dict[str, np.ndarray]:
    """Return the statistics as flat named arrays, for storage."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(statistics)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): np.asarray(leaf) for path, leaf in leaves}


def from_arrays(arrays: Mapping[str, np.ndarray]) -> Statistics:
    """Return the statistics that `to_arrays` flattened."""

    def moments(prefix: str) -> Moments:
        return Moments(*(arrays[f"{prefix}/{field}"] for field in Moments._fields))

    names = dict.fromkeys(key.split("/")[1] for key in arrays if key.startswith("observables/"))
    fields: dict[str, Any] = {"observables": {name: moments(f"observables/{name}") for name in names}}
    for field in Statistics._fields[1:]:
        fields[field] = arrays[field] if field in arrays else moments(field)
    return Statistics(**fields)
