"""Conditions and units: which runs share parameters, and which share a task as well."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from entropyjax.inference.errors import InferenceError
from entropyjax.records import TraceSet


class Conditions(NamedTuple):
    """What runs share parameters in: one system, orchestrator and roster each.

    **Attributes:** `systems`, `orchestrators`: names; `roster`: code; `size`: executors on the roster.
    """

    systems: tuple[str, ...]
    orchestrators: tuple[str, ...]
    roster: Int[np.ndarray, " conditions"]
    size: Int[np.ndarray, " conditions"]

    def __len__(self) -> int:  # type: ignore[override]
        return len(self.systems)

    @property
    def names(self) -> tuple[str, ...]:
        """A name for each condition."""
        parts = zip(self.systems, self.orchestrators, self.size, strict=True)
        return tuple(f"{system}, {orchestrator}, {size} executors" for system, orchestrator, size in parts)

    def levels(self, by: str | None) -> tuple[Int[np.ndarray, " conditions"], tuple[str, ...]]:
        """Return the level of each condition, and the levels' names; one without a name where `by` is `None`."""
        keys = {
            None: ("",) * len(self),
            "system": self.systems,
            "orchestrator": self.orchestrators,
            "roster": tuple(f"{size} executors" for size in self.size),
            "condition": self.names,
        }
        if by not in keys:
            raise InferenceError(
                f"Parameters cannot be told apart by '{by}'; take system, orchestrator, roster or condition."
            )
        names = tuple(dict.fromkeys(keys[by]))
        return np.array([names.index(key) for key in keys[by]]), names


class Units(NamedTuple):
    """The tasks of each condition, which carry a random effect each.

    **Attributes:** `condition`, `task`: of each unit; `of_run`: unit of each run; `conditions`: the table of them.
    """

    condition: Int[np.ndarray, " units"]
    task: Int[np.ndarray, " units"]
    of_run: Int[np.ndarray, " runs"]
    conditions: Conditions

    def __len__(self) -> int:  # type: ignore[override]
        return len(self.condition)


def units(traces: TraceSet) -> Units:
    """Return the conditions and units of a set of runs."""
    if not len(traces):
        raise InferenceError("There are no runs to fit; read a file that has some.")
    columns = np.stack([traces.system, traces.orchestrator, traces.roster])
    table, condition = np.unique(columns, axis=1, return_inverse=True)
    pairs, of_run = np.unique(np.stack([condition.reshape(-1), traces.task]), axis=1, return_inverse=True)
    conditions = Conditions(
        systems=tuple(traces.systems[code] for code in table[0]),
        orchestrators=tuple(traces.orchestrators[code] for code in table[1]),
        roster=table[2],
        size=traces.rosters[table[2]].sum(axis=1),
    )
    if conditions.size.min() < 2:
        raise InferenceError(
            "A roster has fewer than two executors, so that there is nothing to choose; leave those runs out."
        )
    return Units(pairs[0], pairs[1], of_run.reshape(-1), conditions)


def measured_context(traces: TraceSet, found: Units, steps: int) -> Float[np.ndarray, "units steps"]:
    """Return the mean context in ktok of each unit's runs that are still going, where none is the last one known.

    A unit that never says has the mean of its condition.

    **Raises:** `InferenceError` for a condition without any.
    """
    mean, count = _mean_at(traces, found.of_run, len(found), steps)
    over, known = _mean_at(traces, found.condition[found.of_run], len(found.conditions), steps)
    silent = np.flatnonzero(known.sum(axis=1) == 0)
    if silent.size:
        name = found.conditions.names[silent[0]]
        raise InferenceError(f"No context is measured in {name}; fit with the context 'modelled'.")
    never = count.sum(axis=1) == 0
    mean[never], count[never] = over[found.condition[never]], known[found.condition[never]]
    place = np.maximum.accumulate(np.where(count > 0, np.arange(steps), -1), axis=1)
    place = np.where(place < 0, np.argmax(count > 0, axis=1)[:, None], place)
    return np.take_along_axis(mean, place, axis=1)


def _mean_at(traces: TraceSet, row_of_run: np.ndarray, rows: int, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean context of each row at each step, and of how many runs."""
    kept = np.isfinite(traces.context) & (traces.place < steps)
    place = (row_of_run[traces.run[kept]], traces.place[kept])
    total, count = np.zeros((rows, steps)), np.zeros((rows, steps))
    np.add.at(total, place, traces.context[kept])
    np.add.at(count, place, 1.0)
    return total / np.maximum(count, 1.0), count
