"""The four outcomes over the plane of two axes."""

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from entropyjax.plots.label import cell_title, words
from entropyjax.plots.plane import draw_plane
from entropyjax.plots.selection import Select, reduced, variable
from entropyjax.plots.style import OUTCOMES, PAGE, headline, house_style, prepared

PROBABILITY = "outcome_probability"


def outcome_diagram(
    dataset: xr.Dataset,
    fig: Figure | None = None,
    *,
    x: str = "n_agents",
    y: str = "context_window",
    select: Select | None = None,
) -> Figure:
    """Draw the probability of each outcome over two axes of a sweep, side by side, with one colour bar.

    **Arguments:** as for `phase_diagram`; `fig`: an empty figure to fill, by default a new one of two columns.

    **Raises:** `PlotError` if an axis is missing or one is left over.
    """
    fixed = tuple(select or {})
    dataset = reduced(dataset, "collapse_probability", (x, y), select)
    with house_style():
        fig = prepared(fig, PAGE, 2.3)
        panels = fig.subplots(1, len(OUTCOMES), sharex=True, sharey=True)
        mesh = draw_outcomes(list(panels), dataset, x, y)
        fig.colorbar(mesh, ax=panels, label="probability", pad=0.02, aspect=16)
        if fixed:
            headline(fig, cell_title(dataset, fixed))
    return fig


def draw_outcomes(panels: list[Axes], dataset: xr.Dataset, x: str, y: str, titles: bool = True) -> QuadMesh:
    """Draw one row of planes, one for each outcome; return one of them, all of one range of colours."""
    shares = variable(dataset, PROBABILITY)
    mesh = None
    for ax, name in zip(panels, OUTCOMES, strict=True):
        one = dataset.assign({PROBABILITY: shares.sel(outcome=name)})
        mesh = draw_plane(ax, one, PROBABILITY, x, y, Normalize(0.0, 1.0))
        ax.label_outer()
        if titles:
            ax.set_title(words(name))
    assert mesh is not None
    return mesh
