"""Checks of [refine]: its axes, what it looks for, and whether noise lets it be found."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from entropyjax.io.config.axes import Spread, is_parameter, short_name
from entropyjax.io.config.axis_checks import check_path, check_values
from entropyjax.io.config.errors import Problem
from entropyjax.io.config.refine import OUTCOMES, RefineAxis, RefineConfig, derived
from entropyjax.io.config.tables import Tables
from entropyjax.models import AbstractModel, Star

_MOST_TRAJECTORIES = 2**32


class Refined(NamedTuple):
    """A checked [refine] with both its axes, or `None` beside problems; and the axes of the sweep that are left."""

    refine: RefineConfig | None
    spreads: list[Spread]
    problems: list[Problem]


def check_refine(tables: Tables, spreads: Sequence[Spread], cls: type[AbstractModel]) -> Refined:
    """Return [refine] with the two axes that it has or takes from the sweep, and what is wrong with it."""
    refine = tables.refine
    if refine is None:
        return Refined(None, list(spreads), [])
    refine, problems = _with_axes(refine, tables, spreads)
    if problems:
        return Refined(None, list(spreads), problems)
    for side in ("x", "y"):
        problems += _check_axis(getattr(refine, side), side, tables, cls)
    problems += _check_both(refine, tables)
    problems += _check_quantity(refine, tables, cls)
    problems += _check_numbers(refine, alike=tables.run.dynamics == "ode" and not tables.population)
    return Refined(refine, [], problems)


def ends(refine: RefineConfig) -> Mapping[str, tuple[float, ...]]:
    """Return the ends of both axes by path."""
    return {axis.path: (axis.lower, axis.upper) for axis in refine.axes}


def _with_axes(refine: RefineConfig, tables: Tables, spreads: Sequence[Spread]) -> tuple[RefineConfig, list[Problem]]:
    given = [side for side in ("x", "y") if getattr(refine, side) is not None]
    if len(given) == 2:
        clash = [
            Problem(
                ("axes", axis.place),
                f"axes[{axis.place}] ({axis.path}) stands beside [refine], which has axes of its own; remove one.",
            )
            for axis in spreads
        ]
        return refine, clash
    if given:
        other = "y" if given == ["x"] else "x"
        return refine, [Problem(("refine", given[0]), f"[refine] gives {given[0]} and not {other}; give both or none.")]
    numeric = [axis for axis in spreads if is_parameter(axis.path) and len(axis.values) > 1]
    if len(spreads) != 2 or len(numeric) != 2:
        text = (
            "[refine] needs two axes: give x and y, as in x = { path = 'params.n_agents', lower = 2, upper = 128 }, or "
            f"exactly two [[axes]] of parameters with two values or more, not {len(spreads)} axes."
        )
        return refine, [Problem(("refine",), text)]
    pair = [derived(a.path, a.kind, getattr(tables.axes[a.place], a.kind), a.values) for a in numeric]
    return refine.model_copy(update={"x": pair[0], "y": pair[1]}), []


def _check_axis(axis: RefineAxis, side: str, tables: Tables, cls: type[AbstractModel]) -> Iterator[Problem]:
    place, label = ("refine", side), f"refine.{side} ({axis.path})"
    table, _, name = axis.path.partition(".")
    spread = Spread(0, axis.path, "values", (axis.lower, axis.upper))
    for problem in check_path(spread, cls.Params, tables):
        yield Problem((*place, "path"), problem.sentence.replace("axes[0]", f"refine.{side}"))
        return
    if not is_parameter(axis.path):
        yield Problem((*place, "path"), f"{label} is no parameter or criterion; only those can be cut into steps.")
        return
    for problem in check_values(spread, cls.Params)[1]:
        yield Problem(place, problem.sentence.replace("axes[0]", label))
        return
    if not axis.lower < axis.upper:
        yield Problem(place, f"{label}: lower = {axis.lower:g} must be below upper = {axis.upper:g}; exchange them.")
    elif axis.scale == "log" and axis.lower <= 0.0:
        text = f"lower = {axis.lower:g} has no logarithm; start above 0, or take scale = 'linear'."
        yield Problem(place, f"{label}: {text}")
    if table == "params" and name in tables.population:
        yield Problem(place, f"{label} is drawn by [population] too; remove one of them.")
    if axis.path == "params.step_size" and tables.run.dynamics == "agents":
        yield Problem(place, f"{label} is the micro-step of agents, which is compiled in; choose another parameter.")


def _check_both(refine: RefineConfig, tables: Tables) -> Iterator[Problem]:
    x, y = refine.axes
    if short_name(x.path) == short_name(y.path):
        yield Problem(("refine", "y"), f"refine.x and refine.y would both be called '{x.name}'; choose two parameters.")


def _check_quantity(refine: RefineConfig, tables: Tables, cls: type[AbstractModel]) -> Iterator[Problem]:
    if refine.of != "margin":
        return
    if not issubclass(cls, Star):
        text = f"of = 'margin' is the curve M = 0 of the star, and the model is '{tables.model.name}'"
        yield Problem(("refine", "of"), f"{text}; look for an outcome instead.")
    elif tables.population or not all(axis.path.startswith("params.") for axis in refine.axes):
        text = "of = 'margin' depends on the parameters alone; leave out [population] and axes over criteria."
        yield Problem(("refine", "of"), text)


def _check_numbers(refine: RefineConfig, alike: bool) -> Iterator[Problem]:
    n, start = refine.resolution, refine.start
    ratio = n // start
    if ratio < 1 or ratio * start != n or ratio & (ratio - 1):
        fitting = start * 2 ** max(0, round(math.log2(max(n / start, 1.0))))
        text = f"resolution = {n} is not start = {start} times a power of two; take {fitting}."
        yield Problem(("refine", "resolution"), text)
    if alike or refine.of == "margin":
        return
    if refine.most % refine.replicates:
        text = f"most = {refine.most} is not a multiple of replicates = {refine.replicates}"
        yield Problem(
            ("refine", "most"), f"{text}; take {math.ceil(refine.most / refine.replicates) * refine.replicates}."
        )
    total = (n + 1) ** 2 * refine.most
    if total >= _MOST_TRAJECTORIES:
        text = f"{(n + 1) ** 2} points with up to {refine.most} trajectories have {total} numbers"
        yield Problem(("refine", "most"), f"{text}, and 2^32 is the limit: take a coarser resolution or fewer.")
    # At p = 0 or 1 the nearer of the two must be told from the level, or no point is ever decided.
    near = min(refine.level, 1.0 - refine.level) if refine.of in OUTCOMES else 1.0
    needed = math.ceil(refine.sigmas**2 * (1.0 - near) / near) if near < 1.0 else math.ceil(refine.sigmas**2)
    if refine.most < needed:
        text = f"most = {refine.most} trajectories can nowhere tell level = {refine.level:g}"
        if refine.of == "outcome":
            text = f"most = {refine.most} trajectories can nowhere tell two outcomes apart"
        yield Problem(("refine", "most"), f"{text} at {refine.sigmas:g} standard errors; take {needed} or more.")
