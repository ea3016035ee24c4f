"""Conditions and units: which runs share parameters, and which share a task as well."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int

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

    **Attributes:** `condition`, `task`: of each unit; `of_run`: unit of each run; `conditions`: the table of them;
    `apart`: whether each run has a lane of its own, as it must where its own log drives its course.
    """

    condition: Int[np.ndarray, " units"]
    task: Int[np.ndarray, " units"]
    of_run: Int[np.ndarray, " runs"]
    conditions: Conditions
    apart: bool = False

    def __len__(self) -> int:  # type: ignore[override]
        return len(self.condition)

    @property
    def lane_of_run(self) -> Int[np.ndarray, " runs"]:
        """Lane that what is seen of each run belongs to: its own, or that of its unit."""
        return np.arange(len(self.of_run)) if self.apart else self.of_run

    @property
    def unit_of_lane(self) -> Int[np.ndarray, " lanes"]:
        """Unit of each lane of `lane_of_run`."""
        return self.of_run if self.apart else np.arange(len(self))


def units(traces: TraceSet, apart: bool = False) -> Units:
    """Return the conditions and units of a set of runs.

    **Arguments:** `apart`: each run has a lane of its own, and not one with all runs of its unit.
    """
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
    return Units(pairs[0], pairs[1], of_run.reshape(-1), conditions, apart)
