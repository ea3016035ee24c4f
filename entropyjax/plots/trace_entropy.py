"""The entropies of recorded runs over their steps, what they are made of, and how many runs they rest on."""

from collections.abc import Sequence
from typing import Any

import xarray as xr
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from entropyjax.plots.errors import PlotError
from entropyjax.plots.style import (
    BLACK,
    BLUE,
    COLUMN,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    Look,
    house_style,
    legend_above,
    prepared,
)

RUNS, PAIRS = 20, 20
"""Runs and pairs below which a step is left out."""

LINES = {
    "pooled_miller_madow": ("pooled", Look(BLACK, "-", ""), "count_runs", RUNS),
    "within_miller_madow": ("within tasks", Look(BLUE, "--", ""), "count_within_runs", RUNS),
    "history_renyi2": ("common history", Look(VERMILION, "-", "o"), "count_history_pairs", PAIRS),
    "corrected_renyi2": ("corrected", Look(VERMILION, "none", "x"), "count_gauge_pairs", PAIRS),
    "lag_one_miller_madow": ("lag one", Look(GREEN, "-.", ""), "count_lagged_runs", RUNS),
    "log_probability": ("log-probabilities", Look(PURPLE, ":", "D"), "count_known", RUNS),
}
"""Series with a band: label, look, count and the least of it."""

WITHIN = {
    "within_plug_in": ("plug-in", Look(GREY, ":", "")),
    "within_chao_shen": ("Chao-Shen", Look(SKY, "-.", "")),
    "within_nsb": ("NSB", Look(PURPLE, (0.0, (1.0, 1.0, 4.0, 1.0)), "")),
}
"""The other corrections, without a band."""

STACKS = {
    "H (nat)\nShannon": ("history_miller_madow", "within_miller_madow", "pooled_miller_madow"),
    "H (nat)\norder 2": ("history_renyi2", "task_renyi2", "pooled_renyi2"),
}
"""Decision entropy, with path divergence, with task diversity."""

PARTS = {"decision": (BLUE, ""), "paths": (ORANGE, "////"), "tasks": ("0.85", "")}

COUNTS = {
    "count_runs": ("runs", Look(BLACK, "-", "")),
    "count_within_runs": ("repeats", Look(BLUE, "--", "")),
    "count_history_pairs": ("pairs", Look(VERMILION, "-", "o")),
}


def trace_entropy_panels(dataset: xr.Dataset, fig: Figure | None = None, *, group: str | None = None) -> Figure:
    """Draw H over the steps with 95% bands, its decomposition of both orders, and the number at risk.

    In the first panel lines with a band are Miller-Madow, the common history is of order 2, crosses are it corrected by
    the gauge, and thin lines are other corrections within tasks. Steps of fewer than 20 runs are left out, and so is
    what rests on fewer than 20 pairs. Where no task has repeats there is nothing to decompose.

    **Arguments:**

    - `dataset`: of `entropy_of_traces`.
    - `fig`: an empty figure to fill, by default a new one.
    - `group`: name of the runs to draw, if there are groups.

    **Raises:** `PlotError` if the dataset holds no entropies of traces, or more than one group and none is named.
    """
    one = _group(dataset, group)
    one = one.isel(step=slice(0, max(int((one["count_runs"].values >= RUNS).sum()), 2)))
    stacks = STACKS if bool(one["repeats"]) else {}
    with house_style():
        ratios = [2.0, *[1.4] * len(stacks), 1.2]
        fig = prepared(fig, COLUMN, 0.6 + 1.15 * sum(ratios))
        axes = fig.subplots(len(ratios), 1, sharex=True, height_ratios=ratios)
        _draw_entropies(axes[0], one, bool(stacks))
        for ax, (label, names) in zip(axes[1:-1], stacks.items(), strict=True):
            _draw_stack(ax, one, names)
            ax.set_ylabel(label)
        if stacks:
            handles = [
                Patch(facecolor=c, hatch=h, edgecolor="0.3", linewidth=0.4, label=n) for n, (c, h) in PARTS.items()
            ]
            _legend(axes[1], handles)
        _draw_counts(axes[-1], one)
        axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
        axes[-1].set_xlabel("step t")
        axes[-1].set_xlim(0, one.sizes["step"] - 1)
        fig.align_ylabels()
    return fig


def _group(dataset: xr.Dataset, group: str | None) -> xr.Dataset:
    if dataset.attrs.get("kind") != "entropy":
        raise PlotError("The dataset holds no entropies of traces; make one with entropyjax entropy.")
    names = [str(name) for name in dataset["group"].values]
    if group is None and len(names) > 1:
        raise PlotError(f"The dataset has {len(names)} groups of runs; choose one with group='{names[0]}'.")
    if group is not None and group not in names:
        raise PlotError(f"'{group}' is no group of runs here; choose one of {', '.join(names)}.")
    return dataset.sel(group=group or names[0])


def _draw_entropies(ax: Axes, one: xr.Dataset, repeats: bool) -> None:
    handles = []
    for name, (label, look, count, least) in LINES.items():
        values = one[name].where(one[count] >= least)
        if not bool(values.notnull().any()) or (repeats and name.startswith("lag_one")):
            continue
        ends = one[f"{name}_interval"].where(one[count] >= least)
        if name != "corrected_renyi2":
            style = {"color": look.colour, "alpha": 0.18, "linewidth": 0.0}
            ax.fill_between(one["step"], ends.sel(bound="lower"), ends.sel(bound="upper"), **style)
        handles += [_line(ax, one["step"], values, look, label)]
    for name, (label, look) in WITHIN.items() if repeats else ():
        handles.append(_line(ax, one["step"], one[name].where(one["count_within_runs"] >= RUNS), look, label))
        handles[-1].set_linewidth(0.8)
    ax.set_ylabel("H (nat)")
    ax.set_ylim(bottom=0.0)
    _legend(ax, handles)


def _line(ax: Axes, x: xr.DataArray, y: xr.DataArray, look: Look, label: str) -> Line2D:
    style = {"color": look.colour, "linestyle": look.line, "marker": look.marker, "label": label}
    return ax.plot(x, y, **style)[0]


def _legend(ax: Axes, handles: Sequence[Any]) -> None:
    with rc_context({"legend.handlelength": 1.8, "legend.columnspacing": 1.0, "legend.fontsize": 7.5}):
        # From the edge of the figure on, where there is more room than over the axes.
        legend_above(ax, handles, columns=3).set_bbox_to_anchor((-0.24, 1.0), ax.transAxes)


def _draw_stack(ax: Axes, one: xr.Dataset, names: tuple[str, ...]) -> None:
    """Fill between the levels of the parts; nothing is filled where a part comes out negative."""
    enough = one["count_history_pairs"] >= PAIRS
    levels = [one[name].where(enough) for name in names]
    below = 0.0 * levels[0]
    for level, (colour, hatch) in zip(levels, PARTS.values(), strict=True):
        shown = (level >= below).values
        style = {"facecolor": colour, "hatch": hatch, "edgecolor": "0.3", "linewidth": 0.4}
        ax.fill_between(one["step"], below, level, where=shown, interpolate=True, **style)
        below = level
    ax.plot(one["step"], levels[-1], color=BLACK)
    ax.set_ylim(bottom=0.0)


def _draw_counts(ax: Axes, one: xr.Dataset) -> None:
    handles = []
    for name, (label, look) in COUNTS.items():
        values = one[name].where(one[name] > 0)
        if bool(values.notnull().any()):
            handles.append(_line(ax, one["step"], values, look, label))
    ax.set_yscale("log")
    ax.set_ylabel("number at risk")
    _legend(ax, handles)
