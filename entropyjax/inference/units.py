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

    **Raises:** `InferenceError` for a unit without any.
    """
    unit, place = found.of_run[traces.run], traces.place
    kept = np.isfinite(traces.context) & (place < steps)
    total, count = np.zeros((len(found), steps)), np.zeros((len(found), steps))
    np.add.at(total, (unit[kept], place[kept]), traces.context[kept])
    np.add.at(count, (unit[kept], place[kept]), 1.0)
    if (count.sum(axis=1) == 0).any():
        raise InferenceError("A task has no measured context; fit with context = 'modelled'.")
    known = np.where(count > 0, np.arange(steps), -1)
    last = np.maximum.accumulate(known, axis=1)
    first = np.argmax(count > 0, axis=1)
    last = np.where(last < 0, first[:, None], last)
    mean = total / np.where(count > 0, count, 1.0)
    return np.take_along_axis(mean, last, axis=1)
