"""Where each of several models survives, and which is the best where."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from entropyjax.phase import Leaders, leaders
from entropyjax.plots.errors import PlotError
from entropyjax.plots.label import axis_label, cell_title, number
from entropyjax.plots.plane import seen, to_the_frame
from entropyjax.plots.scale import edges, set_scale
from entropyjax.plots.selection import spread
from entropyjax.plots.style import (
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
    PAGE,
    PURPLE,
    SKY,
    VERMILION,
    halo,
    house_style,
    legend_outside,
    new_figure,
)

_HALF = 0.5
_COLUMNS = 3
_COLOURS = (BLACK, BLUE, SKY, VERMILION, ORANGE, GREEN, PURPLE)
_LINES: tuple[Any, ...] = ("-", "--", (0.0, (1.5, 1.0)), "-.", (0.0, (5.0, 1.0)), (0.0, (3.0, 1.0, 1.0, 1.0)), ":")
_TIE, _NONE = "0.85", "white"
_SHARE = "outcome_probability"


def survival_diagram(dataset: xr.Dataset, *, x: str = "n_agents", y: str = "context_window") -> Figure:
    """Draw over two axes where half of the runs of each model are resolved, and below it which model is the best.

    A cell has the colour of a model that resolves more runs than every other one by 3 standard errors. It is grey where
    several that survive are not told apart, and white where the best resolves fewer than half of its runs. Another
    axis of the sweep is shown in up to 3 columns.

    **Raises:** `PlotError` if the sweep has no axis over models, more than 7 of them, or an axis too many.
    """
    name = dataset.attrs.get("model_axis")
    if name is None:
        raise PlotError("The dataset has no axis over models; draw it with phase_diagram or outcome_diagram.")
    if dataset.sizes[name] > len(_COLOURS):
        raise PlotError(f"The axis '{name}' has {dataset.sizes[name]} models, and {len(_COLOURS)} can be told apart.")
    rest = [str(dim) for dim in dataset.trajectories.dims if dim not in (name, x, y)]
    if len(rest) > 1:
        raise PlotError(f"The dataset also has the axes {', '.join(rest)}; select values of all but one of them first.")
    places = [{rest[0]: i} for i in spread(dataset.sizes[rest[0]], _COLUMNS)] if rest else [{}]
    with house_style():
        width = PAGE if len(places) > 1 else 0.5 * PAGE
        fig = new_figure(width, 5.0)
        axes = fig.subplots(2, len(places), sharex=True, sharey=True, squeeze=False)
        marks: list[Artist] = []
        for (above, below), place in zip(axes.T, places, strict=True):
            one = dataset.isel(place).sortby([x, y])
            _draw_borders(above, one, name, x, y)
            marks += _draw_best(below, one, name, x, y)
            above.set_title(_title(one, rest))
            for ax in (above, below):
                ax.label_outer()
        lines = [_line(place, str(value)) for place, value in enumerate(dataset[name].values)]
        legend_outside(fig, {str(mark.get_label()): mark for mark in [*lines, *marks]}, 4 if len(places) > 1 else 2)
    return fig


def _title(one: xr.Dataset, rest: list[str]) -> str:
    if rest == ["resolution_rate"] and "task_length" in one.coords:
        return f"task of {number(one.task_length.item())} steps"
    return cell_title(one, tuple(rest))


def _line(place: int, label: str) -> Line2D:
    return Line2D([], [], color=_COLOURS[place], linestyle=_LINES[place], label=label)


def _frame(ax: Axes, one: xr.Dataset, x: str, y: str) -> tuple[np.ndarray, np.ndarray]:
    across, up = one[x].values, one[y].values
    set_scale(ax, "x", across)
    set_scale(ax, "y", up)
    ax.set(xlim=edges(across)[[0, -1]], ylim=edges(up)[[0, -1]])
    ax.set(xlabel=axis_label(one[x]), ylabel=axis_label(one[y]))
    ax.spines[:].set_visible(True)
    return edges(across), edges(up)


def _draw_borders(ax: Axes, one: xr.Dataset, name: str, x: str, y: str) -> None:
    """Draw the contour line at which half of the runs are resolved, for each model; a model survives above it."""
    _frame(ax, one, x, y)
    for place in range(one.sizes[name]):
        share = seen(one.isel({name: place}), _SHARE).sel(outcome="resolved")
        across, up, values = to_the_frame(share, x, y)
        if values.count() and values.min() < _HALF < values.max():
            lines = ax.contour(across, up, values, levels=[_HALF], colors=_COLOURS[place], linewidths=1.3)
            lines.set(linestyle=_LINES[place], path_effects=halo(2.2))


def _draw_best(ax: Axes, one: xr.Dataset, name: str, x: str, y: str) -> list[Artist]:
    """Colour each cell by its best model; return what a legend explains."""
    across, up = _frame(ax, one, x, y)
    found = _leaders(one, name, x, y)
    top = np.nanmax(np.where(np.isnan(found.share), -1.0, found.share), axis=0)
    code = np.where(found.tied, one.sizes[name], found.best)
    code = np.where(top < _HALF, one.sizes[name] + 1, code)
    colours = [*_COLOURS[: one.sizes[name]], _TIE, _NONE]
    norm = Normalize(-0.5, len(colours) - 0.5)
    ax.pcolormesh(across, up, code, cmap=ListedColormap(colours), norm=norm, rasterized=True)
    out: list[Artist] = [
        Patch(facecolor=_COLOURS[i], label=f"{value} is the best")
        for i, value in enumerate(one[name].values)
        if np.any(code == i)
    ]
    named = ((one.sizes[name], _TIE, "several may be the best"), (one.sizes[name] + 1, _NONE, "none survives"))
    out += [Patch(facecolor=c, edgecolor="0.5", linewidth=0.5, label=text) for i, c, text in named if np.any(code == i)]
    return out


def _leaders(one: xr.Dataset, name: str, x: str, y: str) -> Leaders:
    resolved = one.outcome_count.sel(outcome="resolved")
    counts, trials = (values.transpose(name, y, x).values for values in (resolved, one.trajectories))
    return leaders(counts, trials, one.attrs["sigmas"])
