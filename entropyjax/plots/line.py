"""The outcomes along one axis, each with its interval."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from entropyjax.plots.errors import PlotError
from entropyjax.plots.label import axis_label, cell_title, words
from entropyjax.plots.scale import set_scale
from entropyjax.plots.selection import Select, is_numeric, reduced, sweep_axes, variable
from entropyjax.plots.style import COLUMN, OUTCOMES, house_style, legend_above, new_figure

_DODGE = 0.08


def line_diagram(
    dataset: xr.Dataset, ax: Axes | None = None, *, x: str | None = None, select: Select | None = None
) -> Axes:
    """Draw the probabilities of the four outcomes over one axis, with their Wilson 95% intervals.

    Over numbers they are lines with bands, over words points with bars. A cell of a single run, as of an
    ODE without a population, has no interval.

    **Arguments:**

    - `dataset`: of `sweep`.
    - `ax`: where to draw; by default on a new figure of one column.
    - `x`: name of the axis; by default the only one that is left.
    - `select`: one value for each axis of the sweep that is not drawn.

    **Raises:** `PlotError` if there is no axis, or more than one is left.
    """
    fixed = tuple(select or {})
    x = x or _only(sweep_axes(dataset), fixed)
    numeric = x not in dataset.coords or is_numeric(dataset, x)
    dataset = reduced(dataset, "collapse_probability", (x,), select, words=not numeric)
    with house_style():
        ax = new_figure(COLUMN, 2.8).add_subplot() if ax is None else ax
        handles = draw_line_or_points(ax, dataset, x)
        ax.set_title(cell_title(dataset, fixed))
        legend_above(ax, handles, columns=2)
    return ax


def draw_line_or_points(ax: Axes, dataset: xr.Dataset, x: str) -> list:
    """Draw the outcomes over a sorted axis of numbers or over one of words; return what a legend explains."""
    handles = draw_lines(ax, dataset, x) if is_numeric(dataset, x) else draw_points(ax, dataset, x)
    ax.set(xlabel=axis_label(dataset[x]), ylabel="probability", ylim=(-0.02, 1.02))
    return handles


def draw_lines(ax: Axes, dataset: xr.Dataset, x: str) -> list:
    """Draw the outcomes over numbers; return the lines."""
    values, handles = dataset[x].values, []
    set_scale(ax, "x", values)
    for name, look in OUTCOMES.items():
        share, low, high = _outcome(dataset, name)
        ax.fill_between(values, low, high, color=look.colour, alpha=0.2, linewidth=0.0)
        style = {"color": look.colour, "linestyle": look.line, "marker": look.marker, "label": words(name)}
        handles += ax.plot(values, share, **style)
    return handles


def draw_points(ax: Axes, dataset: xr.Dataset, x: str) -> list:
    """Draw the outcomes over words; return the points."""
    texts = [str(value) for value in dataset[x].values]
    places, handles = np.arange(len(texts)), []
    for i, (name, look) in enumerate(OUTCOMES.items()):
        share, low, high = _outcome(dataset, name)
        at = places + (i - 0.5 * (len(OUTCOMES) - 1)) * _DODGE
        bars = np.maximum([share - low, high - share], 0.0)
        style: dict[str, Any] = {"color": look.colour, "marker": look.marker, "label": words(name)}
        handles.append(ax.errorbar(at, share, bars, linestyle="none", capsize=1.5, elinewidth=0.9, **style))
    ax.set_xticks(places, texts)
    ax.set_xlim(-0.5, len(texts) - 0.5)
    return handles


def _outcome(dataset: xr.Dataset, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the share of an outcome and the ends of its interval."""
    share = variable(dataset, "outcome_probability").sel(outcome=name).values
    interval = variable(dataset, "outcome_interval").sel(outcome=name)
    if "trajectories" in dataset:
        interval = interval.where(dataset["trajectories"] > 1)
    return share, interval.sel(bound="lower").values, interval.sel(bound="upper").values


def _only(names: tuple[str, ...], fixed: tuple[str, ...]) -> str:
    left = [name for name in names if name not in fixed]
    if not left:
        raise PlotError("The dataset has no axis left to draw a line over; draw one cell with entropy_panels.")
    if len(left) > 1:
        axes = ", ".join(f"'{name}'" for name in left)
        raise PlotError(
            f"The dataset has the axes {axes}; choose one with x='{left[0]}' and a value of each other one with "
            "select={...}, or draw two with phase_diagram."
        )
    return left[0]
