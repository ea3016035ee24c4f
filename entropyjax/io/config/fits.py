"""`load_fit`: from a TOML file, and what was said beside it, to what is fitted."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from entropyjax.inference.errors import InferenceError
from entropyjax.inference.observe import OBSERVATIONS, all_parameters
from entropyjax.inference.parameters import Free, misnamed
from entropyjax.inference.priors import prior_of
from entropyjax.io.config.document import Document, Source
from entropyjax.io.config.errors import ConfigError, Problem
from entropyjax.io.config.fit_tables import FitTables
from entropyjax.io.config.layers import Layer
from entropyjax.io.config.quantities import number
from entropyjax.io.config.sentences import problems_of
from entropyjax.io.config.values import plain, show
from entropyjax.models import MODELS
from entropyjax.params import AbstractParams, Parameter, ParameterError, UnknownNameError, nearest

_GROUPS = ("free", "fixed", "ties")

Specs = Mapping[str, Parameter]


def load_fit(source: Source, over: Mapping[str, Any] = {}, label: str = "over") -> dict[str, Any]:
    """Read what is fitted.

    **Arguments:**

    - `source`: path of a TOML file, or a mapping of the same form; its `base` is relative to the file.
    - `over`: tables of the same form that win: keys of `[fit]` one by one, and whatever a name is in the file (free,
      fixed or tied) gives way to what it is here. `label` is what messages call it.

    **Returns:** the fields of a `FitSpec` that were given.

    **Raises:** `ConfigError` with one sentence per problem, with file and line where they are known.
    """
    document = Document(source)
    above = plain(over)
    taken = {name for group in _GROUPS for name in above.get(group, {})}
    data = {key: _without(table, taken) if key in _GROUPS else table for key, table in document.data.items()}
    for key, table in above.items():
        below = data.get(key, {})
        data[key] = {**below, **table} if isinstance(below, dict) else below
    if above:
        document.layers.append(Layer(label, above))
    try:
        tables = FitTables.model_validate(data)
    except ValidationError as error:
        raise ConfigError([document.line(one) for one in problems_of(error, root=FitTables)]) from None
    problems = list(_problems(tables))
    if problems:
        raise ConfigError([document.line(one) for one in problems])
    return _fields(tables)


def tie_of(text: str) -> tuple[str, float]:
    """Return the parameter and the factor of "FACTOR*PARAMETER" or "PARAMETER".

    **Raises:** `ValueError` for anything else.
    """
    factor, star, other = text.partition("*")
    found = (other.strip(), float(factor)) if star else (factor.strip(), 1.0)
    if not found[0] or not math.isfinite(found[1]):
        raise ValueError(text)
    return found


def _without(table: Any, names: set[str]) -> Any:
    return {name: value for name, value in table.items() if name not in names} if isinstance(table, dict) else table


def _fields(tables: FitTables) -> dict[str, Any]:
    cls = MODELS.get(tables.fit.model).Params
    return {
        **{name: value for name, value in tables.fit.model_dump(exclude_unset=True).items() if value is not None},
        "free": tuple(Free(name, **one.model_dump()) for name, one in tables.free.items()),
        "fixed": {name: _value(cls, name, value) for name, value in tables.fixed.items()},
        "ties": {name: tie_of(text) for name, text in tables.ties.items()},
    }


def _problems(tables: FitTables) -> Iterator[Problem]:
    """Yield what is wrong beside types and bounds."""
    for place, name in enumerate(tables.fit.observe):
        if name not in OBSERVATIONS:
            text = f"'{name}' is not an observation; {nearest(name, OBSERVATIONS)}"
            yield Problem(("fit", "observe", place), text)
            return
    try:
        model = MODELS.get(tables.fit.model)
    except UnknownNameError as error:
        yield Problem(("fit", "model"), str(error))
        return
    specs = all_parameters(model(), tables.fit.observe)
    ties: dict[str, tuple[str, float]] = {}
    for name, text in tables.ties.items():
        try:
            ties[name] = tie_of(text)
        except ValueError:
            yield Problem(("ties", name), f"ties.{name} = {show(text)} is not FACTOR*OTHER, as in 0.5*executor_tokens.")
    for group, name, sentence in misnamed(specs, list(tables.free), tables.fixed, ties):
        yield Problem((group, name), f"{group}.{name}: {sentence}")
    yield from _ranges(tables, specs)
    for name, value in tables.fixed.items():
        if name in specs:
            yield from _fixed(model.Params, specs[name], value)


def _ranges(tables: FitTables, specs: Specs) -> Iterator[Problem]:
    for name, one in tables.free.items():
        if (one.low is None) != (one.high is None):
            lone, other = ("high", "low") if one.low is None else ("low", "high")
            yield Problem(("free", name, lone), f"free.{name} has {lone} and no {other}; give both, or neither.")
        elif name in specs:
            try:
                prior_of(specs[name], one.low, one.high)
            except InferenceError as error:
                yield Problem(("free", name), f"free.{name}: {error}")


def _fixed(cls: type[AbstractParams], spec: Parameter, value: Any) -> Iterator[Problem]:
    """Yield what is wrong with a value, or with values by orchestrator."""
    for who, one in value.items() if isinstance(value, dict) else [(None, value)]:
        place = ("fixed", spec.name) if who is None else ("fixed", spec.name, who)
        label = "fixed" if who is None else f"fixed.{spec.name}[{who}]"
        try:
            found = _value(cls, spec.name, one)
        except ParameterError as error:
            yield Problem(place, f"{label}: {error}")
            continue
        if isinstance(found, bool) or not isinstance(found, (int, float)) or float(found) not in spec.support:
            text = f"{label}: {spec.name} = {show(one)} must be a number in {spec.support}."
            yield Problem(place, text)


def _value(cls: type[AbstractParams], name: str, value: Any) -> Any:
    """Return a value of a parameter in its unit; parameters of observations are pure numbers."""
    if isinstance(value, dict):
        return {who: _value(cls, name, one) for who, one in value.items()}
    return number(cls, name, value) if name in cls.specs() else value
