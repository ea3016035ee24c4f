"""Fold items into cells as chunks arrive: memory grows with cells, never with trajectories."""

from typing import Any

import jax
import numpy as np

from entropyjax.ensemble.moments import Moments, merge
from entropyjax.ensemble.reduce import Statistics


class Accumulator:
    """Running statistics of all cells.

    Items fold in increasing order, each into its own cell, so that the result does not depend on how the run
    was cut into chunks, nor on where it was interrupted.

    **Attributes:**

    - `items`: number of items folded so far; the next one to fold has this number.
    - `cells`: host statistics with a leading axis of cells; `None` before the first item.
    """

    def __init__(self, n_cells: int, blocks: int):
        self._n_cells, self._blocks = n_cells, blocks
        self.items = 0
        self.cells: Any = None

    def totals(self, start: int) -> Statistics:
        """Return what has been folded into the cells of the items `start` to the last one, all of each cell."""
        first, last = start // self._blocks, (self.items - 1) // self._blocks
        return jax.tree.map(lambda leaf: leaf[first : last + 1], self.cells)

    def restore(self, start: int, end: int, totals: Statistics) -> None:
        """Put back the `totals` from item `start` on, as they were when `end` was the next item to fold.

        **Raises:** `ValueError` if items before `start` are missing.
        """
        self._check(start)
        self._allocate(totals)
        first = start // self._blocks

        def put(leaf: np.ndarray, value: np.ndarray) -> None:
            leaf[first : first + len(value)] = value

        jax.tree.map(put, self.cells, totals)
        self.items = end

    def add(self, start: int, part: Statistics) -> None:
        """Fold the items `start`, `start` + 1, ... whose statistics `part` holds; earlier ones are skipped.

        **Raises:** `ValueError` if items before `start` are missing.
        """
        self._check(start)
        part = jax.tree.map(lambda leaf: leaf[self.items - start :], part)
        size = len(part.projections)
        if size == 0:
            return
        self._allocate(part)
        number = self.items + np.arange(size)
        cell, block = number // self._blocks, number % self._blocks
        for present in np.unique(block):
            self._fold(cell[block == present], jax.tree.map(lambda leaf, p=present: leaf[block == p], part))
        self.items += size

    def _check(self, start: int) -> None:
        if start > self.items:
            raise ValueError(f"Items {self.items} to {start - 1} are missing before item {start}.")

    def _allocate(self, part: Statistics) -> None:
        if self.cells is None:
            self.cells = jax.tree.map(lambda leaf: np.zeros((self._n_cells, *leaf.shape[1:]), leaf.dtype), part)

    def _fold(self, cell: np.ndarray, part: Statistics) -> None:
        def fold(total: Any, new: Any) -> None:
            if isinstance(total, Moments):
                merged = merge(Moments(*(leaf[cell] for leaf in total)), new)
                for leaf, value in zip(total, merged, strict=True):
                    leaf[cell] = value
            else:
                total[cell] += new

        jax.tree.map(fold, self.cells, part, is_leaf=lambda node: isinstance(node, Moments))
