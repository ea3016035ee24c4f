"""Values of parameters, as numbers or as text with a unit."""

import re
from collections.abc import Sequence
from typing import Any

from entropyjax.io.config.values import show
from entropyjax.params import AbstractParams, ParameterError, check_value

_QUANTITY = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*?)\s*")


def number(cls: type[AbstractParams], name: str, value: Any) -> float:
    """Return the value of the parameter `name`, given as a number in its unit or as text such as "64 ktok".

    **Raises:** `ParameterError` for an unknown name, another unit, or a value outside the support.
    """
    spec = cls.specs().get(name)
    unit = spec.unit if spec else "-"
    if spec and isinstance(value, str):
        value = _parsed(name, value, unit)
    if spec and isinstance(value, tuple | dict):
        raise ParameterError(f"{name} must be one number{_in(unit)}, not {show(value)}; use an axis to vary it.")
    check_value(cls, name, value)
    return float(value)


def numbers(cls: type[AbstractParams], name: str, values: Sequence[Any]) -> list[float]:
    """Return `number` of each of the values; quick where all of them are plain numbers.

    **Raises:** `ParameterError` about the first value that is wrong.
    """
    if all(type(value) in (int, float) for value in values):
        exact = [float(value) for value in values]
        check_value(cls, name, exact)
        return exact
    return [number(cls, name, value) for value in values]


def _parsed(name: str, text: str, unit: str) -> float:
    found = _QUANTITY.fullmatch(text)
    example = "64" if unit == "-" else f'64 or "64 {unit}"'
    if not found:
        raise ParameterError(f"{name} must be a number{_in(unit)}, not {show(text)}; write it as {example}.")
    if found[2] != ("" if unit == "-" else unit):
        given = f"in '{found[2]}'" if found[2] else "without a unit"
        wanted = "is a pure number" if unit == "-" else f"is in {unit}"
        raise ParameterError(f"{name} = {show(text)} is given {given}, but {name} {wanted}; write {example}.")
    return float(found[1])


def _in(unit: str) -> str:
    return "" if unit == "-" else f" in {unit}"
