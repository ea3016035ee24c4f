"""A predictive check: what was observed among what the posterior foretells."""

import json

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from entropyjax.plots.errors import PlotError
from entropyjax.plots.style import BLACK, BLUE, PAGE, VERMILION, house_style, legend_outside, new_figure

_HEIGHT = 1.7


def predictive_figure(dataset: xr.Dataset) -> Figure:
    """Draw a predictive check on two columns, a panel for each series.

    The band holds 90% of the logs that the posterior foretells, the line is their median. What was observed outside of
    it has another colour. Over each panel stands the p-value of all steps together.

    **Raises:** `PlotError` if the dataset holds no predictive check.
    """
    if dataset.attrs.get("kind") != "predictive":
        raise PlotError("The dataset holds no predictive check; make one with jobs.predictive_check.")
    count = dataset.sizes["series"]
    rows = (count + 1) // 2
    with house_style():
        fig = new_figure(PAGE, 0.5 + _HEIGHT * rows)
        axes = np.ravel(fig.subplots(rows, min(count, 2), squeeze=False, sharex=True))
        for ax in axes[count:]:
            ax.set_axis_off()
        for place, ax in enumerate(axes[:count]):
            _draw_series(ax, dataset.isel(series=place), json.loads(dataset.attrs["fitted"]))
        handles = {}
        for ax in axes[:count]:
            handles |= {str(one.get_label()): one for one in ax.get_legend_handles_labels()[0]}
        legend_outside(fig, handles, 4)
    return fig


def _draw_series(ax: Axes, one: xr.Dataset, fitted: list[str]) -> None:
    steps, seen = one.step.values, one.observed.values
    low, high = one.predicted_interval.values.T
    ax.fill_between(steps, low, high, color=BLUE, alpha=0.25, linewidth=0.0, label="90% of foretold logs")
    ax.plot(steps, one.predicted.values, color=BLUE, label="median")
    out = (seen < low) | (seen > high)
    ax.plot(steps[~out], seen[~out], "o", color=BLACK, markersize=3.0, label="observed")
    if out.any():
        ax.plot(steps[out], seen[out], "s", color=VERMILION, markersize=3.0, label="observed, outside")
    unit = "" if str(one.unit.values) == "1" else f" ({one.unit.values})"
    note = "" if str(one.series.values) in fitted else ", not fitted"
    ax.set_title(f"p = {float(one.p_value):.2g}{note}", loc="right")
    ax.set_ylabel(f"{one.series.values}{unit}")
    ax.set_xlabel("step t")
    ax.set_ylim(bottom=0.0)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
