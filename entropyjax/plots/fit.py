"""A fit: what was seen against what it expects, and what was learnt of each parameter."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from entropyjax.plots.errors import PlotError
from entropyjax.plots.style import BLACK, BLUE, GREY, PAGE, VERMILION, house_style, legend_outside, new_figure

MOST = 6
"""Conditions that are drawn at the most."""


def fit_figure(dataset: xr.Dataset) -> Figure:
    """Draw a fit on two columns.

    Left, for each condition the share of pairs with a common history that agree (points, their area the number of
    pairs, with 68% intervals) and the collision probability that the fit expects, with its 90% band; where there are
    no pairs, the expected entropy. Right, the 90% interval of each free value, in those of the prior, on the
    scale of the fit.

    **Raises:** `PlotError` if the dataset holds no fit.
    """
    if dataset.attrs.get("kind") != "fit":
        raise PlotError("The dataset holds no fit; make one with the command fit.")
    conditions = min(dataset.sizes["condition"], MOST)
    rows = (conditions + 1) // 2
    columns = min(conditions, 2)
    with house_style():
        fig = new_figure(PAGE, 1.0 + 1.8 * max(rows, 1))
        grid = fig.add_gridspec(rows, columns + 1, width_ratios=[1.0] * columns + [1.1])
        first = None
        for number in range(conditions):
            ax = fig.add_subplot(grid[number // columns, number % columns], sharey=first, sharex=first)
            first = first or ax
            _draw_condition(ax, dataset.isel(condition=number), alone=conditions == 1)
        _draw_parameters(fig.add_subplot(grid[:, columns]), dataset)
        assert first is not None
        handles, names = first.get_legend_handles_labels()
        legend_outside(fig, dict(zip(names, handles, strict=True)), 3)
    return fig


def _draw_condition(ax: Axes, one: xr.Dataset, alone: bool) -> None:
    steps, paired = one.step.values, bool((one.pairs > 0).any())
    name, unit = ("collision", "share that agrees, S") if paired else ("entropy", "H (nat)")
    band = one[f"expected_{name}_interval"].values
    ax.fill_between(steps, band[:, 0], band[:, 1], color=BLUE, alpha=0.25, linewidth=0.0, label="90% of the posterior")
    ax.plot(steps, one[f"expected_{name}"].values, color=BLUE, label="fit")
    if paired:
        kept = one.pairs.values > 0
        pairs, share = one.pairs.values[kept], one.agreeing.values[kept] / one.pairs.values[kept]
        # Agresti and Coull's interval of one standard error, which pairs that share runs make a little too short.
        middle = (one.agreeing.values[kept] + 0.5) / (pairs + 1.0)
        half = np.sqrt(middle * (1.0 - middle) / (pairs + 1.0))
        ax.errorbar(steps[kept], middle, half, color=GREY, linewidth=0.7, linestyle="none")
        area = 4.0 + 30.0 * pairs / pairs.max()
        ax.scatter(steps[kept], share, s=area, color=BLACK, linewidth=0.0, zorder=3, label="pairs of runs")
        ax.set_ylim(0.0, 1.02)
    ax.set_xlabel("step t")
    ax.set_ylabel(unit)
    if not alone:
        ax.set_title(_wrapped(str(one.condition_name.values)), fontsize=7.0)


def _wrapped(name: str) -> str:
    system, *rest = name.split(", ")
    return "\n".join([system, ", ".join(rest)])


def _draw_parameters(ax: Axes, dataset: xr.Dataset) -> None:
    labels = [str(label) for label in dataset.label.values]
    for row, label in enumerate(labels):
        one = dataset.sel(label=label)
        below, above = one.prior_interval.values
        low, high = one.place_interval.values
        ax.plot([-1.0, 1.0], [row, row], color=GREY, linewidth=4.0, alpha=0.35, solid_capstyle="butt")
        ax.plot([low, high], [row, row], color=VERMILION, linewidth=1.6)
        ax.plot([float(one.place)], [row], "o", color=VERMILION, markersize=3.5)
        for x, value, side in ((-1.0, below, "left"), (1.0, above, "right")):
            ax.annotate(f"{value:.3g}", (x, row), (0, 5), textcoords="offset points", fontsize=6.5, ha=side, color=GREY)
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.5, -0.7)
    ax.set_xticks([-1.0, 0.0, 1.0])
    ax.set_xlabel("90% interval in that of the prior")
