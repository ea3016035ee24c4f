"""The map of phases over two parameters, with folds and cusps, and what was simulated laid over."""

import json
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from entropyjax.plots.errors import PlotError
from entropyjax.plots.label import axis_label, number
from entropyjax.plots.plane import LEVELS
from entropyjax.plots.scale import set_scale
from entropyjax.plots.style import BLACK, COLUMN, VERMILION, halo, house_style, legend_above, new_figure

# Light to dark in this order, so that grey print tells them apart.
_LOOKS = {
    0: ("#DCEBF7", "focused"),
    2: ("#F5D48A", "bistable"),
    1: ("#B9B9B9", "collapsed"),
    3: ("white", "no fixed point"),
    4: ("#E8C6DA", "undecided"),
}
_SIMULATED = VERMILION


def phase_map(dataset: xr.Dataset, ax: Axes | None = None) -> Axes:
    """Draw phases over two parameters: regions, curves of folds, cusps, M = 0, the present point, and simulations.

    **Arguments:** `dataset`: of `entropyjax phase` with two axes; `ax`: where to draw, by default on a new figure.

    **Raises:** `PlotError` if the dataset holds no map.
    """
    if dataset.attrs.get("kind") != "map":
        raise PlotError("The dataset holds no map of phases; make one with entropyjax phase and two axes.")
    x, y = (str(name) for name in dataset.attrs["axes"])
    with house_style():
        ax = new_figure(COLUMN, 3.3).add_subplot() if ax is None else ax
        for direction, name in (("x", x), ("y", y)):
            _frame(ax, dataset, direction, name)
        handles = _draw_regions(ax, dataset, x, y)
        handles += _draw_margin(ax, dataset, x, y) + _draw_folds(ax, dataset, x, y)
        handles += _draw_simulated(ax, dataset, x, y) + _draw_own(ax, dataset, x, y)
        legend_above(ax, handles, columns=2)
    return ax


def _frame(ax: Axes, dataset: xr.Dataset, direction: str, name: str) -> None:
    axis = next(one for one in _asked(dataset) if one["path"].rpartition(".")[2] == name)
    ends = np.array([axis["lower"], axis["upper"]])
    if axis["scale"] == "log":
        ax.set(**{f"{direction}scale": "log"})
        set_scale(ax, direction, ends)
    ax.set(**{f"{direction}lim": ends, f"{direction}label": axis_label(dataset[name])})
    ax.spines[:].set_visible(True)


def _asked(dataset: xr.Dataset) -> list[dict[str, Any]]:
    refine = json.loads(dataset.attrs["config"])["refine"]
    return [refine["x"], refine["y"]]


def _draw_regions(ax: Axes, dataset: xr.Dataset, x: str, y: str) -> list[Artist]:
    codes = sorted(_LOOKS)
    colours = ListedColormap([_LOOKS[code][0] for code in codes])
    norm = BoundaryNorm([code - 0.5 for code in (*codes, codes[-1] + 1)], len(codes))
    label = dataset["label"].transpose(y, x).values
    ax.pcolormesh(
        dataset[x].values, dataset[y].values, label, cmap=colours, norm=norm, shading="nearest", rasterized=True
    )
    present = [code for code in _LOOKS if np.any(label == code)]
    return [Patch(facecolor=_LOOKS[c][0], edgecolor="0.5", linewidth=0.4, label=_LOOKS[c][1]) for c in present]


def _draw_margin(ax: Axes, dataset: xr.Dataset, x: str, y: str) -> list[Artist]:
    """Draw M = 0 outside of the bistable region, where it divides focused from collapsed."""
    values = dataset["margin"].where(dataset["label"] != 2).transpose(y, x).values
    finite = values[np.isfinite(values)]
    if finite.size == 0 or not finite.min() < 0.0 < finite.max():
        return []
    ax.contour(
        dataset[x].values,
        dataset[y].values,
        np.ma.masked_invalid(values),
        levels=[0.0],
        colors=BLACK,
        linestyles=":",
        linewidths=1.0,
    )
    return [Line2D([], [], color=BLACK, linestyle=":", linewidth=1.0, label="M = 0")]


def _draw_folds(ax: Axes, dataset: xr.Dataset, x: str, y: str) -> list[Artist]:
    curve = dataset["fold_curve"].values
    for each in np.unique(curve):
        rows = curve == each
        ax.plot(dataset[f"fold_{x}"].values[rows], dataset[f"fold_{y}"].values[rows], color=BLACK, linewidth=1.1)
    handles: list[Artist] = [Line2D([], [], color=BLACK, linewidth=1.1, label="folds")] if curve.size else []
    places = list(zip(dataset[f"cusp_{x}"].values, dataset[f"cusp_{y}"].values, strict=True))
    for across, up in places:
        ax.plot(across, up, marker="^", color=BLACK, markersize=4.5, linestyle="none", zorder=4.0)
        text = ax.annotate(
            f"cusp ({number(across)}, {number(up)})",
            (across, up),
            xytext=(6, -7),
            textcoords="offset points",
            fontsize=7.0,
            zorder=5.0,
        )
        text.set_path_effects(halo(1.5))
        if across > np.sqrt(np.prod(ax.get_xlim())) if ax.get_xscale() == "log" else across > np.mean(ax.get_xlim()):
            text.set(ha="right", position=(-6, 5))
    return handles


def _draw_simulated(ax: Axes, dataset: xr.Dataset, x: str, y: str) -> list[Artist]:
    look = {"color": _SIMULATED, "linewidth": 1.1}
    if "over_probability" in dataset:
        p = dataset["over_probability"].transpose(f"over_{y}", f"over_{x}")
        values = np.ma.masked_invalid(p.values)
        levels = [level for level in LEVELS if values.min() < level < values.max()]
        if levels:
            lines = ax.contour(
                dataset[f"over_{x}"].values,
                dataset[f"over_{y}"].values,
                values,
                levels=levels,
                colors=_SIMULATED,
                linewidths=0.9,
            )
            for text in ax.clabel(lines, fontsize=7.0, inline=True):
                text.set_path_effects(halo(1.8))
        return [Line2D([], [], label="simulated,\np(collapsed)", **look)]
    if f"over_{x}" in dataset:
        ends = np.stack([dataset[f"over_{name}"].values for name in (x, y)], axis=-1)
        ax.add_collection(LineCollection(list(ends), colors=_SIMULATED, linewidths=1.1, capstyle="round"))
        return [Line2D([], [], label=str(dataset[f"over_{x}"].attrs["long_name"]), **look)]
    return []


def _draw_own(ax: Axes, dataset: xr.Dataset, x: str, y: str) -> list[Artist]:
    own = json.loads(dataset.attrs["own"])
    style: dict[str, Any] = {
        "marker": "*",
        "markersize": 8.0,
        "color": "white",
        "markeredgecolor": BLACK,
        "markeredgewidth": 0.7,
        "linestyle": "none",
    }
    limits = (ax.get_xlim(), ax.get_ylim())
    if not all(low <= own[name] <= high for name, (low, high) in zip((x, y), limits, strict=True)):
        return []
    ax.plot(own[x], own[y], zorder=6.0, **style)
    return [Line2D([], [], label="configuration", **style)]
