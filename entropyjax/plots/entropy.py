"""Entropy and its two forces over time, one panel for a cell."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from entropyjax.plots.cells import Panel, chosen_panels, default_panels
from entropyjax.plots.label import cell_title, symbol_text, unit_text
from entropyjax.plots.selection import Select, choose, variable
from entropyjax.plots.style import (
    BLACK,
    COLUMN,
    GREY,
    LOADING,
    PAGE,
    RESOLUTION,
    headline,
    house_style,
    legend_outside,
    prepared,
)

FORCES = {
    "mean_resolution": ("task resolution R", RESOLUTION),
    "mean_loading": (f"context loading {symbol_text('C_f')}", LOADING),
}
"""The forces that are drawn: variable, label, look."""

MEAN, SPREAD, PATHS, HORIZON = "mean entropy H", "± 1 standard deviation", "single runs", "cognitive horizon"


def entropy_panels(
    dataset: xr.Dataset,
    fig: Figure | None = None,
    *,
    cells: Sequence[Select] | None = None,
    select: Select | None = None,
) -> Figure:
    """Draw the mean entropy H over time with a band of one standard deviation, and the two forces below it.

    In the strip below H: its rate of change is the context loading C_f less the task resolution R (exact
    along ODE trajectories). A thin vertical line marks the cognitive horizon where it is finite.

    **Arguments:**

    - `dataset`: of `sweep` or `simulate`; sample paths (`path_entropy`) are drawn behind the mean.
    - `fig`: an empty figure to fill, by default a new one.
    - `cells`: one panel for each, as in `[{"n_agents": 8, "context_window": 64.0}]`; by default up to 3 x 3
      that span the axes.
    - `select`: one value for each axis that all panels share.

    **Raises:** `PlotError` if more than two axes are left and no cells are named.
    """
    fixed = tuple(select or {})
    dataset = choose(dataset, select)
    variable(dataset, "mean_entropy")
    panels, columns = default_panels(dataset) if cells is None else chosen_panels(dataset, cells)
    with house_style():
        rows = -(-len(panels) // columns)
        size = (COLUMN, 0.8 + 2.0 * rows) if columns == 1 else (PAGE, 0.6 + 1.75 * rows)
        fig = prepared(fig, *size)
        draw_panels(fig, panels, columns)
        if fixed:
            headline(fig, cell_title(dataset, fixed))
    return fig


def draw_panels(fig: Figure, panels: Sequence[Panel], columns: int) -> None:
    """Fill a figure with a grid of panels that share their axes."""
    rows = -(-len(panels) // columns)
    forces = [name for name in FORCES if all(name in panel.dataset for panel in panels)]
    ratios = [2.0, 1.0] if forces else [1.0]
    strips = len(ratios)
    grid = fig.add_gridspec(rows * strips, columns, height_ratios=ratios * rows)
    first: list[Axes | None] = [None] * strips
    for number, panel in enumerate(panels):
        row, column = divmod(number, columns)
        for strip in range(strips):
            share = {"sharex": first[0], "sharey": first[strip]}
            ax = fig.add_subplot(grid[row * strips + strip, column], **share)
            first[strip] = first[strip] or ax
            draw_forces(ax, panel.dataset, forces) if strip else draw_entropy(ax, panel.dataset)
            below = number + columns >= len(panels) and strip == strips - 1
            ax.tick_params(labelbottom=below, labelleft=column == 0)
            ax.set_xlabel(_time_label(panel.dataset) if below else "")
            if column:
                ax.set_ylabel("")
            if strip == 0:
                ax.set_title(panel.title)
    _legend(fig, columns)
    fig.align_ylabels()


def draw_entropy(ax: Axes, dataset: xr.Dataset) -> None:
    """Draw H: sample paths, the mean with its band, the cognitive horizon."""
    time, mean = dataset["time"].values, dataset["mean_entropy"].values
    if "path_entropy" in dataset:
        paths = dataset["path_entropy"].transpose("time", "path").values
        lines = ax.plot(time, paths, color=GREY, linewidth=0.4, alpha=0.6)
        lines[0].set_label(PATHS)
    if "variance_entropy" in dataset:
        spread = np.sqrt(np.maximum(dataset["variance_entropy"].values, 0.0))
        ax.fill_between(time, mean - spread, mean + spread, color="0.75", linewidth=0.0, label=SPREAD)
    ax.plot(time, mean, color=BLACK, label=MEAN)
    ax.set_ylabel("H (nat)")
    ax.set_xlim(time[0], time[-1])
    _draw_horizon(ax, dataset)


def draw_forces(ax: Axes, dataset: xr.Dataset, names: Sequence[str]) -> None:
    """Draw the means of the two forces, and the cognitive horizon."""
    for name in names:
        label, look = FORCES[name]
        style = {"color": look.colour, "linestyle": look.line, "label": label, "linewidth": 1.1}
        ax.plot(dataset["time"].values, dataset[name].values, **style)
    ax.set_ylabel("forces\n(nat/step)")
    _draw_horizon(ax, dataset)


def _draw_horizon(ax: Axes, dataset: xr.Dataset) -> None:
    horizon = float(dataset["cognitive_horizon"]) if "cognitive_horizon" in dataset else np.inf
    if np.isfinite(horizon):
        ax.axvline(horizon, color=BLACK, linestyle=":", linewidth=0.8, label=HORIZON)


def _time_label(dataset: xr.Dataset) -> str:
    return f"t ({unit_text(dataset['time']) or 'steps'})"


def _legend(fig: Figure, columns: int) -> None:
    found = {}
    for ax in fig.axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    order = [MEAN, SPREAD, PATHS, *(label for label, _ in FORCES.values()), HORIZON]
    legend_outside(fig, {label: found[label] for label in order if label in found}, 2 if columns == 1 else 3)
