"""Where a contour line has room for its label."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.contour import QuadContourSet
from matplotlib.path import Path
from scipy.spatial import KDTree

Points = Float[np.ndarray, "points 2"]
_STEP = 4.0
"""Distance in dots of the points that stand for a line."""
_APART = 0.35
"""Distance in inches within which two labels would meet."""
_WIDE = 1.5
"""How much nearer the frame is to a label than to a line."""


def label_spots(ax: Axes, lines: QuadContourSet, others: Sequence[Points]) -> list[tuple[float, float] | None]:
    """Return for each contour line the place, in data coordinates, that is farthest from everything else.

    Everything else is the frame, the other contour lines, the `others` (points in data coordinates) and the
    labels placed before. `None` for a line of no length.
    """
    drawn = [_fine([ax.transData.transform(piece) for piece in _pieces(path)]) for path in lines.get_paths()]
    fixed = [_fine([ax.transData.transform(other)]) for other in others]
    placed = np.empty((0, 2))
    apart = _APART * ax.figure.dpi
    spots: list[tuple[float, float] | None] = []
    for i, own in enumerate(drawn):
        rest = [points for j, points in enumerate(drawn) if j != i] + fixed
        if not len(own):
            spots.append(None)
            continue
        room = np.min([_distance(own, points) for points in rest if len(points)] + [_to_frame(ax, own)], axis=0)
        if len(placed):
            # A place beside a label is no place, however far the lines are.
            room += np.minimum(_distance(own, placed) - apart, 0.0)
        best = own[np.argmax(room)]
        placed = np.concatenate([placed, best[None, :]])
        across, up = ax.transData.inverted().transform(best)
        spots.append((float(across), float(up)))
    return spots


def _pieces(path: Path) -> list[np.ndarray]:
    return [np.asarray(piece) for piece in path.to_polygons(closed_only=False)]


def _fine(pieces: Sequence[np.ndarray]) -> Points:
    """Return points of polylines at about equal distances of a few dots."""
    out = [np.empty((0, 2))]
    for piece in pieces:
        for start, end in pairwise(piece[np.isfinite(piece).all(axis=1)]):
            count = max(int(np.hypot(*(end - start)) / _STEP), 1)
            out.append(start + np.linspace(0.0, 1.0, count, endpoint=False)[:, None] * (end - start))
    return np.concatenate(out)


def _distance(own: Points, others: Points) -> np.ndarray:
    return KDTree(others).query(own)[0]


def _to_frame(ax: Axes, own: Points) -> np.ndarray:
    """Return the distance to the frame, shortened: a label is wider than a line."""
    box = ax.bbox
    gaps = [own[:, 0] - box.x0, box.x1 - own[:, 0], own[:, 1] - box.y0, box.y1 - own[:, 1]]
    return np.min(gaps, axis=0) / _WIDE
