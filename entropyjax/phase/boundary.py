"""A boundary: where it runs, how sure that is, and what it took to find it."""

import dataclasses
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from entropyjax.phase.lattice import Lattice

IN_BAND = -2
"""Region of the finest cells that belong to the band."""


class Check(NamedTuple):
    """Points far from the boundary that were computed at the end.

    **Attributes:** `points`: their number; `disagree`: how many of them have another label than the cell that they lie
    in, or are undecided; `lower`, `upper`: Wilson's 95% interval of that share.
    """

    points: int
    disagree: int
    lower: float
    upper: float

    def __str__(self) -> str:
        return (
            f"of {self.points} points elsewhere {self.disagree} disagree with their cell, "
            f"a share in [{self.lower:.4f}, {self.upper:.4f}] (Wilson 95%)"
        )


@dataclasses.dataclass(frozen=True)
class Boundary:
    """The boundary of a field over two parameters, in their units.

    **Attributes:**

    - `lattice`: the lattice it was refined on.
    - `level`: the value that it is at, NaN between classes.
    - `number`: of the lattice points that were computed, n of them.
    - `label`, `decided`, `value`, `error`, `weight`: the verdict on each, as `Verdict` says.
    - `batches`: computed at each; a uniform grid would compute `most` at every point to be as sure everywhere.
    - `segments`: pieces of the boundary, from one end (x, y) to the other; where noise leaves doubt they run through
      local planes of the estimates.
    - `band_lower`, `band_upper`: corners (x, y) of the cells that are mixed or undecided.
    - `regions`: label of every finest cell, `IN_BAND` in the band; the first axis is x.
    - `most`: most batches of a point.
    - `check`: a check of the labels elsewhere, or `None`; `check_batches`: what it took, not in `batches`.
    """

    lattice: Lattice
    level: float
    number: Int[np.ndarray, " n"]
    label: Int[np.ndarray, " n"]
    decided: np.ndarray
    value: Float[np.ndarray, " n"]
    error: Float[np.ndarray, " n"]
    weight: Float[np.ndarray, " n"]
    batches: Int[np.ndarray, " n"]
    segments: Float[np.ndarray, "m 2 2"]
    band_lower: Float[np.ndarray, "b 2"]
    band_upper: Float[np.ndarray, "b 2"]
    regions: Int[np.ndarray, "r r"]
    most: int
    check: Check | None
    check_batches: int

    @property
    def points(self) -> Float[np.ndarray, "n 2"]:
        """The points (x, y) that were computed."""
        return self.lattice.points(self.number)

    @property
    def solves(self) -> int:
        """Batches that were computed for the boundary."""
        return int(self.batches.sum())

    @property
    def saving(self) -> float:
        """How many times fewer batches were computed than on a uniform grid that is as sure everywhere."""
        return self.lattice.size * self.most / max(self.solves, 1)

    def inside(self, points: Float[np.ndarray, "n 2"]) -> np.ndarray:
        """Return whether points (x, y) lie in the band, its border included."""
        share = np.stack([self.lattice.x.share(points[:, 0]), self.lattice.y.share(points[:, 1])], axis=-1)
        place = share * self.lattice.resolution
        found = np.zeros(len(points), bool)
        for side in (-1e-9, 1e-9):
            for other in (-1e-9, 1e-9):
                cell = np.clip(np.floor(place + np.array([side, other])).astype(int), 0, self.lattice.resolution - 1)
                found |= self.regions[cell[:, 0], cell[:, 1]] == IN_BAND
        return found

    def __str__(self) -> str:
        n, side = self.lattice.resolution, self.lattice.side
        share = np.mean(self.regions == IN_BAND)
        at = "" if np.isnan(self.level) else f" at {self.level:g}"
        batch = "" if self.most == 1 else f", {self.lattice.size / max(self.solves, 1):.3g} times fewer than with 1"
        lines = [
            f"Boundary{at} on {n} x {n} cells: {len(self.segments):,} segments in a band of {share:.2%} of the area.",
            f"{len(self.number):,} of {side**2:,} points in {self.solves:,} batches: {self.saving:.3g} times fewer "
            f"than a uniform grid with {self.most} a point{batch}. {np.sum(~self.decided):,} points are undecided.",
        ]
        return "\n".join(lines + ([f"Check: {self.check}."] if self.check else []))
