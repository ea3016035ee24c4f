"""The cells of a sweep: the outer product of its axes."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Cells:
    """The outer product of named axes, numbered in C order: the last axis varies fastest.

    **Attributes:** `axes`: values of each axis by its name, in order.
    """

    axes: Mapping[str, Sequence[Any]]

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        return tuple(len(values) for values in self.axes.values())

    def __len__(self) -> int:
        return math.prod(self.shape)

    def columns(self) -> dict[str, np.ndarray]:
        """Return the value of each axis in every cell."""
        if not self.axes:
            return {}
        grids = np.meshgrid(*[np.asarray(values) for values in self.axes.values()], indexing="ij")
        return {name: grid.ravel() for name, grid in zip(self.axes, grids, strict=True)}

    def __getitem__(self, number: int) -> dict[str, Any]:
        """Return the values of cell `number` by axis name, as they were given."""
        places = np.unravel_index(number, self.shape) if self.axes else ()
        pairs = zip(self.axes.items(), places, strict=True)
        return {name: values[int(place)] for (name, values), place in pairs}
