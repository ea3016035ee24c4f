"""The figure: published points and fitted curves, what the curves extrapolate, and the residuals."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from context_decay.fit import CurveFit, accuracy
from context_decay.tables import Table

# Okabe and Ito's colours, safe for the common forms of colour blindness; marker and dashes say the same.
STYLES: tuple[tuple[str, str, Any], ...] = (
    ("#0072B2", "o", "-"),
    ("#D55E00", "s", (0, (5, 1.5))),
    ("#009E73", "D", (0, (6, 1.5, 1.5, 1.5))),
    ("#000000", "^", (0, (1.5, 1.2))),
    ("#CC79A7", "v", (0, (9, 1.5))),
    ("#E69F00", "P", (0, (3, 1.2, 1, 1.2, 1, 1.2))),
)
FIGURE_RC = {
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.fontsize": 7.8,
    "legend.frameon": False,
    "svg.hashsalt": "context-decay",
}


def draw(tables: Mapping[str, Table], fits: Mapping[str, CurveFit], stem: Path) -> None:
    """One column per benchmark: points and curves above, measured minus fitted below."""
    styles = dict(zip(dict.fromkeys(table.model for table in tables.values()), STYLES, strict=True))
    benchmarks = list(dict.fromkeys(table.benchmark for table in tables.values()))
    with matplotlib.rc_context(FIGURE_RC):
        figure = Figure(figsize=(7.2, 5.2), layout="constrained")
        axes = figure.subplots(2, len(benchmarks), sharex="col", height_ratios=(3.0, 1.0))
        for column, benchmark in enumerate(benchmarks):
            drawn = {key: table for key, table in tables.items() if table.benchmark is benchmark}
            for key, table in drawn.items():
                _draw_fit(*axes[:, column], table, fits[key], styles[table.model])
            title = f"({'ab'[column]}) {benchmark.title}, {benchmark.reading.partition(':')[0]}"
            _label(*axes[:, column], title, list(drawn.values()))
        axes[0, 0].set_ylabel("accuracy (%)")
        axes[1, 0].set_ylabel("measured −\nfitted (points)")
        figure.align_ylabels(axes[:, 0])
        figure.savefig(stem.with_suffix(".svg"), metadata={"Date": None, "Creator": None})
        figure.savefig(stem.with_suffix(".png"), dpi=200, metadata={"Software": None})


def _draw_fit(upper: Axes, lower: Axes, table: Table, fit: CurveFit, style: tuple[str, str, Any]) -> None:
    colour, marker, dashes = style
    window = table.context_window
    line = {"color": colour, "linestyle": dashes, "linewidth": 1.4}
    filled = {"color": colour, "marker": marker, "markersize": 5.5, "markeredgecolor": "white", "zorder": 3}
    filled |= {"markeredgewidth": 0.4}
    hollow = {**filled, "markerfacecolor": "none", "markeredgecolor": colour, "markeredgewidth": 1.0}
    first, last, half = table.points[0, 0], table.points[-1, 0], fit.values[1] * window
    for start, end, alpha in ((first / 1.1, last, 1.0), (last, max(last, half) * 1.15, 0.4)):
        dense = np.geomspace(start, end, 200)
        upper.plot(dense, accuracy(dense, window, fit.values), alpha=alpha, **line)
    upper.plot(half, fit.values[0] / 2.0, "x", color=colour, markersize=5.5)
    for points, look in ((table.points, filled), (table.check_points, hollow)):
        length, measured = points.T
        upper.plot(length, measured, **{**look, "linestyle": "none"})
        residual = measured - accuracy(length, window, fit.values)
        lower.plot(length, residual, **{**look, "linestyle": "none"})
    assumed = "" if fit.estimated[2] else " (assumed)"
    values = f"$\\eta$ = {fit.values[1]:.2g}, $n$ = {fit.values[2]:.2f}{assumed}"
    upper.plot([], [], label=f"{table.model}: {values}", **{**line, **filled})


def _label(upper: Axes, lower: Axes, title: str, tables: list[Table]) -> None:
    upper.set_title(title, loc="left")
    upper.set_ylim(20.0, 104.0)
    upper.plot([], [], "x", color="0.4", markersize=5.5, label="half-attention length $\\eta W$")
    if any(len(table.check_points) for table in tables):
        upper.plot([], [], "o", color="0.4", markerfacecolor="none", label="published, not fitted")
    lower.legend(*upper.get_legend_handles_labels(), loc="upper left", bbox_to_anchor=(-0.09, -0.45), handlelength=3.0)
    lower.axhline(0.0, color="0.5", linewidth=0.7, zorder=1)
    lower.margins(y=0.2)
    lower.set_xscale("log", base=2)
    lower.set_xlabel("context length (ktok)")
    start, end = lower.get_xlim()
    ticks = [2**i for i in range(11) if start <= 2**i <= end]
    lower.set_xticks(ticks, [f"{tick}" for tick in ticks])
    lower.minorticks_off()
    lower.set_xlim(start, end)
    window = min(table.context_window for table in tables)
    if window < end:
        for axes in (upper, lower):
            axes.axvspan(window, end, color="0.93", linewidth=0.0, zorder=0)
        upper.text(window * 1.1, 103.0, "extrapolated\nbeyond the\nwindow", color="0.35", fontsize=8.0, va="top")
