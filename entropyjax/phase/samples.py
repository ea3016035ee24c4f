"""Computed points of a lattice: each batch of a point is asked for once, and its sums are kept."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int

from entropyjax.phase.lattice import Lattice
from entropyjax.phase.rules import AbstractRule, Verdict


class Ask(NamedTuple):
    """A request to a field: n batches, each of one point.

    **Attributes:** `points`: (x, y) in the parameters' units; `number`: of the point in the lattice; `batch`: 0, 1, ...
    of the point. A field with noise takes its random numbers from the last two alone.
    """

    points: Float[np.ndarray, "n 2"]
    number: Int[np.ndarray, " n"]
    batch: Int[np.ndarray, " n"]


Field = Callable[[Ask], np.ndarray]
"""Called as field(ask); returns (n,) labels or values, or (n, k) counts that add up over batches."""


class Samples(NamedTuple):
    """The points that were computed, in the order in which they were first asked for.

    **Attributes:** `number`: in the lattice; `sums`: over the batches of each; `batches`: how many; `verdict`: what the
    rule makes of them.
    """

    number: Int[np.ndarray, " n"]
    sums: Float[np.ndarray, "n k"]
    batches: Int[np.ndarray, " n"]
    verdict: Verdict


class Sampler:
    """Asks a field for points until the rule decides or their batches are used up; nothing is asked for twice."""

    def __init__(self, field: Field, lattice: Lattice, rule: AbstractRule):
        self._field, self._lattice, self._rule = field, lattice, rule
        self._row = np.full(lattice.size, -1, np.int32)
        self._number = np.zeros(0, np.int64)
        self._batches = np.zeros(0, np.int64)
        self._sums: Any = None

    def settle(self, number: Int[np.ndarray, " n"]) -> None:
        """Compute points; those that are undecided get as many batches again as they have, round by round."""
        new = np.unique(number)
        new = new[self._row[new] < 0]
        self._row[new] = len(self._number) + np.arange(len(new))
        self._number = np.concatenate([self._number, new])
        self._batches = np.concatenate([self._batches, np.zeros(len(new), np.int64)])
        rows, extra = self._row[new], np.ones(len(new), np.int64)
        while len(rows):
            self._add(rows, extra)
            undecided = ~self._rule.judge(self._sums[rows]).decided
            rows = rows[undecided]
            extra = np.minimum(self._batches[rows], self._rule.batches - self._batches[rows])
            rows, extra = rows[extra > 0], extra[extra > 0]

    def samples(self) -> Samples:
        """Return all that was computed."""
        return Samples(self._number, self._sums, self._batches, self._rule.judge(self._sums))

    def rows(self, number: Int[np.ndarray, "..."]) -> Int[np.ndarray, "..."]:
        """Return the rows of points in `samples`, -1 where one was not computed."""
        return self._row[number]

    def _add(self, rows: np.ndarray, extra: np.ndarray) -> None:
        """Ask for the next `extra` batches of each row, and add them up in their order."""
        row = np.repeat(rows, extra)
        batch = np.concatenate(
            [start + np.arange(count) for start, count in zip(self._batches[rows], extra, strict=True)]
        )
        number = self._number[row]
        found = np.asarray(self._field(Ask(self._lattice.points(number), number, batch)), float)
        found = found.reshape(len(row), -1)
        if self._sums is None:
            self._sums = np.zeros((0, found.shape[1]))
        missing = len(self._number) - len(self._sums)
        self._sums = np.concatenate([self._sums, np.zeros((missing, found.shape[1]))])
        np.add.at(self._sums, row, found)
        self._batches[rows] += extra


def batched(function: Callable[[jax.Array], jax.Array], size: int = 1024) -> Field:
    """Return a field from a function of points that is traced by JAX, compiled once for batches of `size` points.

    **Arguments:** `function`: (n, 2) points to (n,) labels or values.
    """
    compiled = jax.jit(function)

    def field(ask: Ask) -> np.ndarray:
        count = math.ceil(len(ask.points) / size)
        padded = np.resize(ask.points, (count, size, 2))
        found = np.concatenate([np.asarray(compiled(part)) for part in padded])
        return found[: len(ask.points)]

    return field
