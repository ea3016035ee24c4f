"""A quadtree over the cells of a lattice, with lookups from each finest cell to the leaf that holds it."""

import itertools

import numpy as np
from jaxtyping import Int

from entropyjax.phase.lattice import Lattice

_LARGE = 8
_AROUND = [(di, dj) for di, dj in itertools.product((-1, 0, 1), repeat=2) if (di, dj) != (0, 0)]


class Quadtree:
    """Square leaves that cover a lattice.

    **Attributes:** `corner`: places (i, j) of the lower corner of every cell there ever was; `size`: its steps a side;
    `leaf`: whether it is a leaf still.
    """

    def __init__(self, lattice: Lattice):
        self._n, size = lattice.resolution, lattice.resolution // lattice.start
        places = np.stack(np.meshgrid(*2 * [np.arange(lattice.start) * size], indexing="ij"), axis=-1).reshape(-1, 2)
        self.corner, self.size = places, np.full(len(places), size)
        self.leaf = np.ones(len(places), bool)
        self._owner = np.empty((self._n, self._n), np.int32)
        self._claim(np.arange(len(places)))

    def corners(self, cells: Int[np.ndarray, " n"]) -> Int[np.ndarray, "n 4 2"]:
        """Return the places of the four corners of cells, in the order (0, 0), (0, 1), (1, 0), (1, 1)."""
        offsets = np.array([(0, 0), (0, 1), (1, 0), (1, 1)])
        return self.corner[cells][:, None] + offsets * self.size[cells][:, None, None]

    def touching(self, i: Int[np.ndarray, " n"], j: Int[np.ndarray, " n"]) -> Int[np.ndarray, "n 4"]:
        """Return the leaves that points lie in or on the border of; those outside the lattice repeat others."""
        i0, j0 = (np.clip(place - 1, 0, self._n - 1) for place in (i, j))
        i1, j1 = (np.clip(place, 0, self._n - 1) for place in (i, j))
        return np.stack([self._owner[a, b] for a, b in ((i0, j0), (i0, j1), (i1, j0), (i1, j1))], axis=-1)

    def neighbours(self, cells: Int[np.ndarray, " n"]) -> Int[np.ndarray, " m"]:
        """Return the leaves around cells, corners included, that are as large as them or larger."""
        found = []
        for offset in _AROUND:
            place = self.corner[cells] + np.array(offset) * self.size[cells][:, None]
            inside = ((place >= 0) & (place < self._n)).all(axis=1)
            owner = self._owner[place[inside, 0], place[inside, 1]]
            found.append(owner[self.size[owner] >= self.size[cells][inside]])
        return np.unique(np.concatenate(found))

    def split(self, cells: Int[np.ndarray, " n"]) -> Int[np.ndarray, " m"]:
        """Cut leaves into four; return the new ones."""
        half = self.size[cells] // 2
        offsets = np.array([(0, 0), (0, 1), (1, 0), (1, 1)])
        first = len(self.size)
        corner = self.corner[cells][:, None] + offsets * half[:, None, None]
        self.corner = np.concatenate([self.corner, corner.reshape(-1, 2)])
        self.size = np.concatenate([self.size, np.repeat(half, 4)])
        self.leaf[cells] = False
        new = np.arange(first, len(self.size))
        self.leaf = np.concatenate([self.leaf, np.ones(len(new), bool)])
        self._claim(new)
        return new

    def spread(self, values: np.ndarray) -> np.ndarray:
        """Return a value of every cell on the finest cells, as an array of shape (resolution, resolution)."""
        return values[self._owner]

    def _claim(self, cells: np.ndarray) -> None:
        for size in np.unique(self.size[cells]):
            mine = cells[self.size[cells] == size]
            if size > _LARGE:
                # Few cells, and index arrays as large as all of them would be many times the lattice.
                for cell in mine:
                    i, j = self.corner[cell]
                    self._owner[i : i + size, j : j + size] = cell
                continue
            steps = np.arange(size)
            i = self.corner[mine, 0][:, None, None] + steps[:, None]
            j = self.corner[mine, 1][:, None, None] + steps
            self._owner[i, j] = mine[:, None, None]
