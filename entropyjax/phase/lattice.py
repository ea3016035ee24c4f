"""The lattice of a boundary map: two axes cut into equal steps of a linear or logarithmic scale."""

import dataclasses
import math

import numpy as np
from jaxtyping import Float, Int

FINEST = 4096
"""Most steps of an axis: arrays over the whole lattice are held on the host."""


@dataclasses.dataclass(frozen=True)
class Range:
    """An interval of one parameter and the scale on which it is cut.

    **Attributes:** `lower`, `upper`: ends, in the parameter's unit; `log`: whether steps are equal ratios.
    """

    lower: float
    upper: float
    log: bool = False

    def __post_init__(self):
        if not (math.isfinite(self.lower) and math.isfinite(self.upper) and self.lower < self.upper):
            raise ValueError(f"lower = {self.lower:g} must be below upper = {self.upper:g}, both finite; change one.")
        if self.log and self.lower <= 0.0:
            raise ValueError(f"lower = {self.lower:g} has no logarithm; start above 0, or take a linear scale.")

    def at(self, share: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
        """Return the values at shares of the way from `lower` (0) to `upper` (1), both ends exact."""
        share = np.asarray(share, float)
        # Two products instead of a difference: both ends exact, and no overflow.
        if self.log:
            return self.lower ** (1.0 - share) * self.upper**share
        return self.lower * (1.0 - share) + self.upper * share

    def share(self, value: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
        """Undo `at`."""
        value = np.asarray(value, float)
        if self.log:
            return np.log(value / self.lower) / math.log(self.upper / self.lower)
        return (value - self.lower) / (self.upper - self.lower)


@dataclasses.dataclass(frozen=True)
class Lattice:
    """Points of two ranges, `resolution` steps a side, numbered row by row: number = i (resolution + 1) + j.

    A coarse cell has `resolution / start` steps a side, a power of two.

    **Attributes:** `x`, `y`: the ranges, i along x and j along y; `resolution`: steps a side; `start`: coarse cells
    a side.
    """

    x: Range
    y: Range
    resolution: int = 512
    start: int = 16

    def __post_init__(self):
        if not 1 <= self.start <= self.resolution <= FINEST:
            raise ValueError(
                f"start = {self.start} and resolution = {self.resolution} must hold 1 <= start <= resolution <= "
                f"{FINEST}; change one."
            )
        ratio = self.resolution // self.start
        if ratio * self.start != self.resolution or ratio & (ratio - 1):
            raise ValueError(
                f"resolution = {self.resolution} is not start = {self.start} times a power of two; "
                f"take {self.start * 2 ** max(1, round(math.log2(self.resolution / self.start)))}."
            )

    @property
    def side(self) -> int:
        """Points of a side."""
        return self.resolution + 1

    @property
    def size(self) -> int:
        """Points of the whole lattice, all of which a uniform grid would compute."""
        return self.side**2

    def number(self, i: Int[np.ndarray, "..."], j: Int[np.ndarray, "..."]) -> Int[np.ndarray, "..."]:
        """Return the numbers of points by their places along x and y."""
        return np.asarray(i) * self.side + np.asarray(j)

    def places(self, number: Int[np.ndarray, "..."]) -> tuple[Int[np.ndarray, "..."], Int[np.ndarray, "..."]]:
        """Undo `number`."""
        number = np.asarray(number)
        return number // self.side, number % self.side

    def points(self, number: Int[np.ndarray, " n"]) -> Float[np.ndarray, "n 2"]:
        """Return the points (x, y) of the numbers, in the parameters' units."""
        return self.values(np.stack(self.places(number), axis=-1))

    def values(self, places: Float[np.ndarray, "... 2"]) -> Float[np.ndarray, "... 2"]:
        """Return the points (x, y) at places in steps, whole or not."""
        share = np.asarray(places, float) / self.resolution
        return np.stack([self.x.at(share[..., 0]), self.y.at(share[..., 1])], axis=-1)
