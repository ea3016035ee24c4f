"""The phase diagram: collapse probability over executors and context window."""

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import Normalize

from entropyjax.plots.label import cell_title, unit_text, words
from entropyjax.plots.margin import draw_margin
from entropyjax.plots.plane import draw_contours, draw_never_focused, draw_plane, seen
from entropyjax.plots.selection import Select, reduced
from entropyjax.plots.style import COLUMN, house_style, legend_above, new_figure


def phase_diagram(
    dataset: xr.Dataset,
    ax: Axes | None = None,
    *,
    x: str = "n_agents",
    y: str = "context_window",
    value: str = "collapse_probability",
    select: Select | None = None,
) -> Axes:
    """Draw a variable of a sweep over two of its axes, with contour lines if it is a probability.

    Where one axis is the context window and the sweep has `margin_window`, the curve M = 0 on the fixed
    points is drawn too. It is not the boundary of collapse where two stable fixed points coexist.

    **Arguments:**

    - `dataset`: of `sweep`.
    - `ax`: where to draw; by default on a new figure of one column.
    - `x`, `y`: names of axes of numbers.
    - `value`: name of a variable with these axes.
    - `select`: one value for each axis of the sweep that is not drawn, as in `{"model": "star"}`.

    **Raises:** `PlotError` if an axis is missing or one is left over.
    """
    fixed = tuple(select or {})
    dataset = reduced(dataset, value, (x, y), select)
    with house_style():
        ax = new_figure(COLUMN, 3.0).add_subplot() if ax is None else ax
        mesh = draw_plane(ax, dataset, value, x, y, value_norm(dataset, value))
        handles = draw_marks(ax, dataset, value, x, y)
        ax.set_title(cell_title(dataset, fixed))
        if handles:
            legend_above(ax, handles)
        figure = ax.get_figure()
        assert figure is not None
        figure.colorbar(mesh, ax=ax, label=value_label(dataset[value]), pad=0.02)
    return ax


def draw_marks(ax: Axes, dataset: xr.Dataset, value: str, x: str, y: str) -> list[Artist]:
    """Draw what lies over the colours, and return what of it a legend explains."""
    margin = draw_margin(ax, dataset, x, y)
    # Where nothing focuses nothing collapses: low values there are not safety.
    never = draw_never_focused(ax, dataset, x, y) if value == "collapse_probability" else None
    if is_probability(value):
        draw_contours(ax, dataset, value, x, y, avoid=[] if margin is None else [np.asarray(margin.get_xydata())])
    return [mark for mark in (margin, never) if mark is not None]


def is_probability(value: str) -> bool:
    """Return whether a variable is a share of trajectories."""
    return value.endswith("_probability")


def value_norm(dataset: xr.Dataset, value: str) -> Normalize:
    """Return the range of the colours: 0 to 1 for a probability, else that of the finite values."""
    if is_probability(value):
        return Normalize(0.0, 1.0)
    values = seen(dataset, value).values
    values = values[abs(values) < float("inf")]
    return Normalize(values.min(), values.max()) if values.size else Normalize(0.0, 1.0)


def value_label(array: xr.DataArray) -> str:
    """Return the words of a variable and its unit."""
    unit = unit_text(array)
    return f"{words(str(array.name))} ({unit})" if unit else words(str(array.name))
