"""Checks of the axes: one way to give values, known paths, admissible values, no clashes."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from entropyjax.io.config.axes import DIMENSIONS, KINDS, AxisTable, Spread, short_name
from entropyjax.io.config.errors import Problem
from entropyjax.io.config.population import Distribution
from entropyjax.io.config.quantities import numbers
from entropyjax.io.config.sentences import problems_of
from entropyjax.io.config.tables import CriteriaConfig, RunConfig, Tables
from entropyjax.io.config.values import show
from entropyjax.params import AbstractParams, nearest

_TAKEN = (*Tables.model_fields, *DIMENSIONS)


def spread_out(axes: Sequence[AxisTable]) -> tuple[list[Spread], list[Problem]]:
    """Return the axes with their values generated, and what keeps the others from it."""
    spreads, problems = [], []
    for i, axis in enumerate(axes):
        kinds, label = axis.given(), f"axes[{i}] ({axis.path})"
        if len(kinds) != 1:
            given = " and ".join(kinds) or "no values"
            problems.append(Problem(("axes", i), f"{label} gives {given}; give exactly one of {', '.join(KINDS)}."))
            continue
        way = getattr(axis, kinds[0])
        try:
            values = axis.chosen() if axis.cases is not None else way if isinstance(way, tuple) else way.expand()
        except ValueError as error:
            problems.append(Problem(("axes", i, kinds[0]), f"{label}: {error}"))
            continue
        problems += [Problem(("axes", i, kinds[0]), f"{label} {text}") for text in _faults(values)]
        if values:
            spreads.append(Spread(i, axis.path, kinds[0], values, axis.cases))
    return spreads, problems


def check_clashes(spreads: Sequence[Spread], population: Mapping[str, Distribution]) -> Iterator[Problem]:
    """Yield axes that share a path or a short name, or that vary a parameter which is drawn."""
    paths: dict[str, int] = {}
    names: dict[str, str] = {}
    for axis in spreads:
        place, name = ("axes", axis.place, "path"), short_name(axis.path)
        if axis.path in paths:
            text = f"varies {axis.path}, as axes[{paths[axis.path]}] does; remove one of them."
            yield Problem(place, f"axes[{axis.place}] {text}")
        elif name in names:
            text = f"{axis.path} and {names[name]} would both be called '{name}' in the results; remove one."
            yield Problem(place, f"axes[{axis.place}]: {text}")
        paths.setdefault(axis.path, axis.place)
        names.setdefault(name, axis.path)
        table, _, parameter = axis.path.partition(".")
        if table == "params" and parameter in population:
            text = f"axes[{axis.place}] varies {axis.path}, which [population] draws; remove one of them."
            yield Problem(place, text)
    yield from _case_clashes(spreads, paths, population)


def _case_clashes(
    spreads: Sequence[Spread], paths: Mapping[str, int], population: Mapping[str, Distribution]
) -> Iterator[Problem]:
    """Yield what a case sets and an axis varies, or [population] draws, or the cases of another axis set."""
    setters: dict[str, Spread] = {}
    drawn = {f"params.{name}" for name in population}
    for axis in spreads:
        for name, case in (axis.cases or {}).items():
            for path in case.paths():
                other = setters.setdefault(path, axis)
                what = f"axes[{axis.place}]: the case '{name}' sets {path}, which"
                place = ("axes", axis.place, "cases", name)
                if path in paths:
                    yield Problem(place, f"{what} axes[{paths[path]}] varies; remove one of them.")
                elif path in drawn:
                    yield Problem(place, f"{what} [population] draws; remove one of them.")
                elif other is not axis:
                    yield Problem(place, f"{what} a case of axes[{other.place}] sets too; remove one of them.")


def check_path(axis: Spread, cls: type[AbstractParams], tables: Tables) -> Iterator[Problem]:
    """Yield that the path of an axis leads nowhere, or that cases have no name of their own."""
    if axis.cases is not None:
        if not axis.path.isidentifier() or axis.path in _TAKEN:
            text = f"axes[{axis.place}]: '{axis.path}' cannot name an axis of cases; choose a word such as 'topology'."
            yield Problem(("axes", axis.place, "path"), text)
        return
    known = _paths(cls, tables)
    if axis.path not in known:
        text = f"axes[{axis.place}]: nothing stands at '{axis.path}'; {nearest(axis.path, known)}"
        yield Problem(("axes", axis.place, "path"), text)


def check_values(axis: Spread, cls: type[AbstractParams]) -> tuple[tuple[Any, ...], list[Problem]]:
    """Return the values of a parameter axis as numbers, or a problem about the first that is wrong."""
    table, _, name = axis.path.partition(".")
    try:
        if table == "params":
            exact = numbers(cls, name, axis.values)
        else:
            exact = [_criterion(name, value) for value in axis.values]
    except ValueError as error:
        return (), [Problem(("axes", axis.place, axis.kind), f"axes[{axis.place}]: {error}")]
    # Whole numbers stay whole, as labels of results.
    pairs = zip(axis.values, exact, strict=True)
    return tuple(value if isinstance(value, int) else number for value, number in pairs), []


def _criterion(name: str, value: Any) -> float:
    try:
        return getattr(CriteriaConfig.model_validate({name: value}), name)
    except ValidationError as error:
        raise ValueError(problems_of(error, ("criteria",))[0].sentence) from None


def _paths(cls: type[AbstractParams], tables: Tables) -> list[str]:
    """Return every path that an axis may have."""
    paths = [f"params.{name}" for name in cls.specs()]
    paths += [f"criteria.{name}" for name in CriteriaConfig.model_fields]
    paths += [f"run.{name}" for name in RunConfig.model_fields]
    paths += [f"model.{name}" for name in ("name", *tables.model.fields())]
    for name, drawn in tables.population.items():
        paths += [f"population.{name}.{key}" for key in type(drawn).model_fields]
    return paths


def _faults(values: tuple[Any, ...]) -> Iterator[str]:
    if not values:
        yield "has no values; give at least one, or remove the axis."
    seen: set[str] = set()
    for value in values:
        # 1 and 1.0 are the same point of an axis; true is not.
        exact = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53
        key = json.dumps(float(value) if exact else value, default=repr)
        if key in seen:
            yield f"holds {show(value)} twice; every value may stand once."
            return
        seen.add(key)
