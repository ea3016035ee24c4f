"""What logs know of the course of a run, which takes the place of what a model expects."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from entropyjax.inference.errors import InferenceError
from entropyjax.inference.units import Units
from entropyjax.records import UNKNOWN, TraceSet


class Drive(NamedTuple):
    """What is known of each lane at its steps; NaN or `None` where nothing is.

    A lane is a course of its own: a run, the mean of a unit's runs, or a condition where nothing is known of either.

    **Attributes:**

    - `of`: lane of each run or each unit; `condition`: of each lane.
    - `context`: whole context in ktok before the decision; `tokens`: what the step added, in ktok as the log counts.
    - `wrong`: share of the dispatches that were wrong.
    """

    of: Int[np.ndarray, " runs_or_units"]
    condition: Int[np.ndarray, " lanes"]
    context: Float[np.ndarray, "lanes steps"] | None = None
    tokens: Float[np.ndarray, "lanes steps"] | None = None
    wrong: Float[np.ndarray, "lanes steps"] | None = None

    @property
    def series(self) -> dict[str, Float[np.ndarray, "lanes steps"]]:
        """What is known, by name."""
        found = {"context": self.context, "tokens": self.tokens, "wrong": self.wrong}
        return {name: values for name, values in found.items() if values is not None}

    @property
    def words(self) -> str:
        """In words what drives the lanes."""
        names = [{"wrong": "wrong dispatches"}.get(name, name) for name in self.series]
        return f"driven by {', '.join(names)}" if names else "at their means"

    def until(self, steps: int) -> "Drive":
        """Return what is known of the first steps; of more of them than there are the context stays at its last."""
        return self._replace(**{name: _until(values, steps, name == "context") for name, values in self.series.items()})


class Drives(NamedTuple):
    """What drives the course of single runs, `own`, and that of the runs of a unit together, `shared`."""

    own: Drive
    shared: Drive


def undriven(units: Units) -> Drives:
    """Return that nothing is known: a lane is a condition."""
    conditions = np.arange(len(units.conditions))
    return Drives(Drive(units.condition[units.unit_of_lane], conditions), Drive(units.condition, conditions))


def drives(traces: TraceSet, units: Units, *, context: bool, tokens: bool, wrong: bool) -> Drives:
    """Return what a set of runs knows of its courses.

    **Arguments:** which of it to take: the measured context, or the tokens of each step; which dispatches were wrong.
    The last is known of single runs alone: runs that agree are right more often than others.

    **Raises:** `InferenceError` for a context that is measured nowhere in a condition.
    """
    steps = int(traces.lengths.max())
    rows, unit_of = units.lane_of_run, units.unit_of_lane
    shared = _known(traces, units, units.of_run, np.arange(len(units)), steps, context, tokens)
    own = _known(traces, units, rows, unit_of, steps, context, tokens) if units.apart else shared
    if wrong and units.apart:
        flags = np.where(traces.error == UNKNOWN, np.nan, traces.error.astype(float))
        own["wrong"] = _mean_at(traces, flags, rows, len(unit_of), steps)
    nothing = undriven(units)
    return Drives(
        Drive(np.arange(len(unit_of)), units.condition[unit_of], **own) if own else nothing.own,
        Drive(np.arange(len(units)), units.condition, **shared) if shared else nothing.shared,
    )


def _known(
    traces: TraceSet, units: Units, rows: np.ndarray, unit_of: np.ndarray, steps: int, context: bool, tokens: bool
) -> dict[str, np.ndarray]:
    """Return context and tokens of each row of runs, each in a unit."""
    found = {}
    if context:
        found["context"] = measured_context(traces, units, steps, rows, unit_of)
    if tokens:
        found["tokens"] = _mean_at(traces, traces.tokens, rows, len(unit_of), steps)
    return found


def measured_context(
    traces: TraceSet,
    units: Units,
    steps: int,
    rows: Int[np.ndarray, " runs"] | None = None,
    unit_of: Int[np.ndarray, " rows"] | None = None,
) -> Float[np.ndarray, "rows steps"]:
    """Return the mean context in ktok of each row's runs that are still going, where none is the last one known.

    A row that never says has the mean of its unit, and a unit that never does that of its condition.

    **Arguments:** `rows`: row of each run, by default its unit; `unit_of`: unit of each row.

    **Raises:** `InferenceError` for a condition without any.
    """
    rows = units.of_run if rows is None else rows
    unit_of = np.arange(len(units)) if unit_of is None else unit_of
    condition = units.condition[units.of_run]
    over = _mean_at(traces, traces.context, condition, len(units.conditions), steps)
    silent = np.flatnonzero(np.isnan(over).all(axis=1))
    if silent.size:
        name = units.conditions.names[silent[0]]
        raise InferenceError(f"No context is measured in {name}; fit with the context 'modelled'.")
    by_unit = _mean_at(traces, traces.context, units.of_run, len(units), steps)
    by_unit = _unless_silent(by_unit, over[units.condition])
    mean = _unless_silent(_mean_at(traces, traces.context, rows, len(unit_of), steps), by_unit[unit_of])
    known = ~np.isnan(mean)
    place = np.maximum.accumulate(np.where(known, np.arange(steps), -1), axis=1)
    place = np.where(place < 0, np.argmax(known, axis=1)[:, None], place)
    return np.take_along_axis(mean, place, axis=1)


def _until(values: np.ndarray, steps: int, stays: bool) -> np.ndarray:
    more = np.full((len(values), max(steps - values.shape[1], 0)), np.nan)
    return np.concatenate([values[:, :steps], np.where(stays, values[:, -1:], more)], axis=1)


def _unless_silent(mean: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
    silent = np.isnan(mean).all(axis=1, keepdims=True)
    return np.where(silent, otherwise, mean)


def _mean_at(traces: TraceSet, values: np.ndarray, row_of_run: np.ndarray, rows: int, steps: int) -> np.ndarray:
    """Return the mean of what is known of each row at each step, NaN where nothing is."""
    kept = np.isfinite(values) & (traces.place < steps)
    place = (row_of_run[traces.run[kept]], traces.place[kept])
    total, count = np.zeros((rows, steps)), np.zeros((rows, steps))
    np.add.at(total, place, values[kept])
    np.add.at(count, place, 1.0)
    return np.where(count > 0.0, total / np.maximum(count, 1.0), np.nan)
