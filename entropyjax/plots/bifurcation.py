"""Bifurcation diagrams: branches over one parameter, and curves of folds and Hopf points over two."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from entropyjax.plots.errors import PlotError
from entropyjax.plots.label import full_label
from entropyjax.plots.scale import set_scale
from entropyjax.plots.special import Mark, draw_marks
from entropyjax.plots.style import BLACK, BLUE, COLUMN, GREY, VERMILION, Look, house_style, legend_above, new_figure
from entropyjax.stability import Branch, SpecialPoint

Branches = Branch | Sequence[Branch]

STABLE, UNSTABLE = Look(BLUE, "-", ""), Look(VERMILION, (0.0, (3.0, 1.5)), "")
KINDS = {
    "fold": (Look(BLACK, "-", ""), "folds"),
    "hopf": (Look(VERMILION, (0.0, (4.0, 1.5, 1.0, 1.5)), ""), "Hopf points"),
}
"""Look and name of the curves in two parameters."""
NEUTRAL = Look(GREY, ":", "")
"""Look of neutral saddles, with which a curve of Hopf points goes on beyond a Bogdanov-Takens point."""


def bifurcation_diagram(branches: Branches, ax: Axes | None = None, *, y: str | None = None) -> Axes:
    """Draw branches of equilibria over their parameter: solid where stable, dashed where not, special points marked.

    **Arguments:**

    - `branches`: of `continue_equilibrium` or `switch_branch`, all over the same parameter.
    - `ax`: where to draw; by default on a new figure of one column.
    - `y`: a component of the state or what the problem records, as "right_probability"; by default the first.

    **Raises:** `PlotError` for curves of special points, parameters that differ, or an unknown `y`.
    """
    branches = _listed(branches)
    (x,) = _parameters(branches, 1)
    y = y or next(iter(branches[0].columns))
    missing = [branch for branch in branches if y not in branch.columns]
    if missing:
        raise PlotError(f"'{y}' is nothing that the branches have; draw one of {', '.join(missing[0].columns)}.")
    with house_style():
        ax = new_figure(COLUMN, 2.8).add_subplot() if ax is None else ax
        set_scale(ax, "x", np.concatenate([branch.parameters[x] for branch in branches]))
        for branch in branches:
            _draw(ax, branch, (x, y), branch.stable, (STABLE, UNSTABLE))
        _margins(ax)
        places = [(branch, point) for branch in branches for point in branch.special]
        draw_marks(ax, [Mark(branch, point, (point.parameters[x], point.columns[y])) for branch, point in places])
        _label_axes(ax, branches[0], x, y)
        legend_above(ax, [_handle(STABLE, "stable"), _handle(UNSTABLE, "unstable")], columns=2)
    return ax


def fold_curves(curves: Branches, ax: Axes | None = None, *, x: str | None = None, y: str | None = None) -> Axes:
    """Draw curves of folds and of Hopf points over their two parameters, with cusps and Bogdanov-Takens points.

    Where a curve of Hopf points goes on as one of neutral saddles it is dotted.

    **Arguments:** `curves`: of `continue_fold` or `continue_hopf`, all over the same two parameters; `ax`: where to
    draw; `x`, `y`: which of the two goes where.

    **Raises:** `PlotError` for branches over one parameter, or parameters that differ.
    """
    curves = _listed(curves)
    names = _parameters(curves, 2)
    x = x or next(name for name in names if name != y)
    y = y or next(name for name in names if name != x)
    if {x, y} != set(names):
        raise PlotError(f"The curves are over {' and '.join(names)}, not over {x} and {y}.")
    with house_style():
        ax = new_figure(COLUMN, 2.8).add_subplot() if ax is None else ax
        for direction, name in (("x", x), ("y", y)):
            set_scale(ax, direction, np.concatenate([curve.parameters[name] for curve in curves]))
        for curve in curves:
            own = curve.omega > 0.0 if curve.kind == "hopf" else np.ones(len(curve.steps))
            _draw(ax, curve, (x, y), own, (KINDS[curve.kind][0], NEUTRAL))
        _margins(ax)
        places = [(curve, point) for curve in curves for point in curve.special]
        draw_marks(ax, [Mark(curve, point, (point.parameters[x], point.parameters[y])) for curve, point in places])
        _label_axes(ax, curves[0], x, y)
        handles = [_handle(*KINDS[kind]) for kind in dict.fromkeys(curve.kind for curve in curves)]
        neutral = any(curve.kind == "hopf" and not curve.omega.all() for curve in curves)
        legend_above(ax, handles + [_handle(NEUTRAL, "neutral saddles")] * neutral, columns=2)
    return ax


def _listed(branches: Branches) -> list[Branch]:
    out = [branches] if isinstance(branches, Branch) else list(branches)
    if not out:
        raise PlotError("There is no branch to draw; give one or more.")
    return out


def _parameters(branches: list[Branch], count: int) -> tuple[str, ...]:
    names = {tuple(branch.parameters) for branch in branches}
    if len(names) > 1 or len(next(iter(names))) != count:
        have = "; ".join(" and ".join(one) for one in sorted(names))
        right = "bifurcation_diagram draws branches over one parameter, fold_curves curves over two"
        raise PlotError(f"The branches are over {have}: {right}, all of them over the same.")
    return next(iter(names))


def _draw(ax: Axes, branch: Branch, names: tuple[str, str], whole: np.ndarray, looks: tuple[Look, Look]) -> None:
    """Draw the stretches between special points, in the first look where most points are `whole`, else the second."""
    starts = [0, *(point.between[1] for point in branch.special)]
    stops = [*(point.between[1] for point in branch.special), len(branch.steps)]
    ends = [None, *branch.special, None]
    for place, (start, stop) in enumerate(zip(starts, stops, strict=True)):
        rows, sides = slice(start, stop), ends[place : place + 2]
        look = looks[0] if np.sum(whole[rows]) > 0.5 * (stop - start) else looks[1]
        along = (_stretch(branch, name, rows, sides) for name in names)
        ax.plot(*along, color=look.colour, linestyle=look.line)


def _stretch(branch: Branch, name: str, rows: slice, sides: Sequence[SpecialPoint | None]) -> np.ndarray:
    """Return a parameter or column along some rows, from the special point before them to the one after."""
    before, after = ([] if side is None else [{**side.columns, **side.parameters}[name]] for side in sides)
    return np.concatenate([before, {**branch.columns, **branch.parameters}[name][rows], after])


def _margins(ax: Axes) -> None:
    ax.margins(0.08, 0.12)
    ax.autoscale_view()
    # Marks and labels do not move them any more.
    ax.autoscale(False)


def _label_axes(ax: Axes, branch: Branch, x: str, y: str) -> None:
    labels = {}
    for direction, name in (("xlabel", x), ("ylabel", y)):
        quantity = branch.quantities.get(name)
        labels[direction] = full_label(name, *(quantity or ("", "")))
    ax.set(**labels)


def _handle(look: Look, label: str) -> Line2D:
    style: dict[str, Any] = {"color": look.colour, "linestyle": look.line, "label": label}
    return Line2D([], [], **style)
