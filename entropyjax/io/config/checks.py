"""Checks of one table against the model: options, parameters, criteria, populations, sources."""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError

from entropyjax.io.config.errors import Problem
from entropyjax.io.config.population import Distribution, Samples, Uniform
from entropyjax.io.config.quantities import number, numbers
from entropyjax.io.config.sentences import sentence
from entropyjax.io.config.tables import CriteriaConfig, ModelConfig
from entropyjax.io.config.values import show
from entropyjax.models import AbstractModel
from entropyjax.params import AbstractParams, ParameterError, nearest

Params = type[AbstractParams]


def check_options(model: ModelConfig) -> list[Problem]:
    """Return what is wrong with the options of a registered model: names, types, then what its class says."""
    fields, problems = model.fields(), []
    for key, value in model.options.items():
        if key not in fields:
            clue = nearest(key, ["name", *fields])
            problems.append(Problem(("model", key), f"'{key}' is not an option of model '{model.name}'; {clue}"))
        elif text := _misfit(key, value, fields[key]):
            problems.append(Problem(("model", key), text))
    if problems:
        return problems
    try:
        model.build()
    except (ValueError, TypeError, ArithmeticError, LookupError, AttributeError) as error:
        place = next((("model", key) for key in model.options if key in str(error)), ("model",))
        blame = "" if isinstance(error, ParameterError) else f"model '{model.name}' cannot be made: "
        return [Problem(place, f"{blame}{error}")]
    return []


def check_params(cls: Params, params: Mapping[str, Any]) -> tuple[dict[str, float], list[Problem]]:
    """Return the parameters as numbers in their units, and what is wrong with the others."""
    values, problems = {}, []
    for name, value in params.items():
        try:
            values[name] = number(cls, name, value)
        except ParameterError as error:
            problems.append(Problem(("params", name), str(error)))
    return values, problems


def check_population(cls: Params, population: Mapping[str, Distribution]) -> Iterator[Problem]:
    """Yield unknown names of drawn parameters, distributions outside their supports, and rows of unequal lengths."""
    sizes: dict[str, tuple[str, int]] = {}
    for name, drawn in population.items():
        for key, value in drawn.anchors().items():
            try:
                numbers(cls, name, value if isinstance(value, tuple) else (value,))
            except ParameterError as error:
                known = name in cls.specs()
                place = ("population", name, key) if known else ("population", name)
                yield Problem(place, f"population.{name}.{key}: {error}" if known else str(error))
                break
        if isinstance(drawn, Uniform) and not drawn.low < drawn.high:
            text = f"population.{name}: low = {drawn.low:g} must be below high = {drawn.high:g}; exchange them."
            yield Problem(("population", name), text)
        if isinstance(drawn, Samples) and drawn.rows is not None:
            other, size = sizes.setdefault(drawn.rows, (name, len(drawn.values)))
            if len(drawn.values) != size:
                text = (
                    f"population.{name} has {len(drawn.values)} values and population.{other} has {size}, though both "
                    f"have rows = '{drawn.rows}'; give one value of each a row."
                )
                yield Problem(("population", name, "values"), text)


def check_sources(sources: Mapping[str, str], params: Iterable[str]) -> Iterator[Problem]:
    """Yield the sources that belong to no parameter of the file."""
    params = list(params)
    for name in sources:
        if name not in params:
            clue = nearest(name, params) if params else "[params] is empty."
            yield Problem(("sources", name), f"'{name}' in [sources] is not a key of [params]; {clue}")


def check_criteria(criteria: CriteriaConfig, varied: Mapping[str, tuple[Any, ...]]) -> Iterator[Problem]:
    """Yield that the hysteresis reaches the threshold in some cell; `varied` holds the axes by path."""
    lowest = min(varied.get("criteria.collapse_threshold", (criteria.collapse_threshold,)), default=math.inf)
    deepest = max(varied.get("criteria.hysteresis", (criteria.hysteresis,)), default=-math.inf)
    if deepest >= lowest:
        text = (
            f"hysteresis = {deepest:g} must be below collapse_threshold = {lowest:g}, or no trajectory could "
            "ever be armed; lower it."
        )
        yield Problem(("criteria", "hysteresis"), text)


def model_class(model: ModelConfig) -> tuple[type[AbstractModel] | None, list[Problem]]:
    """Return the class of the model; without one, what is wrong with its name."""
    try:
        return model.cls, []
    except ValueError as error:
        return None, [Problem(("model", "name"), str(error))]


def _misfit(key: str, value: Any, annotation: Any) -> str | None:
    """Return what is wrong with the type of an option; types that pydantic does not know are not checked."""
    try:
        TypeAdapter(annotation).validate_python(value, strict=True)
    except PydanticSchemaGenerationError:
        return None
    except ValidationError as error:
        found = error.errors(include_url=False)[0]
        kind, place = found["type"], ("model", key, *found["loc"])
        return sentence(place, kind, found["input"], found)
    finite = all(math.isfinite(entry) for entry in _floats(value))
    return None if finite else f"{key} must hold finite numbers only, not {show(value)}."


def _floats(value: Any) -> Iterator[float]:
    if isinstance(value, float):
        yield value
    for entry in value if isinstance(value, tuple) else ():
        yield from _floats(entry)
