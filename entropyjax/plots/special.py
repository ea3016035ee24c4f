"""Marks of special points, each with a label where there is room for it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

from entropyjax.plots.label import number, symbol_text
from entropyjax.plots.style import BLACK, halo
from entropyjax.stability import Branch, SpecialPoint

MARKS = {
    "fold": ("o", "fold"),
    "hopf": ("s", "Hopf"),
    "branch_point": ("D", "BP"),
    "cusp": ("^", "cusp"),
    "bogdanov_takens": ("v", "BT"),
    "unclassified": ("x", "?"),
}
"""Marker and label of each kind; a point that is a guess is drawn hollow."""
_SIZE = 7.0
_AWAY = 6.0
"""Size of the labels and their distance from the mark in points."""
_SAME = 2.0
"""Distance in points within which two marks of a kind are one."""
_SIDES = [(1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1), (0, 1), (0, -1)]
_ALIGN = {-1: ("right", "top"), 0: ("center", "center"), 1: ("left", "bottom")}


class Mark(NamedTuple):
    """A special point of a branch and where it is drawn, in data coordinates."""

    branch: Branch
    point: SpecialPoint
    at: tuple[float, float]


def draw_marks(ax: Axes, marks: Sequence[Mark]) -> None:
    """Mark special points and label each on the side where its label covers least; limits of the Axes are final."""
    lines = [np.asarray(line.get_xydata()) for line in ax.lines]
    drawn = ax.transData.transform(np.concatenate(lines))
    dots = ax.figure.dpi / 72.0
    boxes: list[Bbox] = []
    seen: list[tuple[str, np.ndarray]] = []
    for mark in marks:
        centre = ax.transData.transform(mark.at)
        kind = mark.point.kind
        if any(kind == other and np.linalg.norm(centre - at) < _SAME * dots for other, at in seen):
            continue
        seen.append((kind, centre))
        marker, face = MARKS[kind][0], BLACK if mark.point.status == "converged" else "white"
        ax.plot(
            *mark.at, marker=marker, color=BLACK, markerfacecolor=face, markersize=4.5, linestyle="none", zorder=4.0
        )
        text = _text(ax, mark)
        side, box = min(
            ((side, _box(centre, side, text, dots)) for side in _SIDES), key=lambda one: _cost(ax, one[1], drawn, boxes)
        )
        boxes.append(box)
        label = ax.annotate(
            text,
            mark.at,
            xytext=(_AWAY * side[0], _AWAY * side[1]),
            textcoords="offset points",
            ha=_ALIGN[side[0]][0],
            va=_ALIGN[side[1]][1],
            fontsize=_SIZE,
            zorder=5.0,
        )
        label.set_path_effects(halo(1.5))


def _text(ax: Axes, mark: Mark) -> str:
    """Return the kind of a point and its parameters: `fold, N = 8.98`, `cusp (40.4, 2.76)`."""
    label, parameters = MARKS[mark.point.kind][1], mark.point.parameters
    if len(parameters) == 1:
        ((name, value),) = parameters.items()
        quantity = mark.branch.quantities.get(name)
        symbol = symbol_text(quantity.symbol) if quantity and quantity.symbol else name
        return f"{label}, {symbol} = {_rounded(value, ax.get_xlim())}"
    across, up = mark.at
    return f"{label} ({_rounded(across, ax.get_xlim())}, {_rounded(up, ax.get_ylim())})"


def _rounded(value: float, limits: tuple[float, float]) -> str:
    """Return a number as text; what cannot be told from 0 on the axis is 0."""
    return number(0.0 if abs(value) < 1e-9 * (limits[1] - limits[0]) else value)


def _box(centre: np.ndarray, side: tuple[int, int], text: str, dots: float) -> Bbox:
    """Return about where a label would stand, in dots."""
    # Mathematical text is longer than it looks.
    size = np.array([0.58 * _SIZE * min(len(text), 22), 1.2 * _SIZE]) * dots
    anchor = centre + _AWAY * dots * np.array(side)
    low = anchor + 0.5 * (np.array(side) - 1.0) * size
    return Bbox([low, low + size])


def _cost(ax: Axes, box: Bbox, drawn: np.ndarray, boxes: Sequence[Bbox]) -> float:
    """Return how bad a place is: beyond the frame, over other labels, over lines."""
    covered = np.sum(np.all((drawn > box.min) & (drawn < box.max), axis=1))
    frame = ax.bbox
    beyond = max(frame.x0 - box.x0, 0.0) + max(box.x1 - frame.x1, 0.0)
    beyond += max(frame.y0 - box.y0, 0.0) + max(box.y1 - frame.y1, 0.0)
    return float(covered + 10.0 * beyond + 1000.0 * box.count_overlaps(list(boxes)))
