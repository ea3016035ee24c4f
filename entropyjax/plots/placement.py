"""Where a contour line has room for its label."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.contour import QuadContourSet

Points = Float[np.ndarray, "points 2"]
_STEP = 4.0
_ENOUGH = 1.5


def label_spots(ax: Axes, lines: QuadContourSet, others: Sequence[Points]) -> list[tuple[float, float] | None]:
    """Return for each contour line the place, in data coordinates, that is farthest from everything else.

    Everything else is the frame, the other contour lines, the `others` (points in data coordinates) and the
    labels placed before. `None` for a line of no length.
    """
    drawn = [_fine([ax.transData.transform(piece) for piece in _pieces(path)]) for path in lines.get_paths()]
    fixed = [_fine([ax.transData.transform(other)]) for other in others]
    spots: list[tuple[float, float] | None] = []
    for i, own in enumerate(drawn):
        rest = [points for j, points in enumerate(drawn) if j != i] + fixed
        if not len(own):
            spots.append(None)
            continue
        room = np.min([_distance(own, points) for points in rest if len(points)] + [_to_frame(ax, own)], axis=0)
        best = own[np.argmax(room)]
        fixed.append(best[None, :])
        across, up = ax.transData.inverted().transform(best)
        spots.append((float(across), float(up)))
    return spots


def _pieces(path) -> list[np.ndarray]:
    return [np.asarray(piece) for piece in path.to_polygons(closed_only=False)]


def _fine(pieces: Sequence[np.ndarray]) -> Points:
    """Return points of polylines at about equal distances of a few dots."""
    out = [np.empty((0, 2))]
    for piece in pieces:
        piece = piece[np.isfinite(piece).all(axis=1)]
        for start, end in zip(piece[:-1], piece[1:], strict=True):
            count = max(int(np.hypot(*(end - start)) / _STEP), 1)
            out.append(start + np.linspace(0.0, 1.0, count, endpoint=False)[:, None] * (end - start))
    return np.concatenate(out)


def _distance(own: Points, others: Points) -> np.ndarray:
    return np.hypot(*(own[:, None, :] - others[None, :, :]).transpose(2, 0, 1)).min(axis=1)


def _to_frame(ax: Axes, own: Points) -> np.ndarray:
    """Return the distance to the frame, shortened: a label is wider than a line."""
    box = ax.bbox
    gaps = [own[:, 0] - box.x0, box.x1 - own[:, 0], own[:, 1] - box.y0, box.y1 - own[:, 1]]
    return np.min(gaps, axis=0) / _ENOUGH
