"""Values of logs, checked: what they must be is said in a sentence."""

import datetime
from typing import Any

_LARGEST = 2**31 - 1
"""Columns of codes and numbers have 32 bits."""


def listed(value: Any, name: str) -> list[Any]:
    """Return a list.

    **Raises:** `TypeError` for anything else, as all functions here do.
    """
    if not isinstance(value, list):
        raise TypeError(f"{name} is {type(value).__name__}, and a list was expected")
    return value


def fields(value: Any, name: str) -> dict[str, Any]:
    """Return an object's fields."""
    if not isinstance(value, dict):
        raise TypeError(f"{name} is {type(value).__name__}, and an object was expected")
    return value


def named(value: Any, name: str) -> str:
    """Return a name, which is text or a number and not empty."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)) or not str(value).strip():
        raise TypeError(f"{name} is {value!r}, and a name was expected")
    return str(value)


def whole(value: Any, name: str) -> int | None:
    """Return a whole number from 0, or `None`."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST):
        return value
    raise TypeError(f"{name} is {value!r}, and a whole number from 0 was expected")


def count(value: Any, name: str) -> float | None:
    """Return a number of tokens, or `None`."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.0 <= value < 1e15:
        raise TypeError(f"{name} is {value!r}, and a number of tokens was expected")
    return float(value)


def flag(value: Any, name: str) -> bool | None:
    """Return a truth value, or `None`."""
    if value is None or isinstance(value, bool):
        return value
    raise TypeError(f"{name} is {value!r}, and true, false or null was expected")


def moment(value: Any, name: str) -> float:
    """Return seconds since 1970 from a time in ISO 8601; one without a zone counts as UTC."""
    if not isinstance(value, str):
        raise TypeError(f"{name} is {value!r}, and a time was expected")
    found = datetime.datetime.fromisoformat(value)
    return (found if found.tzinfo else found.replace(tzinfo=datetime.UTC)).timestamp()
