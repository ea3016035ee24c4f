"""The curve M = 0 on the fixed points, drawn into a plane of which one axis is the context window."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from entropyjax.plots.style import halo

WINDOW = "context_window"
LABEL = "M = 0 on the fixed points (q = 1/2),\nnot the collapse boundary"


def draw_margin(ax: Axes, dataset: xr.Dataset, x: str, y: str) -> Line2D | None:
    """Draw `margin_window` where it is a window, or return `None` if there is none to draw.

    Windows of 0 or infinity mean that M has one sign at every window; the line has gaps there.
    """
    if "margin_window" not in dataset or WINDOW not in (x, y):
        return None
    curve = dataset["margin_window"]
    if WINDOW in curve.dims:
        # The curve does not depend on the window that the sweep runs over.
        curve = curve.isel({WINDOW: 0})
    other = x if y == WINDOW else y
    if curve.dims != (other,):
        return None
    windows = np.where((curve.values > 0.0) & np.isfinite(curve.values), curve.values, np.nan)
    if np.isnan(windows).all():
        return None
    points = (dataset[other].values, windows)
    (line,) = ax.plot(*(points if y == WINDOW else points[::-1]), color="black", linestyle="--", linewidth=1.4)
    line.set(label=LABEL, path_effects=halo(3.2))
    return line
