"""Sentences for what pydantic finds: the one place that knows its error types."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from entropyjax.io.config.errors import Location, Problem
from entropyjax.io.config.schema import exact, field_at, interval_of, table_at, tags, unit_of, unwrapped
from entropyjax.io.config.tables import Tables
from entropyjax.io.config.values import dotted, show
from entropyjax.params import nearest

_KINDS = {
    "float_type": "a number",
    "int_type": "a whole number",
    "finite_number": "a finite number",
    "string_type": "text in quotes",
    "tuple_type": "an array",
    "mapping_type": "a table",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "bool_type": "true or false",
}
_BOUNDS = ("greater_than", "greater_than_equal", "less_than", "less_than_equal")
_BARE = ("run", "criteria", "model", "refine", "fit")
_NAMED = ("params", "population", "sources", "free", "fixed", "ties")
_TAGGED = 3


def problems_of(error: ValidationError, inside: Location = (), root: type[BaseModel] = Tables) -> list[Problem]:
    """Return one problem per error that pydantic found in the table at `inside` of a file of the form `root`."""
    problems = []
    for found in error.errors(include_url=False):
        place = (*inside, *found["loc"])
        problems.append(Problem(_untagged(place), sentence(place, found["type"], found.get("input"), found, root)))
    return problems


def sentence(
    location: Location, kind: str, value: Any, found: Mapping[str, Any], root: type[BaseModel] = Tables
) -> str:
    """Return the sentence for an error of type `kind` with the offending `value` at `location`."""
    name, field = _label(location), field_at(location, root)
    unit = unit_of(field)
    if kind == "missing":
        doc = f": {_lower(field.description)}" if field and field.description else ""
        return f"{_home(location)} lacks '{location[-1]}'{doc or '; add it.'}"
    if kind == "extra_forbidden":
        table = table_at(location[:-1], root)
        known = list(table.model_fields) if table else []
        known += ["base"] if len(location) == 1 else []
        return f"'{location[-1]}' is not a key of {_home(location)}; {nearest(str(location[-1]), known)}"
    if kind in _BOUNDS and field:
        shown = f"{show(value)} {unit}" if unit != "-" else show(value)
        interval = interval_of(field)
        default = "" if field.is_required() or field.default is None else f"; the default is {exact(field.default)}"
        remedy = f"Choose a value in {interval}{default}."
        return f"{name} = {shown} is outside {interval}: {field.description} {remedy}"
    if kind == "literal_error" and field:
        return f"{name} = {show(value)} is not possible; {_choices(value, field.annotation)}"
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _distribution(name, value, tags(location))
    if kind == "too_short":
        return f"{name} is empty; give at least one value."
    if kind in _KINDS:
        number = kind.startswith(("float", "int", "finite")) and unit != "-"
        return f"{name} must be {_KINDS[kind]}{f' in {unit}' if number else ''}, not {show(value)}."
    return f"{name} = {show(value)} does not fit: {found.get('msg', kind)}."


def _untagged(location: Location) -> Location:
    """Drop the name of the distribution that pydantic puts into locations."""
    if location[:1] == ("population",) and len(location) >= _TAGGED:
        return (*location[:2], *location[_TAGGED:])
    return location


def _label(location: tuple[str | int, ...]) -> str:
    if not location:
        return "the file"
    table = str(location[0])
    bare = table in _BARE and len(location) > 1
    if table in (*_BARE, *_NAMED) and len(location) == 1:
        return f"[{table}]"
    return dotted(location[1:] if bare else _untagged(location))


def _home(location: Location) -> str:
    """Return the table that holds `location`, as it is written in a file."""
    home = _untagged(location)[:-1] if len(location) > 1 else ()
    if not home:
        return "the top level"
    return f"[{home[0]}]" if len(home) == 1 else dotted(home)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _choices(value: Any, annotation: Any) -> str:
    options = [str(option) for option in unwrapped(annotation).__args__]
    return nearest(value if isinstance(value, str) else "", options)


def _distribution(name: str, value: Any, known: list[str]) -> str:
    if "distribution" not in value:
        return f"{name} lacks 'distribution'; choose one of {', '.join(known)}."
    tag = value["distribution"]
    clue = nearest(tag if isinstance(tag, str) else "", known)
    return f"{name}.distribution = {show(tag)} is not possible; {clue}"
