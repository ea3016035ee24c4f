"""What noise makes of a fold: the probability of collapse along the number of executors."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from entropyjax.plots.errors import PlotError
from entropyjax.plots.label import full_label
from entropyjax.plots.style import (
    BLACK,
    BLUE,
    COLUMN,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    VERMILION,
    Look,
    halo,
    house_style,
    legend_above,
    new_figure,
)
from entropyjax.stability import CollapseSlice

LOOKS = (
    Look(VERMILION, "-", "o"),
    Look(BLUE, "-", "s"),
    Look(GREEN, "-", "^"),
    Look(PURPLE, "-", "D"),
    Look(ORANGE, "-", "v"),
)
"""Looks of the noise scales in their order."""
RESOLVING = Look(GREY, ":", "x")
THEORY: dict[str, Any] = {"color": BLACK, "linestyle": (0.0, (2.0, 1.2)), "linewidth": 0.9}


def noise_diagram(collapse: CollapseSlice, ax: Axes | None = None) -> Axes:
    """Draw a `CollapseSlice`: simulated shares with their Wilson 95% intervals, the theory of escapes, and the folds.

    Dashed is 1 - exp(-T / tau), where neither well is shallower than the noise.

    **Arguments:** `collapse`: of `collapse_slice`; `ax`: where to draw; by default on a new figure of one column.

    **Raises:** `PlotError` for more noise scales than there are looks.
    """
    if len(collapse.scales) > len(LOOKS):
        raise PlotError(f"{len(collapse.scales)} noise scales cannot be told apart; choose at most {len(LOOKS)}.")
    with house_style():
        ax = new_figure(COLUMN, 3.2).add_subplot() if ax is None else ax
        handles = []
        for place, scale in enumerate(collapse.scales):
            share, interval = collapse.collapsed[place], collapse.interval[place]
            handles.append(_draw(ax, collapse.agents, share, interval, LOOKS[place]))
            handles[-1].set_label(f"noise × {scale:g}")
            ax.plot(collapse.agents, collapse.predicted[place], zorder=4, **THEORY)
        handles.append(_draw(ax, collapse.agents, collapse.resolving, collapse.resolving_interval, RESOLVING))
        handles[-1].set_label(f"× {collapse.scales[0]:g}, " + rf"$\kappa$ = {collapse.rate:g}")
        handles.append(Line2D([], [], label="theory of escapes", **THEORY))
        _folds(ax, collapse.folds)
        ax.set(
            xlabel=full_label("n_agents", "N", "-"),
            ylabel=f"collapse probability by {collapse.runs.horizon:g} steps",
            ylim=(-0.02, 1.02),
            xlim=(collapse.agents[0], collapse.agents[-1]),
        )
        legend_above(ax, handles, columns=2)
    return ax


def _draw(ax: Axes, agents: np.ndarray, share: np.ndarray, interval: np.ndarray, look: Look) -> Line2D:
    ax.fill_between(agents, interval[:, 0], interval[:, 1], color=look.colour, alpha=0.2, linewidth=0.0)
    style: dict[str, Any] = {"color": look.colour, "linestyle": look.line, "marker": look.marker}
    (line,) = ax.plot(agents, share, markersize=2.5, linewidth=1.0, **style)
    return line


def _folds(ax: Axes, folds: tuple[float, float]) -> None:
    low, high = ax.dataLim.intervalx
    for place in folds:
        if low < place < high:
            ax.axvline(place, color=BLACK, linewidth=0.8, zorder=0)
            ax.annotate(
                "fold",
                (place, 0.5),
                xycoords=("data", "axes fraction"),
                xytext=(2, 0),
                textcoords="offset points",
                rotation=90,
                ha="left",
                va="center",
                path_effects=halo(2.0),
            )
