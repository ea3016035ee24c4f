"""Examination of one configuration: every table by itself, then those that must agree with each other."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError

from entropyjax.io.config import axis_checks, checks, refine_checks, run_checks
from entropyjax.io.config.axes import Spread, is_parameter
from entropyjax.io.config.errors import Location, Problem
from entropyjax.io.config.sentences import problems_of
from entropyjax.io.config.tables import Tables
from entropyjax.models import AbstractModel


class Findings(NamedTuple):
    """What an examination found.

    **Attributes:**

    - `tables`: the tables without what has problems; parameters are numbers in their units.
    - `spreads`: the axes without those that have problems.
    - `problems`: all problems.
    """

    tables: Tables
    spreads: list[Spread]
    problems: list[Problem]


def examine(data: dict[str, Any]) -> Findings:
    """Return what is right and what is wrong with `data`, whose defaults are filled in."""
    tables, places, problems = _typed(data)
    spoiled = {problem.location[0] for problem in problems if problem.location}
    spreads, found = axis_checks.spread_out(tables.axes)
    found += axis_checks.check_clashes(spreads, tables.population)
    written = data.get("params")
    found += checks.check_sources(tables.sources, written if isinstance(written, dict) else ())
    if "run" not in spoiled:
        found += run_checks.check_run(tables.run, drawn=bool(data.get("population")))
        found += run_checks.check_drawn_step(tables.run, tables.population)
    cls, wrong = checks.model_class(tables.model)
    found += wrong
    if cls is None or "model" in spoiled:
        # Without a model there is no telling which parameters and paths exist.
        return Findings(tables, [], problems + renumbered(found, places))
    found += checks.check_options(tables.model)
    params, wrong = checks.check_params(cls.Params, tables.params)
    found += [*wrong, *checks.check_population(cls.Params, tables.population)]
    tables = tables.model_copy(update={"params": params})
    spreads, wrong = _admissible(spreads, cls, tables)
    found += wrong
    varied = {axis.path: axis.values for axis in spreads}
    if not {problem.location[0] for problem in (*problems, *found)} & {"run", "params", "axes", "refine"}:
        refined = refine_checks.check_refine(tables, spreads, cls)
        tables, spreads = tables.model_copy(update={"refine": refined.refine}), refined.spreads
        found += refined.problems
        varied |= refine_checks.ends(refined.refine) if refined.refine and not refined.problems else {}
    if "criteria" not in spoiled:
        found += checks.check_criteria(tables.criteria, varied)
    if not {problem.location[0] for problem in (*problems, *found)} & {"run", "params", "axes"}:
        found += run_checks.check_dynamics(cls, tables.run, _reached(cls, tables, varied))
    spreads = [axis._replace(place=places[axis.place]) for axis in spreads]
    return Findings(tables, spreads, problems + renumbered(found, places))


def _typed(data: dict[str, Any]) -> tuple[Tables, list[int], list[Problem]]:
    """Return what has the right types and bounds, the places of its axes in `data`, and all problems."""
    problems: list[Problem] = []
    axes = data.get("axes")
    places = list(range(len(axes))) if isinstance(axes, tuple) else []
    while True:
        try:
            return Tables.model_validate(data), places, problems
        except ValidationError as error:
            found = problems_of(error)
        problems += renumbered(found, places)
        bad = {problem.location[:2] for problem in found}
        places = [place for i, place in enumerate(places) if ("axes", i) not in bad]
        data = _without(data, bad)


def _without(data: dict[str, Any], bad: set[Location]) -> dict[str, Any]:
    """Return `data` without the entries at `bad`, each a key of the top level or of one of its tables."""
    out: dict[str, Any] = {}
    for key, table in data.items():
        inside = {place[1] for place in bad if place[0] == key and len(place) > 1}
        if (key,) in bad:
            continue
        if inside and isinstance(table, dict):
            # A key that is missing cannot be taken out: then the whole table goes.
            if inside <= table.keys():
                out[key] = {name: item for name, item in table.items() if name not in inside}
        elif inside and isinstance(table, tuple):
            out[key] = tuple(item for i, item in enumerate(table) if i not in inside)
        elif not inside:
            out[key] = table
    return out


def _admissible(
    spreads: Sequence[Spread], cls: type[AbstractModel], tables: Tables
) -> tuple[list[Spread], list[Problem]]:
    """Return the axes whose paths and values the model has, and what is wrong with the others."""
    good, problems = [], []
    for axis in spreads:
        values, wrong = axis.values, list(axis_checks.check_path(axis, cls.Params, tables))
        if not wrong and is_parameter(axis.path):
            values, wrong = axis_checks.check_values(axis, cls.Params)
        problems += wrong
        if not wrong:
            good.append(axis._replace(values=values))
    return good, problems


def _reached(
    cls: type[AbstractModel], tables: Tables, varied: dict[str, tuple[Any, ...]]
) -> dict[str, tuple[float, ...]]:
    """Return the values that each parameter takes in the cells of the sweep."""
    return {
        name: varied.get(f"params.{name}", (tables.params.get(name, spec.default),))
        for name, spec in cls.Params.specs().items()
    }


def renumbered(problems: Sequence[Problem], places: Sequence[int]) -> list[Problem]:
    """Return problems whose axes have the numbers that they have in the file."""

    def moved(index: Any) -> Any:
        return places[index] if isinstance(index, int) and index < len(places) else index

    out = []
    for location, sentence in problems:
        if location[:1] == ("axes",) and len(location) > 1:
            location = ("axes", moved(location[1]), *location[2:])  # noqa: PLW2901
            sentence = re.sub(r"\baxes\[(\d+)\]", lambda m: f"axes[{moved(int(m[1]))}]", sentence)  # noqa: PLW2901
        out.append(Problem(location, sentence))
    return out
