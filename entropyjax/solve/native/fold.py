"""Operations on constants, worked out while the graph is built."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

_FOLDS: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "neg": np.negative,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "not": np.invert,
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "select": lambda condition, chosen, other: chosen if condition else other,
    "convert": lambda value: value,
}


def fold(op: str, values: Sequence[Any], dtype: np.dtype) -> Any:
    """Return the result of an operation on constants, or `None` if it is better left to the kernel."""
    if op not in _FOLDS:
        return None
    if op == "convert" and values[0].dtype.kind == "f" and dtype.kind in "iu" and not _fits(float(values[0]), dtype):
        return None
    with np.errstate(all="ignore"):
        return np.asarray(_FOLDS[op](*values)).astype(dtype)[()]


def _fits(value: float, dtype: np.dtype) -> bool:
    limits = np.iinfo(dtype)
    return limits.min <= value <= limits.max
