"""A forecast: what becomes of the runs step by step, and what changes would do, the best first."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from entropyjax.plots.errors import PlotError
from entropyjax.plots.style import (
    BLACK,
    BLUE,
    GREY,
    OUTCOMES,
    PAGE,
    VERMILION,
    house_style,
    legend_outside,
    new_figure,
)

_YLABELS = {
    "unfocused": "effect on being out of focus",
    "collapsed": "effect on the collapse probability",
    "resolved": "effect on being resolved",
}


def forecast_figure(dataset: xr.Dataset) -> Figure:
    """Draw a forecast on two columns.

    Left, the share of runs that have collapsed and that have been resolved by each step, and below it the mean of H,
    with bands of 90% over the posterior; the dashed line is the cognitive horizon, and beyond the dotted line the logs
    show no steps. Right, the effect of each change with its interval of 90%, by gain for each 10%, and topologies
    below; the number is the share of the draws in which the change is the best.

    **Raises:** `PlotError` if the dataset holds no forecast.
    """
    if dataset.attrs.get("kind") != "forecast":
        raise PlotError("The dataset holds no forecast; make one with jobs.forecast.")
    advised = "effect" in dataset
    with house_style():
        fig = new_figure(PAGE, max(3.2, 1.3 + 0.17 * dataset.sizes.get("change", 0)))
        grid = fig.add_gridspec(
            2, 2 if advised else 1, height_ratios=[1.6, 1.0], width_ratios=[1.0, 1.0][: 1 + advised]
        )
        above = fig.add_subplot(grid[0, 0])
        handles = _draw_endings(above, dataset)
        _draw_entropy(fig.add_subplot(grid[1, 0], sharex=above), dataset)
        if advised:
            _draw_changes(fig.add_subplot(grid[:, 1]), dataset)
        legend_outside(fig, {str(handle.get_label()): handle for handle in handles}, 4)
    return fig


def _draw_endings(ax: Axes, dataset: xr.Dataset) -> list[Line2D]:
    handles = []
    for name in ("collapsed", "resolved"):
        look, ends = OUTCOMES[name], dataset[f"{name}_by_interval"].values
        ax.fill_between(dataset.time, ends[:, 0], ends[:, 1], color=look.colour, alpha=0.2, linewidth=0.0)
        handles += ax.plot(
            dataset.time, dataset[f"{name}_by"], color=look.colour, linestyle=look.line, label=f"{name} by then"
        )
    ax.set(ylabel="share of runs", ylim=(-0.02, 1.02), xlim=(0.0, float(dataset.time[-1])))
    ax.tick_params(labelbottom=False)
    return handles + _limits(ax, dataset)


def _draw_entropy(ax: Axes, dataset: xr.Dataset) -> None:
    ends = dataset.mean_entropy_interval.values
    ax.fill_between(dataset.time, ends[:, 0], ends[:, 1], color=BLUE, alpha=0.25, linewidth=0.0)
    ax.plot(dataset.time, dataset.mean_entropy, color=BLUE)
    ax.set(xlabel="step", ylabel="mean H (nat)")
    ax.set_ylim(bottom=0.0)
    _limits(ax, dataset)


def _limits(ax: Axes, dataset: xr.Dataset) -> list[Line2D]:
    lines, last = [], float(dataset.time[-1])
    horizon, seen = float(dataset.cognitive_horizon), dataset.attrs["steps_seen"]
    if np.isfinite(horizon):
        lines.append(ax.axvline(horizon, color=BLACK, linestyle="--", linewidth=0.8, label="cognitive horizon"))
    if 0 < seen < last:
        lines.append(ax.axvline(seen, color=GREY, linestyle=":", linewidth=1.0, label="end of the logs"))
    return lines


def _draw_changes(ax: Axes, dataset: xr.Dataset) -> None:
    objective = dataset.attrs["objective"]
    one = dataset.sel(objective=objective)
    gain = one.gain_per_tenth.values
    order = [int(place) for place in np.argsort(-gain)]
    names = [str(one.change.values[place]) for place in order]
    sign = 1.0 if objective == "resolved" else -1.0
    for row, place in enumerate(order):
        low, high = one.effect_interval.values[place]
        mean, error = sign * float(one.effect[place]), float(one.effect_error[place])
        sure = (min(sign * low, sign * high) >= 0.0 or max(sign * low, sign * high) <= 0.0) and abs(mean) > 3.0 * error
        colour = GREY if not sure else BLUE if mean > 0.0 else VERMILION
        ax.plot([low, high], [row, row], color=colour, linewidth=1.6, solid_capstyle="butt")
        ax.plot([float(one.effect[place])], [row], "o", color=colour, markersize=3.5)
        best = float(one.rank_share.isel(change=place, rank=0))
        if np.isfinite(best):
            text = f"{best:.0%}"
            ax.annotate(text, (1.0, row), (3, 0), ("axes fraction", "data"), "offset points", va="center", fontsize=6.5)
    ax.axvline(0.0, color=BLACK, linewidth=0.7)
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(axis="y", labelsize=7.0)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlabel(_YLABELS[objective])
    ax.set_title("best in", loc="right", fontsize=6.5)
