"""Scales of swept values: linear or logarithmic, with the edges of their cells and plain tick labels."""

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

_WIDE = 8.0
_OCTAVES = 256.0


def is_log(values: np.ndarray) -> bool:
    """Return whether values are positive and span more than a factor 8."""
    return bool(values.min() > 0.0 and values.max() > _WIDE * values.min())


def edges(values: np.ndarray) -> Float[np.ndarray, " cells_and_one"]:
    """Return the edges of the cells around increasing values: half way on their scale, mirrored at the ends."""
    centres = np.log(values) if is_log(values) else np.asarray(values, float)
    if len(centres) == 1:
        half = 0.5 * abs(centres[0]) or 0.5
        return np.array([centres[0] - half, centres[0] + half])
    middles = 0.5 * (centres[1:] + centres[:-1])
    out = np.concatenate([[2.0 * centres[0] - middles[0]], middles, [2.0 * centres[-1] - middles[-1]]])
    return np.exp(out) if is_log(values) else out


def set_scale(ax: Axes, direction: str, values: np.ndarray) -> None:
    """Give the "x" or "y" axis the scale of the values."""
    if not is_log(values):
        return
    ax.set(**{f"{direction}scale": "log"})
    axis = getattr(ax, f"{direction}axis")
    octaves = values.min() >= 1.0 and values.max() <= _OCTAVES * values.min()
    decades = values.max() > 1e3 * values.min()
    base, steps = (2.0, (1.0,)) if octaves else (10.0, (1.0,) if decades else (1.0, 2.0, 5.0))
    axis.set_major_locator(LogLocator(base=base, subs=steps))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(_plain))


def _plain(value: float, _: int | None = None) -> str:
    if 1e-3 <= value < 1e5:
        return f"{value:.6g}"
    return rf"$\mathregular{{10^{{{round(np.log10(value))}}}}}$"
