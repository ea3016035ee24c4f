"""Frozen dataclasses as canonical JSON, both ways: the same value gives the same bytes, and reading runs no code."""

import dataclasses
import json
import math
import types
import typing
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeVar

from entropyjax.iwg.errors import WorkflowError

T = TypeVar("T")
_SCALARS = {str: "a text", int: "a whole number", float: "a number", bool: "true or false", type(None): "null"}


def encode(value: Any) -> str:
    """Return a dataclass as one line of JSON: sorted keys, no blanks, ASCII.

    **Raises:** `WorkflowError` for a number that is not finite.
    """
    try:
        return json.dumps(to_json(value), sort_keys=True, separators=(",", ":"), allow_nan=False)
    except ValueError as error:
        raise WorkflowError(f"A {type(value).__name__} holds a number that JSON has not: {error}.") from None


def to_json(value: Any) -> Any:
    """Return dataclasses, tuples and mappings as what `json` writes."""
    if isinstance(value, (str, int, float)) or value is None:
        return value
    if isinstance(value, Mapping):
        return {name: to_json(one) for name, one in value.items()}
    if isinstance(value, (tuple, list)):
        return [to_json(one) for one in value]
    return {name: to_json(getattr(value, name)) for name in _names(type(value))}


def decode(kind: type[T], text: str) -> T:
    """Return the dataclass that a line of JSON holds.

    **Raises:** `WorkflowError` that says where the text departs from `kind`: no JSON, a field that is missing, unknown
    or of another type.
    """
    try:
        found = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise WorkflowError(f"This is no JSON of a {kind.__name__}: {error}.") from None
    return from_json(kind, found)


def from_json(kind: type[T], found: Any) -> T:
    """Return the dataclass that parsed JSON holds; errors as in `decode`."""
    return _reader(kind)(found, kind.__name__)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


Reader = Callable[[Any, str], Any]
"""Called as reader(parsed JSON, where it stands)."""


@cache
def _reader(kind: Any) -> Reader:
    """Return what reads values of an annotated type."""
    if dataclasses.is_dataclass(kind):
        return _dataclass_reader(typing.cast(type, kind))
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple and arguments[1:] == (...,):
        return _list_reader(_reader(arguments[0]))
    if origin is tuple:
        return _tuple_reader([_reader(one) for one in arguments])
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping_reader(_reader(arguments[1]))
    if origin is typing.Literal:
        return _literal_reader(arguments)
    if origin in (typing.Union, types.UnionType):
        return _scalar_reader(arguments)
    return _scalar_reader((kind,))


def _dataclass_reader(kind: type) -> Reader:
    hints = typing.get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    needed = [name for name, field in fields.items() if _required(field)]

    def read(found: Any, where: str) -> Any:
        _expect(isinstance(found, dict), found, where, "an object")
        unknown = sorted(set(found) - set(fields))
        if unknown:
            raise WorkflowError(f"{where} has the unknown field '{unknown[0]}'; it may have {', '.join(fields)}.")
        missing = [name for name in needed if name not in found]
        if missing:
            raise WorkflowError(f"{where} lacks the field '{missing[0]}'.")
        return kind(**{name: _reader(hints[name])(value, f"{where}.{name}") for name, value in found.items()})

    return read


def _required(field: dataclasses.Field) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _list_reader(inner: Reader) -> Reader:
    def read(found: Any, where: str) -> Any:
        _expect(isinstance(found, list), found, where, "a list")
        return tuple(inner(one, f"{where}[{place}]") for place, one in enumerate(found))

    return read


def _tuple_reader(inner: list[Reader]) -> Reader:
    def read(found: Any, where: str) -> Any:
        _expect(isinstance(found, list) and len(found) == len(inner), found, where, f"a list of {len(inner)}")
        pairs = zip(inner, found, strict=True)
        return tuple(one(value, f"{where}[{place}]") for place, (one, value) in enumerate(pairs))

    return read


def _mapping_reader(inner: Reader) -> Reader:
    def read(found: Any, where: str) -> Any:
        _expect(isinstance(found, dict), found, where, "an object")
        return {name: inner(one, f"{where}.{name}") for name, one in found.items()}

    return read


def _literal_reader(values: tuple[Any, ...]) -> Reader:
    def read(found: Any, where: str) -> Any:
        _expect(isinstance(found, str) and found in values, found, where, f"one of {', '.join(values)}")
        return found

    return read


def _scalar_reader(kinds: tuple[Any, ...]) -> Reader:
    inner = [_reader(kind) for kind in kinds if kind not in _SCALARS]
    plain = tuple(kind for kind in kinds if kind in _SCALARS)
    words = " or ".join(_SCALARS[kind] for kind in plain)

    def read(found: Any, where: str) -> Any:
        if type(found) in plain and not (isinstance(found, float) and not math.isfinite(found)):
            return found
        if isinstance(found, int) and not isinstance(found, bool) and float in plain and abs(found) < 2**1023:
            return float(found)
        if inner:
            return inner[0](found, where)
        _expect(False, found, where, words)

    return read


def _expect(holds: bool, found: Any, where: str, what: str) -> None:
    if not holds:
        text = json.dumps(found) if not isinstance(found, float) or math.isfinite(found) else "a number out of range"
        raise WorkflowError(f"{where} is {text[:60]}, and {what} was expected.")
