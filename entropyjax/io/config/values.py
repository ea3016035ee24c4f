"""Plain values: what TOML can hold, as dicts, tuples and scalars; how they print, and paths into them."""

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from entropyjax.io.config.errors import Location

_DEEPEST = 32
_LONGEST = 60
_LARGEST_BITS = 1000


def plain(value: Any, location: Location = ()) -> Any:
    """Return `value` with mappings as dicts, arrays and lists as tuples, and NumPy scalars as Python's own.

    **Raises:** `ValueError` for a key that is not a string, tables nested without end, and huge integers.
    """
    if len(location) > _DEEPEST:
        raise ValueError(f"{dotted(location[:3])} is nested more than {_DEEPEST} levels deep; flatten it.")
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, os.PathLike):
        return str(os.fspath(value))
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise ValueError(f"The key {show(key)} {_inside(location)} must be text.")
        return {str(key): plain(item, (*location, key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return tuple(plain(item, (*location, i)) for i, item in enumerate(value))
    if isinstance(value, int) and value.bit_length() > _LARGEST_BITS:
        raise ValueError(f"{dotted(location)} is a whole number beyond 2^{_LARGEST_BITS}; choose a smaller one.")
    return value


def show(value: Any) -> str:
    """Return `value` as it is quoted in a message: arrays in brackets, nothing long."""
    text = repr(list(value) if isinstance(value, tuple) else value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def dotted(location: Location) -> str:
    """Return a location as it is written: `axes[0].linspace.num`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.removeprefix(".")


def split(path: str) -> tuple[str, ...]:
    """Return the parts of a dotted path; `axes[0].path` and `axes.0.path` are the same.

    **Raises:** `LookupError` for an empty part.
    """
    parts = tuple(part.strip() for part in re.sub(r"\[(\d+)\]", r".\1", path).split("."))
    if not all(parts):
        raise LookupError(f"'{path}' is no dotted path; write for example params.n_agents.")
    return parts


def put(node: Any, parts: Sequence[str], value: Any) -> Any:
    """Return `node` with the value at `parts` replaced; tables that are missing are made.

    **Raises:** `LookupError` where the path leads through something that is no table.
    """
    if not parts:
        return value
    head, *rest = parts
    if isinstance(node, tuple):
        if not (head.isdecimal() and int(head) < len(node)):
            raise LookupError(f"'{head}' is not the index of one of the {len(node)} entries; count from 0.")
        i = int(head)
        return (*node[:i], put(node[i], rest, value), *node[i + 1 :])
    if node is not None and not isinstance(node, dict):
        raise LookupError(f"'{head}' cannot be set inside {show(node)}, which is not a table.")
    table = node or {}
    return {**table, head: put(table.get(head), rest, value)}


def _inside(location: Location) -> str:
    return f"in {dotted(location)}" if location else "at the top level"
