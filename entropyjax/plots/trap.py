"""The Reasoning Trap: the best effort over a plane, runs along the effort, and the best effort by the task's length."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from entropyjax.plots.errors import PlotError
from entropyjax.plots.label import axis_label, number, symbol_text
from entropyjax.plots.plane import draw_plane, to_the_frame
from entropyjax.plots.scale import set_scale
from entropyjax.plots.selection import spread
from entropyjax.plots.style import (
    BLUE,
    GREEN,
    ORANGE,
    PAGE,
    PURPLE,
    VERMILION,
    Look,
    halo,
    house_style,
    legend_outside,
    new_figure,
)
from entropyjax.results import Effort

_LOOKS = tuple(
    Look(colour, "-", marker)
    for colour, marker in ((BLUE, "o"), (VERMILION, "s"), (GREEN, "^"), (PURPLE, "D"), (ORANGE, "v"))
)
_LEVELS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
_HATCH = "0.45"


def trap_diagram(dataset: xr.Dataset) -> Figure:
    """Draw the Reasoning Trap of a dataset of `jobs.trap`, on two columns.

    Left, the best effort over the plane at the present length of the task: a contour line of an effort is the border
    of the trap for it, which lies on the side of smaller optima. Middle, the mean of q up to T in the ODE along the
    effort, and what became of runs. Right, the best effort by the length of the task; pale where no effort is enough.

    **Raises:** `PlotError` if the dataset holds no Reasoning Trap.
    """
    if dataset.attrs.get("kind") != "trap":
        raise PlotError("The dataset holds no Reasoning Trap; make one with the command trap, or with jobs.trap.")
    with house_style():
        fig = new_figure(PAGE, 3.0)
        left, middle, right = fig.subplots(1, 3, width_ratios=(1.25, 1.0, 1.0))
        marks = [*_draw_map(left, dataset), *_draw_runs(middle, dataset), *_draw_lengths(right, dataset)]
        legend_outside(fig, {str(mark.get_label()): mark for mark in marks}, 4)
    return fig


def _present(dataset: xr.Dataset) -> float:
    """Return the effort of the configuration in ktok/step."""
    return float(dataset.attrs["present_effort"])


def _length(dataset: xr.Dataset) -> float:
    return float(dataset.attrs["present_length"])


def _draw_map(ax: Axes, dataset: xr.Dataset) -> list[Artist]:
    x, y = (str(name) for name in dataset.attrs["axes"])
    plane = dataset[["optimum", "label"]].sel(task_length=_length(dataset), method="nearest")
    failing = plane.label == Effort.FAILING
    shown = plane.assign(optimum=plane.optimum.where(~failing))[["optimum"]]
    top = float(shown.optimum.max()) if bool(shown.optimum.notnull().any()) else 1.0
    mesh = draw_plane(ax, shown, "optimum", x, y, PowerNorm(0.5, 0.0, top or 1.0))
    handles: list[Artist] = []
    if bool(failing.any()):
        across, up, values = to_the_frame(failing.astype(float), x, y)
        area = ax.contourf(across, up, values, levels=[0.5, 2.0], colors="none", hatches=["////"])
        area.set(edgecolor=_HATCH, linewidth=0.0)
        handles.append(
            Patch(facecolor="0.85", edgecolor=_HATCH, hatch="//////", linewidth=0.0, label="no effort is enough")
        )
    across, up, values = to_the_frame(shown.optimum, x, y)
    levels = [level for level in _LEVELS if values.min() < level < values.max()] if values.count() else []
    if levels:
        lines = ax.contour(across, up, values, levels=levels, colors="black", linewidths=0.7)
        lines.set_path_effects(halo(1.6))
        for text in lines.clabel(fmt="%g", inline=True, inline_spacing=3, fontsize=7.0):
            text.set_path_effects(halo(1.8))
    handles.insert(0, Line2D([], [], color="black", linewidth=0.7, label="border of the trap"))
    figure = ax.get_figure()
    assert figure is not None
    figure.colorbar(mesh, ax=ax, label=f"best effort {_tau()} (ktok/step)", pad=0.02)
    return handles


def _draw_runs(ax: Axes, dataset: xr.Dataset) -> list[Artist]:
    effort = dataset.effort.values
    star: dict[str, Any] = {"color": "white", "markeredgecolor": "black", "markeredgewidth": 0.7, "zorder": 5}
    handles: list[Artist] = [
        Line2D([], [], linestyle="none", marker="*", markersize=7.0, label="best by the ODE", **star)
    ]
    for place, look in zip(_curves(dataset), _LOOKS, strict=False):
        one = dataset.isel(curve=place)
        ax.plot(effort, one.curve_right.values, color=look.colour, linewidth=0.9, linestyle="--")
        best = float(one.curve_optimum.sel(span=_length(dataset), method="nearest"))
        shown = one.resolved_probability.values if "resolved_probability" in dataset else one.curve_right.values
        if best <= effort.max():
            ax.plot(best, np.interp(best, effort, shown), marker="*", markersize=7.0, **star)
        if "resolved_probability" in dataset:
            share, bounds = one.resolved_probability.values, one.resolved_interval.values
            bars = np.maximum([share - bounds[:, 0], bounds[:, 1] - share], 0.0)
            bars = np.where(one.trajectories.values > 1, bars, np.nan)
            style = {"color": look.colour, "marker": look.marker, "linewidth": 0.7, "markersize": 2.8}
            ax.errorbar(effort, share, bars, elinewidth=0.7, **style)
        handles.append(
            Line2D([], [], color=look.colour, marker=look.marker, linewidth=0.9, label=_case(dataset, place))
        )
    ax.set(xlabel=axis_label(dataset.effort.rename("effort")), ylabel="runs resolved; mean q (dashed)")
    ax.set_ylim(-0.02, 1.02)
    return handles


def _draw_lengths(ax: Axes, dataset: xr.Dataset) -> list[Artist]:
    spans = dataset.span.values
    set_scale(ax, "x", spans)
    for place, look in zip(_curves(dataset), _LOOKS, strict=False):
        best = dataset.curve_optimum.isel(curve=place).values
        enough = dataset.curve_label.isel(curve=place).values != Effort.FAILING
        ax.plot(spans, best, color=look.colour, linewidth=0.7, alpha=0.4)
        ax.plot(spans, np.where(enough, best, np.nan), color=look.colour, marker=look.marker, markersize=2.8)
        ax.plot(spans, np.where(enough, np.nan, best), color=look.colour, marker=look.marker, markersize=2.8,
                linestyle="none", alpha=0.4, markerfacecolor="none")  # fmt: skip
    now = ax.axhline(_present(dataset), color="black", linewidth=0.9, linestyle="-.", label="present effort")
    pale = Line2D([], [], color="0.5", marker="o", markerfacecolor="none", alpha=0.6, label="not enough")
    ax.set(xlabel="task length Λ (steps)", ylabel=f"best effort {_tau()} (ktok/step)")
    ax.set_ylim(bottom=0.0)
    return [now, pale]


def _curves(dataset: xr.Dataset) -> list[int]:
    return spread(dataset.sizes["curve"], len(_LOOKS))


def _case(dataset: xr.Dataset, place: int) -> str:
    attrs = dataset.curve.attrs
    if not attrs["name"]:
        return "as configured"
    unit = "" if attrs["units"] == "-" else f" {attrs['units']}"
    return f"{symbol_text(attrs['symbol'])} = {number(dataset.curve.values[place])}{unit}"


def _tau() -> str:
    return symbol_text("tau_r")
