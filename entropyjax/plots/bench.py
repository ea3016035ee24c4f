"""Figures of a comparison of tools: work against precision, and time against the number of trajectories."""

from collections.abc import Callable, Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

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
    legend_outside,
    new_figure,
)

LOOKS = {
    "c": Look(BLACK, "-", "s"),
    "entropyjax-native": Look(BLUE, "-", "o"),
    "entropyjax-scan": Look(SKY, "--", "o"),
    "numba": Look(GREEN, "-.", "^"),
    "diffrax-tuple": Look(VERMILION, "-", "D"),
    "diffrax-stacked": Look(ORANGE, "--", "D"),
    "torchode": Look(PURPLE, ":", "v"),
    "scipy": Look(GREY, ":", "x"),
}
"""Looks of the tools by name."""

_OTHER = Look(GREY, "-.", "P")
_HEIGHT = 2.1

Draw = Callable[[Axes, Mapping[str, Any], Look], Any]


def work_precision(report: Mapping[str, Any]) -> Figure:
    """Draw trajectories/s over the error at every setting, one panel for each workload that has errors.

    **Arguments:** `report`: of `entropyjax.jobs.bench.bench`.

    **Raises:** `PlotError` if nothing was measured.
    """

    def draw(ax: Axes, entry: Mapping[str, Any], look: Look) -> Any:
        points = [(p["error"], p["trajectories_per_s"]) for p in entry.get("points", []) if p.get("trajectories_per_s")]
        points = [point for point in points if point[0]]
        return _line(ax, points, entry["title"], look)

    figure = _panels(report, draw, [name for name, _ in report["workloads"].items() if name not in ("sde", "gradient")])
    for ax in figure.axes:
        # The dashes mark the error at which the tools are compared.
        ax.axvline(report["options"]["target"], color="black", linewidth=0.7, linestyle=(0.0, (2.0, 2.0)), zorder=0)
        ax.set(xlabel="error against the reference", ylabel="trajectories/s")
    return figure


def scaling(report: Mapping[str, Any]) -> Figure:
    """Draw the time of a run over its number of trajectories, each tool at its setting, one panel for each workload.

    **Arguments:** `report`: of `entropyjax.jobs.bench.bench`.

    **Raises:** `PlotError` if nothing was measured.
    """

    def draw(ax: Axes, entry: Mapping[str, Any], look: Look) -> Any:
        return _line(ax, [(run["count"], run["seconds"]) for run in entry.get("scaling", [])], entry["title"], look)

    figure = _panels(report, draw, list(report["workloads"]))
    for ax in figure.axes:
        ax.set(xlabel="trajectories", ylabel="time (s)")
    return figure


def _panels(report: Mapping[str, Any], draw: Draw, names: list[str]) -> Figure:
    """Draw the workloads in which a tool has something to show, one under the other, with one legend."""
    shown = [name for name in names if _has_line(report["workloads"][name], draw)]
    if not shown:
        raise PlotError("The comparison holds nothing to draw; let it run with more sizes, settings or tools.")
    with house_style():
        figure = new_figure(COLUMN, 0.6 + _HEIGHT * len(shown))
        handles: dict[str, Any] = {}
        for ax, name in zip(figure.subplots(len(shown), squeeze=False)[:, 0], shown, strict=True):
            workload = report["workloads"][name]
            for tool, entry in workload["tools"].items():
                line = draw(ax, entry, LOOKS.get(tool, _OTHER))
                if line is not None:
                    handles.setdefault(entry["title"], line)
            ax.set(xscale="log", yscale="log", title=workload["title"])
        legend_outside(figure, handles, 2)
    return figure


def _has_line(workload: Mapping[str, Any], draw: Draw) -> bool:
    ax = new_figure(1.0, 1.0).add_subplot()
    return any([draw(ax, entry, _OTHER) is not None for entry in workload["tools"].values()])


def _line(ax: Axes, points: list[tuple[float, float]], label: str, look: Look) -> Any:
    if not points:
        return None
    x, y = zip(*sorted(points), strict=True)
    return ax.plot(x, y, color=look.colour, linestyle=look.line, marker=look.marker, label=label)[0]
