"""One quantity over a plane of two axes, on one pair of Axes."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import Normalize
from matplotlib.contour import QuadContourSet
from matplotlib.patches import Patch

from entropyjax.plots.label import axis_label
from entropyjax.plots.placement import label_spots
from entropyjax.plots.scale import edges, set_scale
from entropyjax.plots.style import COLOUR_MAP, halo

LEVELS = (0.1, 0.5, 0.9)
"""Probabilities at which contour lines are drawn."""

NEVER_FOCUSED = "most runs never focused"
_NO_DATA = "0.85"
_HATCH = "0.75"


def draw_plane(ax: Axes, dataset: xr.Dataset, value: str, x: str, y: str, norm: Normalize) -> QuadMesh:
    """Draw a variable over two sorted axes as coloured cells; cells without trajectories stay grey.

    **Arguments:** `dataset`: of `reduced`, so that the variable has the dimensions x and y alone.
    """
    values = seen(dataset, value).transpose(y, x)
    across, up = dataset[x].values, dataset[y].values
    colours = mpl.colormaps[COLOUR_MAP].with_extremes(bad=_NO_DATA)
    set_scale(ax, "x", across)
    set_scale(ax, "y", up)
    mesh = ax.pcolormesh(
        edges(across), edges(up), np.ma.masked_invalid(values.values), cmap=colours, norm=norm, rasterized=True
    )
    ax.set(xlim=edges(across)[[0, -1]], ylim=edges(up)[[0, -1]])
    ax.set(xlabel=axis_label(dataset[x]), ylabel=axis_label(dataset[y]))
    ax.spines[:].set_visible(True)
    return mesh


def seen(dataset: xr.Dataset, value: str) -> xr.DataArray:
    """Return a variable as floats, NaN in cells in which every trajectory failed."""
    values = dataset[value].astype(float)
    return values.where(dataset["trajectories"] > 0) if "trajectories" in dataset else values


def draw_contours(
    ax: Axes, dataset: xr.Dataset, value: str, x: str, y: str, avoid: Sequence[np.ndarray] = ()
) -> QuadContourSet | None:
    """Draw and label the contour lines of a probability that the plane has, or return `None`.

    **Arguments:** `avoid`: other lines as points (x, y) from which the labels keep away.
    """
    across, up, values = to_the_frame(seen(dataset, value), x, y)
    if values.count() == 0:
        return None
    # One run a cell gives 0 or 1, between which there is one line and not three.
    certain = np.isin(values.compressed(), (0.0, 1.0)).all()
    levels = [level for level in (LEVELS[1:2] if certain else LEVELS) if values.min() < level < values.max()]
    if not levels:
        return None
    lines = ax.contour(across, up, values, levels=levels, colors="black", linewidths=0.7)
    lines.set_path_effects(halo(1.6))
    for level, spot in zip(levels, label_spots(ax, lines, avoid), strict=True):
        if spot is not None:
            for text in lines.clabel([level], manual=[spot], inline=True, inline_spacing=3, fontsize=7.0):
                text.set_path_effects(halo(1.8))
    return lines


def draw_never_focused(ax: Axes, dataset: xr.Dataset, x: str, y: str) -> Patch | None:
    """Hatch where most runs never focused, and return what stands for it in a legend, or `None`."""
    if "outcome_probability" not in dataset:
        return None
    across, up, values = to_the_frame(seen(dataset, "outcome_probability").sel(outcome="never_focused"), x, y)
    if values.count() == 0 or values.max() <= 0.5:
        return None
    area = ax.contourf(across, up, values, levels=[0.5, 2.0], colors="none", hatches=["////"])
    area.set(edgecolor=_HATCH, linewidth=0.0)
    background = mpl.colormaps[COLOUR_MAP](0.0)
    return Patch(facecolor=background, edgecolor=_HATCH, hatch="//////", linewidth=0.0, label=NEVER_FOCUSED)


def to_the_frame(values: xr.DataArray, x: str, y: str) -> tuple[np.ndarray, np.ndarray, np.ma.MaskedArray]:
    """Return values at the cells' centres and, continued as they are, at the frame, for contours."""
    across, up = (
        np.concatenate([ends[:1], values[name].values, ends[-1:]])
        for name, ends in ((name, edges(values[name].values)) for name in (x, y))
    )
    return across, up, np.ma.masked_invalid(np.pad(values.transpose(y, x).values, 1, mode="edge"))
