"""Rules of elementwise primitives, on single nodes."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jax import lax

from entropyjax.solve.native.graph import Node, Unsupported
from entropyjax.solve.native.interpret import Interpreter

ELEMENTWISE: dict[str, Callable[..., Node]] = {}


def _plain(op: str, *names: str) -> None:
    def rule(self: Interpreter, equation: Any, *nodes: Node) -> Node:
        return self.graph.node(op, nodes, equation.outvars[0].aval.dtype)

    ELEMENTWISE.update(dict.fromkeys(names or (op,), rule))


for _name in ("add", "sub", "mul", "neg", "abs", "and", "or", "xor", "not", "sqrt", "floor", "ceil"):
    _plain(_name)
for _name in ("eq", "ne", "lt", "le", "gt", "ge", "is_finite"):
    _plain(_name)
_plain("add", "add_any")
_plain("bitcast", "bitcast_convert_type")
for _name in ("stop_gradient", "copy", "copy_p", "reduce_precision"):
    ELEMENTWISE[_name] = lambda self, equation, node: node


def _elementwise(*names: str) -> Callable[[Any], Any]:
    def register(function: Any) -> Any:
        ELEMENTWISE.update((name, function) for name in names)
        return function

    return register


@_elementwise("div")
def _div(self: Interpreter, equation: Any, a: Node, b: Node) -> Node:
    if a.dtype.kind != "f" and b.op != "constant":
        raise Unsupported("it divides integers by something that is not a constant")
    graph = self.graph
    if a.dtype.kind == "f" and not graph.strict and b.region.depth < a.region.depth:
        # A divisor from outside the loop is inverted there, once.
        inverse = graph.node("div", (graph.constant(1, b.dtype), b), b.dtype)
        return graph.node("mul", (a, inverse), a.dtype)
    return graph.node("div", (a, b), a.dtype)


@_elementwise("rem")
def _rem(self: Interpreter, equation: Any, a: Node, b: Node) -> Node:
    if a.dtype.kind == "f" or b.op != "constant":
        raise Unsupported("it takes a remainder of floating numbers or by something that is not a constant")
    return self.graph.node("rem", (a, b), a.dtype)


@_elementwise("max", "min")
def _extreme(self: Interpreter, equation: Any, a: Node, b: Node) -> Node:
    # The emitter propagates NaN from the first operand alone where the second is a constant.
    name = equation.primitive.name
    if a.op == "constant":
        a, b = b, a
    known = b.op == "constant" and not (b.dtype.kind == "f" and np.isnan(b.value))
    return self.graph.node(name, (a, b), a.dtype, "number" if known else None)


@_elementwise("select_n")
def _select(self: Interpreter, equation: Any, which: Node, *cases: Node) -> Node:
    graph = self.graph
    if which.dtype == np.bool_:
        if cases[0].dtype.kind == "f" and _is_size(which, *cases):
            return graph.node("abs", (cases[-1],), cases[0].dtype)
        return graph.node("select", (which, cases[-1], cases[0]), cases[0].dtype)
    out = cases[-1]
    for number in range(len(cases) - 2, -1, -1):
        here = graph.node("eq", (which, graph.constant(number, which.dtype)), np.bool_)
        out = graph.node("select", (here, cases[number], out), out.dtype)
    return out


def _is_size(which: Node, no: Node, yes: Node) -> bool:
    """Return whether a selection is of x where x >= 0, and of -x elsewhere."""
    if which.op not in ("ge", "gt") or which.args[0] is not yes or no.op != "neg" or no.args[0] is not yes:
        return False
    bound = which.args[1].args[0] if which.args[1].op == "splat" else which.args[1]
    return bound.op == "constant" and bound.value == 0


@_elementwise("clamp")
def _clamp(self: Interpreter, equation: Any, low: Node, node: Node, high: Node) -> Node:
    above = self.graph.node("max", (node, low), node.dtype)
    return self.graph.node("min", (above, high), node.dtype)


@_elementwise("square")
def _square(self: Interpreter, equation: Any, node: Node) -> Node:
    return self.graph.node("mul", (node, node), node.dtype)


@_elementwise("rsqrt")
def _rsqrt(self: Interpreter, equation: Any, node: Node) -> Node:
    one = self.graph.constant(1, node.dtype)
    return self.graph.node("div", (one, self.graph.node("sqrt", (node,), node.dtype)), node.dtype)


@_elementwise("sign")
def _sign(self: Interpreter, equation: Any, node: Node) -> Node:
    graph, zero = self.graph, self.graph.constant(0, node.dtype)
    positive = graph.node("gt", (node, zero), np.bool_)
    negative = graph.node("lt", (node, zero), np.bool_)
    below = graph.node("select", (negative, graph.constant(-1, node.dtype), node), node.dtype)
    return graph.node("select", (positive, graph.constant(1, node.dtype), below), node.dtype)


@_elementwise("round")
def _round(self: Interpreter, equation: Any, node: Node) -> Node:
    even = equation.params["rounding_method"] == lax.RoundingMethod.TO_NEAREST_EVEN
    return self.graph.node("round_even" if even else "round", (node,), node.dtype)


@_elementwise("shift_left", "shift_right_logical", "shift_right_arithmetic")
def _shift(self: Interpreter, equation: Any, node: Node, count: Node) -> Node:
    if count.op != "constant":
        raise Unsupported("it shifts by something that is not a constant")
    return self.graph.node(equation.primitive.name, (node, count), node.dtype)


@_elementwise("convert_element_type")
def _convert(self: Interpreter, equation: Any, node: Node) -> Node:
    dtype = np.dtype(equation.params["new_dtype"])
    if dtype.kind not in "fiub" or (dtype.kind == "f" and dtype.itemsize < 4):
        raise Unsupported(f"it converts to {dtype}")
    return node if node.dtype == dtype else self.graph.node("convert", (node,), dtype)


@_elementwise("integer_pow")
def _integer_pow(self: Interpreter, equation: Any, node: Node) -> Node:
    graph, power = self.graph, equation.params["y"]
    out, square, left = None, node, abs(power)
    while left:
        if left & 1:
            out = square if out is None else graph.node("mul", (out, square), node.dtype)
        left >>= 1
        if left:
            square = graph.node("mul", (square, square), node.dtype)
    one = graph.constant(1, node.dtype)
    out = one if out is None else out
    return graph.node("div", (one, out), node.dtype) if power < 0 else out
