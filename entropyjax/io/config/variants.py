"""Variants of a sweep: the points of its axes over what is compiled in, each of which must be valid."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from entropyjax.io.config.axes import Spread, is_parameter
from entropyjax.io.config.defaults import change, fill, path_of
from entropyjax.io.config.errors import Problem
from entropyjax.io.config.examine import Findings, examine, renumbered
from entropyjax.io.config.samples import embed
from entropyjax.io.config.values import dotted, show

MOST_VARIANTS = 1000
MOST_TRAJECTORIES = 2**32


def survey(data: dict[str, Any]) -> Findings:
    """Return what is right and what is wrong with a sweep, each of its variants and its size."""
    data, problems = embed(data)
    data = fill(data)
    found = examine(data)
    problems = problems + found.problems
    axes = [axis for axis in found.spreads if not is_parameter(axis.path)]
    cells = math.prod(len(axis.values) for axis in found.spreads if is_parameter(axis.path))
    count = math.prod(len(axis.values) for axis in axes)
    replicates = [found.tables.run.replicates]
    if count > MOST_VARIANTS:
        paths = " and ".join(axis.path for axis in axes)
        text = f"{paths} make {count} variants, each compiled by itself; at most {MOST_VARIANTS} may be."
        problems.append(Problem(("axes", axes[0].place), text))
    elif axes:
        replicates, wrong = _each(data, axes, {problem.sentence for problem in problems})
        problems += wrong
    total = cells * sum(replicates)
    if total >= MOST_TRAJECTORIES and not problems:
        text = f"The sweep has {total} trajectories (cells times replicates); it must stay below 2^32"
        place = ("axes", found.spreads[0].place) if found.spreads else ("run", "replicates")
        problems.append(Problem(place, f"{text}: use fewer values or replicates."))
    return found._replace(problems=problems)


def _each(data: dict[str, Any], axes: Sequence[Spread], seen: set[str]) -> tuple[list[int], list[Problem]]:
    """Return the replicates of every variant, and the problems that are not `seen` in the sweep already."""
    replicates, problems = [], []
    paths = {axis.path for axis in axes}
    places = [i for i, axis in enumerate(data["axes"]) if not (isinstance(axis, dict) and path_of(axis) in paths)]
    for values in itertools.product(*(axis.values for axis in axes)):
        chosen = dict(zip((axis.path for axis in axes), values, strict=True))
        try:
            found = examine(fill(change(data, chosen)))
        except LookupError as error:
            return replicates, [Problem(("axes", axes[0].place), str(error.args[0]))]
        replicates.append(found.tables.run.replicates)
        for problem in renumbered(found.problems, places):
            if problem.sentence not in seen:
                seen.add(problem.sentence)
                problems.append(_attributed(problem, chosen, axes))
    return replicates, problems


def _attributed(problem: Problem, chosen: Mapping[str, Any], axes: Sequence[Spread]) -> Problem:
    """Return a problem of a variant at the axis over its value, else with the variant in its sentence."""
    for axis in axes:
        if f"{dotted(problem.location)}.".startswith(f"{axis.path}."):
            return Problem(("axes", axis.place, axis.kind), f"axes[{axis.place}]: {problem.sentence}")
    setting = " and ".join(f"{path} = {show(value)}" for path, value in chosen.items())
    return Problem(problem.location, f"With {setting}: {problem.sentence}")
