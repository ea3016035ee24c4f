"""Every curve of folds of a model in the plane of two parameters."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from entropyjax.models import AbstractModel
from entropyjax.params import replace
from entropyjax.stability.continuation import Branch, ContinuationError, Lens, SpecialPoint, continue_fold
from entropyjax.stability.continuation.follow import continue_equilibrium
from entropyjax.stability.continuation.model import from_model
from entropyjax.stability.diagram import bounded, fitted, fixed_points, inside, levels_of
from entropyjax.stability.phases import phases

_SIDE, _MOST = 40, 6


class FoldSet(NamedTuple):
    """Curves of folds over two parameters with their cusps, and sentences on what is `missing`."""

    curves: tuple[Branch, ...]
    missing: tuple[str, ...]

    @property
    def cusps(self) -> tuple[SpecialPoint, ...]:
        """The cusps on the curves."""
        return tuple(point for curve in self.curves for point in curve.of_kind("cusp"))

    def __str__(self) -> str:
        return "\n".join([*map(str, self.curves), *(f"partial: {sentence}" for sentence in self.missing)])


def folds_over(model: AbstractModel, params: Any, x: Lens | str, y: Lens | str) -> FoldSet:
    """Find every curve of folds of a model in a rectangle of two parameters.

    `phases` counts the fixed points on a lattice of 40 x 40. Between neighbours whose counts differ lies a
    fold; where no curve found so far passes between them, a branch from one of the fixed points leads to it, and
    `continue_fold` follows it through its cusps. Wedges that fit between the points of the lattice are not seen.

    **Arguments:** `params`: of one lane; `x`, `y`: the free parameters with finite bounds.

    **Raises:** `ContinuationError` for names or bounds that do not fit.
    """
    x, y = bounded(params, x), bounded(params, y)
    start = inside(params, x, y)
    model = fitted(model, start, x, y)
    levels = (levels_of(x, start, _SIDE), levels_of(y, start, _SIDE))
    across, up = (jnp.asarray(values) for values in levels)
    plane = replace(start, {x.name: across[:, None], y.name: up[None, :]})
    counts = np.asarray(phases(model, plane).count)
    curves: list[Branch] = []
    missing: list[str] = []
    for edge in _edges(counts):
        if any(_passes(curve, (x, y), levels, edge) for curve in curves):
            continue
        if len(curves) + len(missing) >= _MOST:
            missing.append(f"folds are left after {_MOST} curves.")
            break
        curve = _curve(model, start, (x, y), levels, edge)
        if curve is None:
            missing.append(f"no curve passes the fold near {_place((x, y), levels, edge)}.")
        else:
            curves.append(curve)
    return FoldSet(tuple(curves), tuple(missing))


class _Edge(NamedTuple):
    """Two neighbours on the lattice: along which of the two parameters, and the place of the first on both."""

    along: int
    place: tuple[int, int]
    more: int
    """Which of the two has more fixed points: 0 or 1."""


def _edges(counts: np.ndarray) -> Iterator[_Edge]:
    for along in (0, 1):
        first, second = np.delete(counts, -1, along), np.delete(counts, 0, along)
        for i, j in np.argwhere(first != second):
            yield _Edge(along, (int(i), int(j)), int(second[i, j] > first[i, j]))


def _ends(levels: tuple[np.ndarray, np.ndarray], edge: _Edge) -> tuple[float, float, float]:
    """Return the two values of the parameter along an edge, and that of the other."""
    here = edge.place[edge.along]
    values = levels[edge.along]
    other = 1 - edge.along
    return float(values[here]), float(values[here + 1]), float(levels[other][edge.place[other]])


def _passes(curve: Branch, lenses: tuple[Lens, Lens], levels: tuple[np.ndarray, np.ndarray], edge: _Edge) -> bool:
    """Return whether a curve crosses an edge, which is taken a little longer than it is."""
    low, high, held = _ends(levels, edge)
    along, other = (np.asarray(curve.parameters[lenses[k].name]) for k in (edge.along, 1 - edge.along))
    off = other - held
    places = np.flatnonzero((off[:-1] < 0.0) != (off[1:] < 0.0))
    shares = off[places] / (off[places] - off[places + 1])
    met = along[places] + shares * (along[places + 1] - along[places])
    slack = 0.25 * (high - low)
    return bool(np.any((met >= low - slack) & (met <= high + slack)))


def _curve(
    model: AbstractModel, params: Any, lenses: tuple[Lens, Lens], levels: tuple[np.ndarray, np.ndarray], edge: _Edge
) -> Branch | None:
    """Return the curve of folds that crosses an edge, or `None` where none is reached."""
    low, high, held = _ends(levels, edge)
    first, second = lenses[edge.along], lenses[1 - edge.along]
    here = replace(params, {first.name: (low, high)[edge.more], second.name: held})
    found = fixed_points(model, here)
    # Saddles first: both their ends are folds.
    for slot in sorted(range(min(int(found.count), len(found.kind))), key=lambda slot: bool(found.stable[slot])):
        state = jax.tree.map(lambda leaf: leaf[slot], found.state)  # noqa: B023
        try:
            problem = from_model(model, here, first, state)
            for fold in continue_equilibrium(problem).of_kind("fold"):
                if low <= fold.parameters[first.name] <= high:
                    return continue_fold(problem, fold, second)
        except ContinuationError:
            continue
    return None


def _place(lenses: tuple[Lens, Lens], levels: tuple[np.ndarray, np.ndarray], edge: _Edge) -> str:
    return ", ".join(
        f"{lens.name} = {values[k]:.4g}" for lens, values, k in zip(lenses, levels, edge.place, strict=True)
    )
