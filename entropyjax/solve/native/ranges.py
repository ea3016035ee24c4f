"""What is known of a node's value before the kernel runs."""

import math
from collections.abc import Callable

import numpy as np

from entropyjax.solve.native.graph import Node

Range = tuple[float, float]
"""Bounds of a value that is not NaN."""

DEPTH = 6
"""How far back operands are looked at."""

_ALL = (-math.inf, math.inf)


def range_of(node: Node, depth: int = DEPTH) -> Range:
    """Return bounds of a floating-point node; rounding is monotonic, so that bounds hold for rounded results."""
    if node.op == "constant":
        value = float(node.value)
        return _ALL if math.isnan(value) else (value, value)
    if node.op in ("exp", "exp2", "sqrt"):
        return 0.0, math.inf
    if node.op in ("exp_minus", "logistic", "logistic2_minus", "log1p_unit"):
        return 0.0, 1.0
    rule = _RULES.get(node.op)
    if rule is None or depth == 0 or node.dtype.kind != "f":
        return _ALL
    bounds = rule(*(range_of(arg, depth - 1) for arg in node.args if arg.dtype.kind == "f"))
    with np.errstate(over="ignore"):
        low, high = np.asarray(bounds).astype(node.dtype).tolist()
    return low, high


def _add(a: Range, b: Range) -> Range:
    low, high = a[0] + b[0], a[1] + b[1]
    return (-math.inf if math.isnan(low) else low), (math.inf if math.isnan(high) else high)


def _abs(a: Range) -> Range:
    return 0.0, max(-a[0], a[1])


def _product(a: Range, b: Range) -> Range:
    return (0.0, math.inf) if a[0] >= 0.0 and b[0] >= 0.0 else _ALL


_RULES: dict[str, Callable[..., Range]] = {
    "abs": _abs,
    "add": _add,
    "div": _product,
    "max": lambda a, b: (max(a[0], b[0]), max(a[1], b[1])),
    "min": lambda a, b: (min(a[0], b[0]), min(a[1], b[1])),
    "mul": _product,
    "neg": lambda a: (-a[1], -a[0]),
    "select": lambda a, b: (min(a[0], b[0]), max(a[1], b[1])),
    "splat": lambda a: a,
}
