"""Mathematical functions as single nodes, in the form that their arguments allow.

e^(a log x) = 2^(a log2 x)          log(1 + x) for x in [0, 1]          e^-x for x >= 0
"""

import numpy as np

from entropyjax.solve.native.graph import Graph, Node
from entropyjax.solve.native.ranges import range_of

NAMES = frozenset({"exp", "exp2", "log", "log1p", "logistic"})
"""Primitives of JAX that can be such nodes."""


def direct(graph: Graph, name: str, x: Node) -> Node:
    """Return the node of function `name` at a varying float32."""
    power = _power(graph, x) if name in ("exp", "logistic") else None
    if power is not None:
        name, x = ("exp2", power) if name == "exp" else ("logistic2_minus", _minus(graph, power))
    elif name == "exp" and x.op == "neg" and range_of(x.args[0])[0] >= 0.0:
        name, x = "exp_minus", x.args[0]
    elif name == "log1p":
        low, high = range_of(x)
        name = "log1p_unit" if low >= 0.0 and high <= 1.0 else name
    return graph.node(name, (x,), np.float32)


def _power(graph: Graph, x: Node) -> Node | None:
    """Return a log2(y) for a node a log(y), else `None`."""
    if x.op == "neg":
        inner = _power(graph, x.args[0])
        return inner and _minus(graph, inner)
    if x.op != "mul":
        return None
    for factor, other in (x.args, x.args[::-1]):
        if other.op == "log":
            return graph.node("mul", (factor, graph.node("log2", other.args, np.float32)), np.float32)
    return None


def _minus(graph: Graph, product: Node) -> Node:
    """Return the negative of a product, whose first factor may be known before the loop."""
    factor, other = product.args
    inside = factor.args[0] if factor.op == "splat" else factor
    return graph.node("mul", (graph.node("neg", (inside,), np.float32), other), np.float32)
