"""One panel for each value of the axes that a plane or a line leaves over."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from entropyjax.plots.cells import Panel
from entropyjax.plots.line import draw_line_or_points
from entropyjax.plots.outcome import draw_outcomes
from entropyjax.plots.phase import draw_marks, value_label, value_norm
from entropyjax.plots.plane import draw_plane
from entropyjax.plots.selection import is_numeric
from entropyjax.plots.style import OUTCOMES, PAGE, house_style, legend_outside, new_figure

_VALUE = "collapse_probability"


def phase_panels(panels: Sequence[Panel], x: str, y: str) -> Figure:
    """Draw the phase diagram of each panel, with one colour bar and one legend."""
    with house_style():
        fig, axes = _grid(len(panels), 2.0)
        handles, mesh = {}, None
        for ax, panel in zip(axes, panels, strict=True):
            dataset = panel.dataset.sortby([x, y])
            mesh = draw_plane(ax, dataset, _VALUE, x, y, value_norm(dataset, _VALUE))
            handles |= {mark.get_label(): mark for mark in draw_marks(ax, dataset, _VALUE, x, y)}
            ax.set_title(panel.title)
        _outer_labels(axes)
        assert mesh is not None
        label = value_label(panels[0].dataset[_VALUE])
        fig.colorbar(mesh, ax=axes, label=label, pad=0.02, aspect=24)
        legend_outside(fig, handles, 2)
    return fig


def outcome_rows(panels: Sequence[Panel], x: str, y: str) -> Figure:
    """Draw one row of outcome planes for each panel, with one colour bar."""
    with house_style():
        fig = new_figure(PAGE, 0.4 + 1.8 * len(panels))
        axes = fig.subplots(len(panels), len(OUTCOMES), sharex=True, sharey=True, squeeze=False)
        mesh = None
        for number, (row, panel) in enumerate(zip(axes, panels, strict=True)):
            mesh = draw_outcomes(list(row), panel.dataset.sortby([x, y]), x, y, titles=number == 0)
            row[0].set_ylabel(f"{panel.title}\n{row[0].get_ylabel()}")
        assert mesh is not None
        fig.colorbar(mesh, ax=axes, label="probability", pad=0.02, aspect=16 * len(panels))
    return fig


def line_panels(panels: Sequence[Panel], x: str) -> Figure:
    """Draw the outcomes along one axis for each panel, with one legend."""
    with house_style():
        fig, axes = _grid(len(panels), 1.9)
        handles = []
        for ax, panel in zip(axes, panels, strict=True):
            dataset = panel.dataset.sortby(x) if is_numeric(panel.dataset, x) else panel.dataset
            handles = draw_line_or_points(ax, dataset, x)
            ax.set_title(panel.title)
        _outer_labels(axes)
        legend_outside(fig, {handle.get_label(): handle for handle in handles}, len(OUTCOMES))
    return fig


def _grid(count: int, height: float) -> tuple[Figure, list[Axes]]:
    """Return a figure with room for the panels, up to three in a row, and their Axes."""
    columns = _columns(count)
    rows = -(-count // columns)
    fig = new_figure(PAGE, 0.7 + (height + 0.25 * (columns < 3)) * rows)
    first, out = None, []
    for number in range(count):
        ax = fig.add_subplot(rows, columns, number + 1, sharex=first, sharey=first)
        first = first or ax
        out.append(ax)
    return fig, out


def _columns(count: int) -> int:
    return 2 if count in (2, 4) else min(count, 3)


def _outer_labels(axes: list[Axes]) -> None:
    """Keep the labels of the left column and of the lowest panel of each column."""
    columns = _columns(len(axes))
    for number, ax in enumerate(axes):
        below, left = number + columns >= len(axes), number % columns == 0
        ax.tick_params(labelbottom=below, labelleft=left)
        ax.set(xlabel=ax.get_xlabel() if below else "", ylabel=ax.get_ylabel() if left else "")
