"""Entropy and its two forces over time, one panel for a cell."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from entropyjax.plots.cells import Panel, chosen_panels, default_panels
from entropyjax.plots.label import axis_label, cell_title
from entropyjax.plots.selection import Select, choose, sweep_axes, variable
from entropyjax.plots.style import BLACK, COLUMN, GREY, LOADING, PAGE, RESOLUTION, house_style, new_figure

FORCES = {"mean_resolution": ("task resolution R", RESOLUTION), "mean_loading": ("context loading C_f", LOADING)}


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
    fixed = tuple(name for name in sweep_axes(dataset) if name in (select or {}))
    dataset = choose(dataset, select)
    variable(dataset, "mean_entropy")
    panels, columns = default_panels(dataset) if cells is None else chosen_panels(dataset, cells)
    with house_style():
        fig = fig if fig is not None else _figure(len(panels), columns)
        draw_panels(fig, panels, columns)
        if fixed:
            fig.suptitle(cell_title(dataset, fixed))
    return fig


def draw_panels(fig: Figure, panels: Sequence[Panel], columns: int) -> None:
    """Fill a figure with a grid of panels that share their axes."""
    rows = -(-len(panels) // columns)
    forces = [name for name in FORCES if all(name in panel.dataset for panel in panels)]
    ratios = [2.2, 1.0] if forces else [1.0]
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
        lines[0].set_label("single runs")
    if "variance_entropy" in dataset:
        spread = np.sqrt(np.maximum(dataset["variance_entropy"].values, 0.0))
        label = "one standard deviation"
        ax.fill_between(time, mean - spread, mean + spread, color="0.75", linewidth=0.0, label=label)
    ax.plot(time, mean, color=BLACK, label="mean entropy H")
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
        ax.axvline(horizon, color=BLACK, linestyle=":", linewidth=0.8, label="cognitive horizon")


def _time_label(dataset: xr.Dataset) -> str:
    unit = dataset["time"].attrs.get("units", "step")
    return "t (steps)" if unit == "step" else f"t ({unit})"


def _legend(fig: Figure, columns: int) -> None:
    found = {}
    for ax in fig.axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    fig.legend(list(found.values()), list(found), loc="outside upper center", ncols=min(2 * columns, 3))


def _figure(count: int, columns: int) -> Figure:
    rows = -(-count // columns)
    return new_figure(COLUMN if columns == 1 else PAGE, 0.8 + 2.0 * rows if columns == 1 else 0.6 + 1.75 * rows)
