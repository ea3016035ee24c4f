"""The figure: the boundary, the held-out cells and the Reasoning Trap, foretold and as the runs show them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from entropyjax.ensemble import wilson_interval
from entropyjax.inference.draws import LEVEL
from entropyjax.plots.style import (
    BLACK,
    BLUE,
    COLOUR_MAP,
    GREY,
    PAGE,
    SKY,
    VERMILION,
    house_style,
    legend_above,
    new_figure,
)
from loop.fit import Study
from loop.predict import Held, boundary_of_draws, foretold, held_out, predicted, trap_cells, trap_of


def figure(found: Study) -> Figure:
    """Draw the boundary, the held-out cells and the trap, foretold and as the runs show them, on two columns."""
    with house_style():
        fig = new_figure(PAGE, 3.0)
        left, middle, right = fig.subplots(1, 3, width_ratios=(1.2, 1.0, 1.0))
        draw_boundary(left, found)
        draw_held(middle, [one for one in held_out(found) if one.kind == "failed"])
        draw_trap(right, found)
    return fig


def draw_boundary(ax: Axes, found: Study) -> None:
    """Draw where half of the runs fail over N and W as foretold, and cells coloured by the share that does."""
    low, high = min(found.size.executors), max(found.size.executors)
    agents = np.unique(np.geomspace(low, high, 12).round())
    bands = boundary_of_draws(found.draws, agents, found.size._replace(replicates=64))
    ends = np.nanquantile(bands, [0.05, 0.5, 0.95], axis=1)
    band = ax.fill_between(agents, ends[0], ends[2], color=SKY, linewidth=0.0, label="foretold, 90%")
    (line,) = ax.plot(agents, ends[1], color=BLACK, linewidth=1.0, label="foretold, median")
    here = [cell for cell in found.observed if cell.effort == found.size.effort]
    handles: list[Any] = [band, line]
    for held, marker, words in ((False, "o", "fitted cell"), (True, "s", "held-out cell")):
        some = [cell for cell in here if cell.held == held]
        shares = [found.observed[cell].failed / found.observed[cell].runs for cell in some]
        drawn = ax.scatter(
            [one.executors for one in some], [one.window for one in some], c=shares, cmap=COLOUR_MAP, vmin=0.0,
            vmax=1.0, marker=marker, s=20.0, edgecolors=BLACK, linewidths=0.5, zorder=3,
        )  # fmt: skip
        handles.append(
            Line2D([], [], linestyle="none", marker=marker, markerfacecolor="white", color=BLACK, label=words)
        )
    ax.set(xscale="log", yscale="log", xlabel="executors N", ylabel="context window W (ktok)")
    for axis, values in ((ax.xaxis, found.size.executors), (ax.yaxis, (32, 64, 128, 256))):
        axis.set_major_locator(FixedLocator(list(values)))
        axis.set_major_formatter(FuncFormatter(lambda value, place: f"{value:g}"))
        axis.set_minor_locator(NullLocator())
    ax.figure.colorbar(drawn, ax=ax, label="share of runs that fail", pad=0.02)
    legend_above(ax, handles, columns=2)


def draw_held(ax: Axes, held: Sequence[Held]) -> None:
    """Draw the share of runs that fail in each held-out cell over what is foretold."""
    ax.plot([0.0, 1.0], [0.0, 1.0], color=GREY, linewidth=0.8)
    handles = []
    for inside, colour, marker in ((True, BLUE, "o"), (False, VERMILION, "s")):
        some = [one for one in held if one.inside == inside]
        if not some:
            continue
        x, y = np.array([[one.chance, one.share] for one in some]).reshape(-1, 2).T
        reach = np.array([one.foretold for one in some]).reshape(-1, 2).T
        bars = np.array([one.ends for one in some]).reshape(-1, 2).T
        label = f"{len(some)} {'in' if inside else 'outside'} the foretold 90%"
        handles.append(
            ax.errorbar(
                x, y, np.maximum(np.abs(bars - y), 0.0), np.maximum((reach - x) * [[-1.0], [1.0]], 0.0),
                linestyle="none", marker=marker, color=colour, elinewidth=0.6, markersize=3.0, label=label,
            )
        )  # fmt: skip
    ax.set(xlabel="foretold share that fails", ylabel="share of the runs", xlim=(-0.05, 1.05), ylim=(-0.05, 1.05))
    legend_above(ax, handles)


def draw_trap(ax: Axes, found: Study) -> None:
    """Draw success over the effort for each window, foretold as a band; a star is the best effort by the ODE."""
    _, windows, efforts = found.size.trap
    places = np.arange(len(efforts), dtype=float)
    handles = []
    for window, colour, marker in zip(windows, (BLUE, VERMILION), ("o", "s"), strict=False):
        row = trap_cells(found, window)
        chances = 1.0 - predicted(found.draws, row, found.size.replicates)["failed"]
        seen = [found.observed[cell] for cell in row]
        reach = np.array([foretold(chance, one.runs) for chance, one in zip(chances, seen, strict=True)]).T
        good = np.array([1.0 - one.failed / one.runs for one in seen])
        ends = np.array([wilson_interval(np.array(one.runs - one.failed), np.array(one.runs), LEVEL) for one in seen]).T
        ax.fill_between(places, *reach, color=colour, alpha=0.2, linewidth=0.0)
        handles.append(
            ax.errorbar(
                places, good, np.abs(ends - good), linestyle="none", marker=marker, color=colour, elinewidth=0.8,
                label=f"runs, W = {window:g} ktok",
            )
        )  # fmt: skip
        best = np.interp(np.median(trap_of(found.draws, row)[0]), efforts, places)
        ax.plot(best, 1.06, marker="*", markersize=7.0, color=colour, clip_on=False)
    ax.set(xlabel="effort (ktok/step)", ylabel="share resolved", ylim=(-0.05, 1.1))
    ax.set_xticks(places, [f"{one:g}" for one in efforts])
    legend_above(ax, handles)
