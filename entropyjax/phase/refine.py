"""Refinement: find where a field over two parameters changes, with solves near the change alone."""

import numpy as np

from entropyjax.ensemble import wilson_interval
from entropyjax.phase.boundary import IN_BAND, Boundary, Check
from entropyjax.phase.lattice import Lattice
from entropyjax.phase.quadtree import Quadtree
from entropyjax.phase.rules import AbstractRule
from entropyjax.phase.samples import Field, Sampler
from entropyjax.phase.segments import segments

RING = 8
"""Cells of at least so many steps are split beside one that is: below it a boundary is followed across edges."""


class Reading:
    """What the computed points in and on the border of each cell say of it.

    **Attributes:** `mixed`: whether decided ones differ; `undecided`: whether one is undecided; `decided`: whether one
    is decided; `label`: the only label of a uniform cell.
    """

    def __init__(self, tree: Quadtree, lattice: Lattice, sampler: Sampler):
        found = sampler.samples()
        cells = tree.touching(*lattice.places(found.number))
        label = np.broadcast_to(found.verdict.label[:, None], cells.shape)
        sure = np.broadcast_to(found.verdict.decided[:, None], cells.shape)
        low = np.full(len(tree.size), np.iinfo(np.int64).max)
        high = np.full(len(tree.size), np.iinfo(np.int64).min)
        np.minimum.at(low, cells[sure], label[sure])
        np.maximum.at(high, cells[sure], label[sure])
        self.mixed = low < high
        self.decided = low <= high
        self.undecided = np.bincount(cells[~sure], minlength=len(tree.size)) > 0
        self.label = np.where(self.decided, low, 0)

    @property
    def band(self) -> np.ndarray:
        """Cells through which a boundary may run."""
        return self.mixed | self.undecided


def refine(field: Field, lattice: Lattice, rule: AbstractRule, *, check: int = 0, seed: int = 0) -> Boundary:
    """Find the boundary of a field to the resolution of a lattice.

    Points are computed at the corners of the coarse cells, then at those of the children of every cell whose corners
    differ or are undecided, and of its neighbours. A point on the border of a larger cell that differs from it splits
    that cell too, so that a boundary that was met once is followed to its end. A cell of which every point is
    undecided is not split: what lies inside could not be told either.

    What no computed point has seen is not found: islands and bays that fit between the points of the coarse lattice.

    **Arguments:**

    - `field`: what is asked for values; deterministic in the points, numbers and batches it is asked for.
    - `lattice`: where; `rule`: how values are read, and how many batches a point may take.
    - `check`: points far from the boundary that are computed at the end, to estimate how often they disagree.
    - `seed`: of the choice of these points.

    **Returns:** the boundary, with all that was computed.
    """
    tree, sampler = Quadtree(lattice), Sampler(field, lattice, rule)
    new = np.arange(len(tree.size))
    while len(new):
        places = tree.corners(new).reshape(-1, 2)
        sampler.settle(lattice.number(places[:, 0], places[:, 1]))
        new = tree.split(_to_split(tree, Reading(tree, lattice, sampler)))
    reading = Reading(tree, lattice, sampler)
    samples, cells = sampler.samples(), np.flatnonzero(tree.leaf & reading.band)
    corner, size = tree.corner[cells], tree.size[cells]
    regions = tree.spread(np.where(reading.band, IN_BAND, reading.label))
    checked, spent = _check(sampler, lattice, regions, check, seed) if check else (None, 0)
    return Boundary(
        lattice,
        rule.level,
        samples.number,
        **samples.verdict._asdict(),
        batches=samples.batches,
        segments=lattice.values(segments(lattice, rule, samples, corner, size)),
        band_lower=lattice.values(corner),
        band_upper=lattice.values(corner + size[:, None]),
        regions=regions,
        most=rule.batches,
        check=checked,
        check_batches=spent,
    )


def _to_split(tree: Quadtree, reading: Reading) -> np.ndarray:
    """Return the leaves that have to be split."""
    able = tree.leaf & (tree.size > 1)
    must = np.flatnonzero(able & (reading.mixed | (reading.undecided & reading.decided)))
    wide = must[tree.size[must] >= RING]
    if not len(wide):
        return must
    return np.union1d(must, tree.neighbours(wide))


def _check(sampler: Sampler, lattice: Lattice, regions: np.ndarray, count: int, seed: int) -> tuple[Check | None, int]:
    """Compute points outside the band that were not computed yet; return how many disagree, and the batches spent."""
    number = np.arange(lattice.size)
    number = number[sampler.rows(number) < 0]
    i, j = np.minimum(lattice.places(number), lattice.resolution - 1)
    number, expected = number[regions[i, j] != IN_BAND], regions[i, j][regions[i, j] != IN_BAND]
    count = min(count, len(number))
    if not count:
        return None, 0
    chosen = np.random.default_rng(seed).choice(len(number), count, replace=False)
    before = int(sampler.samples().batches.sum())
    sampler.settle(number[chosen])
    found = sampler.samples()
    rows = sampler.rows(number[chosen])
    agree = found.verdict.decided[rows] & (found.verdict.label[rows] == expected[chosen])
    disagree = int(np.sum(~agree))
    lower, upper = wilson_interval(np.asarray(disagree), np.asarray(count))
    return Check(count, disagree, float(lower), float(upper)), int(found.batches.sum()) - before
