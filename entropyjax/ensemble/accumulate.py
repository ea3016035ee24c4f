"""Statistics of cells, folded from items on the host in a fixed order."""

from typing import Any

import jax
import numpy as np

from entropyjax.ensemble.moments import Moments, merge
from entropyjax.ensemble.reduce import Statistics


class Accumulator:
    """Running statistics of all cells.

    Items fold in increasing order, each into its own cell, so that the result does not depend on how the run
    was cut into chunks, nor on where it was interrupted.

    **Attributes:** `items`: number of items folded so far; the next one to fold has this number.
    """

    def __init__(self, n_cells: int, blocks: int):
        self._n_cells, self._blocks = n_cells, blocks
        self.items = 0
        self._like: Any = None
        self._moments: Any = None
        self._counts: Any = None

    @property
    def cells(self) -> Any:
        """Host statistics with a leading axis of cells; `None` before the first item."""
        return None if self._like is None else _wide(self._moments, self._counts, self._like)

    def totals(self, start: int) -> Statistics:
        """Return what has been folded into the cells of the items `start` to the last one, all of each cell."""
        first, last = start // self._blocks, (self.items - 1) // self._blocks
        return jax.tree.map(lambda leaf: leaf[first : last + 1], self.cells)

    def restore(self, start: int, end: int, totals: Statistics) -> None:
        """Put back the `totals` from item `start` on, as they were when `end` was the next item to fold.

        **Raises:** `ValueError` if items before `start` are missing.
        """
        self._check(start)
        moments, counts = self._flat(totals)
        rows = slice(start // self._blocks, start // self._blocks + len(counts))
        for whole, leaf in zip((*self._moments, self._counts), (*moments, counts), strict=True):
            whole[rows] = leaf
        self.items = end

    def add(self, start: int, part: Statistics) -> None:
        """Fold the items `start`, `start` + 1, ... whose statistics `part` holds; earlier ones are skipped.

        **Raises:** `ValueError` if items before `start` are missing.
        """
        self._check(start)
        part = jax.tree.map(lambda leaf: leaf[self.items - start :], part)
        if len(part.projections) == 0:
            return
        moments, counts = self._flat(part)
        number = self.items + np.arange(len(counts))
        cell, block = number // self._blocks, number % self._blocks
        for present in np.unique(block):
            here = block == present
            rows = cell[here]
            merged = merge(Moments(*(leaf[rows] for leaf in self._moments)), Moments(*(leaf[here] for leaf in moments)))
            for leaf, value in zip(self._moments, merged, strict=True):
                leaf[rows] = value
        np.add.at(self._counts, cell, counts)
        self.items += len(number)

    def _check(self, start: int) -> None:
        if start > self.items:
            raise ValueError(f"Items {self.items} to {start - 1} are missing before item {start}.")

    def _flat(self, part: Statistics) -> tuple[Moments, np.ndarray]:
        """Return statistics as few arrays of shape (rows, columns), and make room for totals like them."""
        moments, counts = _narrow(part)
        if self._like is None:
            self._like = jax.tree.map(lambda leaf: leaf[:0], part)
            self._moments = Moments(*(np.zeros((self._n_cells, leaf.shape[1]), leaf.dtype) for leaf in moments))
            self._counts = np.zeros((self._n_cells, counts.shape[1]), counts.dtype)
        return moments, counts


def _is_moments(node: Any) -> bool:
    return isinstance(node, Moments)


def _narrow(part: Statistics) -> tuple[Moments, np.ndarray]:
    """Return all moments side by side, and all counts."""
    nodes = jax.tree.leaves(part, is_leaf=_is_moments)
    rows = len(part.projections)

    def beside(leaves: list[np.ndarray]) -> np.ndarray:
        return np.concatenate([leaf.reshape(rows, -1) for leaf in leaves], axis=1)

    moments = [node for node in nodes if _is_moments(node)]
    columns = [[np.broadcast_to(m.count, m.mean.shape) for m in moments], [m.mean for m in moments]]
    columns.append([m.square for m in moments])
    return Moments(*map(beside, columns)), beside([node for node in nodes if not _is_moments(node)])


def _wide(moments: Moments, counts: np.ndarray, like: Statistics) -> Statistics:
    """Undo `_narrow`: return views with the shapes of the leaves of `like` apart from their leading axis."""
    places = {"moments": 0, "counts": 0}

    def take(kind: str, whole: np.ndarray, leaf: np.ndarray) -> np.ndarray:
        size = int(np.prod(leaf.shape[1:]))
        first = places[kind]
        return whole[:, first : first + size].reshape(len(whole), *leaf.shape[1:])

    def one(node: Any) -> Any:
        if not _is_moments(node):
            found = take("counts", counts, node)
            places["counts"] += int(np.prod(node.shape[1:]))
            return found
        found = Moments(*(take("moments", whole, node.mean) for whole in moments))
        places["moments"] += int(np.prod(node.mean.shape[1:]))
        return found

    return jax.tree.map(one, like, is_leaf=_is_moments)
