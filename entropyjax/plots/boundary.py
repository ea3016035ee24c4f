"""The boundary of a field over two axes, with its band and the points that were computed."""

import json
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import ListedColormap, Normalize, to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from entropyjax.phase import FAILED
from entropyjax.plots.errors import PlotError
from entropyjax.plots.label import axis_label, words
from entropyjax.plots.scale import set_scale
from entropyjax.plots.style import BLACK, COLUMN, OUTCOMES, SKY, house_style, legend_above, new_figure

_LIGHT = 0.82
"""How far the colour of a region is drawn towards white."""


def boundary_diagram(dataset: xr.Dataset, ax: Axes | None = None) -> Axes:
    """Draw a boundary over its two axes: the line, the band that it lies in, and the computed points.

    **Arguments:** `dataset`: of `sweep` with `[refine]`; `ax`: where to draw, by default on a new figure of one column.

    **Raises:** `PlotError` if the dataset holds no boundary.
    """
    if dataset.attrs.get("kind") != "boundary":
        raise PlotError("The dataset holds no boundary; run a sweep with [refine], or draw it with phase_diagram.")
    names = [str(name) for name in dataset.attrs["axes"]]
    with house_style():
        ax = new_figure(COLUMN, 3.2).add_subplot() if ax is None else ax
        _frame(ax, dataset, names)
        regions = _draw_regions(ax, dataset, names)
        x, y = (dataset[f"point_{name}"].values for name in names)
        ax.plot(x, y, linestyle="none", marker=".", markersize=1.3, color="0.55", markeredgewidth=0.0, rasterized=True)
        band = _draw_band(ax, dataset, names)
        ends = np.stack([dataset[f"segment_{name}"].values for name in names], axis=-1)
        ax.add_collection(LineCollection(list(ends), colors=BLACK, linewidths=0.9, capstyle="round"))
        points = Line2D([], [], linestyle="none", marker=".", markersize=4.0, color="0.55", label=_points(dataset))
        handles: list[Artist] = [Line2D([], [], color=BLACK, linewidth=0.9, label=_line(dataset)), band, points]
        legend_above(ax, [*handles, *regions], columns=2)
    return ax


def _frame(ax: Axes, dataset: xr.Dataset, names: list[str]) -> None:
    config = _asked(dataset)
    for side, name in zip("xy", names, strict=True):
        ends = np.array([config[side]["lower"], config[side]["upper"]])
        if config[side]["scale"] == "log":
            ax.set(**{f"{side}scale": "log"})
            set_scale(ax, side, ends)
        label = axis_label(dataset[f"point_{name}"].rename(name))
        ax.set(**{f"{side}lim": ends, f"{side}label": label})
    ax.spines[:].set_visible(True)


def _draw_regions(ax: Axes, dataset: xr.Dataset, names: list[str]) -> list[Artist]:
    """Colour the finest cells lightly by their class or side; return an entry of the legend for each colour."""
    region = dataset["region"].values
    looks = [(code, look) for code, look in _looks(dataset).items() if np.any(region == code)]
    shown = np.full(region.shape, np.nan)
    for place, (code, _) in enumerate(looks):
        shown[region == code] = place
    colours = ListedColormap([colour for _, (colour, _) in looks] or ["white"])
    edges = [_edges(dataset, side, size) for side, size in zip("xy", region.shape, strict=True)]
    norm = Normalize(-0.5, max(len(looks), 1) - 0.5)
    ax.pcolormesh(*edges, np.ma.masked_invalid(shown.T), cmap=colours, norm=norm, rasterized=True)
    return [Patch(facecolor=colour, edgecolor="0.6", linewidth=0.4, label=text) for _, (colour, text) in looks]


def _looks(dataset: xr.Dataset) -> dict[int, tuple[Any, str]]:
    """Return the light colour and the words of each class or side."""
    asked = _asked(dataset)
    failed = {FAILED: ("0.7", "every trajectory failed")}
    if asked["of"] == "outcome":
        return failed | {code: (_light(look.colour), words(name)) for code, (name, look) in enumerate(OUTCOMES.items())}
    if asked["of"] == "margin":
        return failed | {1: (_light(OUTCOMES["resolved"].colour), "M > 0")}
    name = asked["of"]
    text = words(name) if _certain(dataset) else f"p > {asked['level']:g}"
    return failed | {1: (_light(OUTCOMES[name].colour), text)}


def _light(colour: str) -> tuple[float, ...]:
    return tuple(_LIGHT + (1.0 - _LIGHT) * part for part in to_rgb(colour))


def _certain(dataset: xr.Dataset) -> bool:
    """Return whether there is no probability: one trajectory tells all of a point."""
    return bool(np.isnan(dataset["value"].values).all())


def _line(dataset: xr.Dataset) -> str:
    asked = _asked(dataset)
    if asked["of"] == "margin":
        return "M = 0"
    if asked["of"] == "outcome":
        return "change of outcome"
    return f"boundary of {words(asked['of'])}" if _certain(dataset) else f"p({words(asked['of'])}) = {asked['level']:g}"


def _points(dataset: xr.Dataset) -> str:
    return f"{dataset.sizes['point']:,} points"


def _asked(dataset: xr.Dataset) -> dict[str, Any]:
    return json.loads(dataset.attrs["config"])["refine"]


def _edges(dataset: xr.Dataset, side: str, size: int) -> np.ndarray:
    axis = _asked(dataset)[side]
    spaced = np.geomspace if axis["scale"] == "log" else np.linspace
    return spaced(axis["lower"], axis["upper"], size + 1)


def _draw_band(ax: Axes, dataset: xr.Dataset, names: list[str]) -> Patch:
    (x0, x1), (y0, y1) = (dataset[f"band_{name}"].values.T for name in names)
    cells = np.stack([np.stack(pair, axis=-1) for pair in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))], axis=1)
    ax.add_collection(PolyCollection(list(cells), facecolors=SKY, edgecolors=SKY, linewidths=0.4))
    return Patch(facecolor=SKY, label="band that holds it")
