"""Rules of primitives: elementwise ones on nodes, structural ones on arrays of nodes."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from jax import lax

from entropyjax.solve.native.graph import Node, Unsupported
from entropyjax.solve.native.interpret import Interpreter, Value

WRITTEN = 40
"""Most elements of an array that is written to at a place that is computed: each becomes a variable."""

ELEMENTWISE: dict[str, Callable[..., Node]] = {}
STRUCTURAL: dict[str, Callable[[Interpreter, Any, list[Value]], Any]] = {}


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
for _name in ("stop_gradient", "copy", "copy_p", "optimization_barrier", "reduce_precision"):
    ELEMENTWISE[_name] = lambda self, equation, node: node


def _elementwise(*names: str) -> Callable[[Any], Any]:
    def register(function: Any) -> Any:
        ELEMENTWISE.update((name, function) for name in names)
        return function

    return register


def _structural(*names: str) -> Callable[[Any], Any]:
    def register(function: Any) -> Any:
        STRUCTURAL.update((name, function) for name in names)
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
        return graph.node("select", (which, cases[-1], cases[0]), cases[0].dtype)
    out = cases[-1]
    for number in range(len(cases) - 2, -1, -1):
        here = graph.node("eq", (which, graph.constant(number, which.dtype)), np.bool_)
        out = graph.node("select", (here, cases[number], out), out.dtype)
    return out


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


@_structural("broadcast_in_dim")
def _broadcast(self: Interpreter, equation: Any, args: list[Value]) -> Value:
    shape, places = equation.params["shape"], equation.params["broadcast_dimensions"]
    value = args[0]
    widened = value.reshape([value.shape[places.index(axis)] if axis in places else 1 for axis in range(len(shape))])
    return np.broadcast_to(widened, shape).copy()


@_structural("reshape", "squeeze", "expand_dims")
def _reshape(self: Interpreter, equation: Any, args: list[Value]) -> Value:
    return args[0].reshape(equation.outvars[0].aval.shape)


@_structural("transpose")
def _transpose(self: Interpreter, equation: Any, args: list[Value]) -> Value:
    return np.transpose(args[0], equation.params["permutation"])


@_structural("concatenate")
def _concatenate(self: Interpreter, equation: Any, args: list[Value]) -> Value:
    return np.concatenate(args, axis=equation.params["dimension"])


@_structural("slice")
def _slice(self: Interpreter, equation: Any, args: list[Value]) -> Value:
    params = equation.params
    strides = params["strides"] or (1,) * len(params["start_indices"])
    places = zip(params["start_indices"], params["limit_indices"], strides, strict=True)
    return args[0][tuple(slice(*place) for place in places)]


@_structural("rev")
def _reverse(self: Interpreter, equation: Any, args: list[Value]) -> Value:
    return np.flip(args[0], equation.params["dimensions"])


@_structural("pad")
def _pad(self: Interpreter, equation: Any, args: list[Value]) -> Value:
    if any(inner for _, _, inner in equation.params["padding_config"]):
        raise Unsupported("it pads between elements")
    value, fill = args
    if any(low < 0 or high < 0 for low, high, _ in equation.params["padding_config"]):
        raise Unsupported("it pads by a negative amount")
    out = np.empty(equation.outvars[0].aval.shape, object)
    out[...] = fill[()]
    starts = [low for low, _, _ in equation.params["padding_config"]]
    inside = (slice(low, low + size) for low, size in zip(starts, value.shape, strict=True))
    out[tuple(inside)] = value
    return out


@_structural("iota")
def _iota(self: Interpreter, equation: Any, args: list[Value]) -> Value:
    params = equation.params
    axis = params["dimension"]
    return self.literal(
        np.broadcast_to(
            np.expand_dims(
                np.arange(params["shape"][axis]), [other for other in range(len(params["shape"])) if other != axis]
            ),
            params["shape"],
        ),
        params["dtype"],
    )


@_structural("split")
def _split(self: Interpreter, equation: Any, args: list[Value]) -> list[Value]:
    ends = np.cumsum(equation.params["sizes"])[:-1]
    return np.split(args[0], ends, axis=equation.params["axis"])


@_structural("dynamic_slice")
def _dynamic_slice(self: Interpreter, equation: Any, args: list[Value]) -> Value:
    value, sizes = args[0], equation.params["slice_sizes"]
    if value.ndim != 1 or sizes != (1,) or value.size > 256:
        raise Unsupported("it takes a slice of an array at a place that is computed")
    graph, place = self.graph, args[1][()]
    out = value[-1]
    for number in range(value.size - 2, -1, -1):
        before = graph.node("le", (place, graph.constant(number, place.dtype)), np.bool_)
        out = graph.node("select", (before, value[number], out), out.dtype)
    single = np.empty(1, object)
    single[0] = out
    return single


@_structural("dynamic_update_slice")
def _dynamic_update_slice(self: Interpreter, equation: Any, args: list[Value]) -> Value:
    value, update, place = args[0], args[1], args[2][()]
    if value.ndim != 1 or update.shape != (1,) or value.size > WRITTEN:
        raise Unsupported(f"it writes to a place that is computed in an array of shape {value.shape}")
    graph, out = self.graph, value.copy()
    last = value.size - 1
    for number in range(value.size):
        # A place outside the array is moved to its nearest end.
        end = "le" if number == 0 else "ge" if number == last else "eq"
        here = graph.node(end, (place, graph.constant(number, place.dtype)), np.bool_)
        out[number] = graph.node("select", (here, update[0], value[number]), value[number].dtype)
    return out


_FOLDS = {
    "reduce_sum": ("add", 0),
    "reduce_prod": ("mul", 1),
    "reduce_max": ("max", None),
    "reduce_min": ("min", None),
    "reduce_and": ("and", True),
    "reduce_or": ("or", False),
    "reduce_xor": ("xor", 0),
}


@_structural(*_FOLDS)
def _reduce(self: Interpreter, equation: Any, args: list[Value]) -> Value:
    op, empty = _FOLDS[equation.primitive.name]
    value, axes = args[0], equation.params["axes"]
    kept = [axis for axis in range(value.ndim) if axis not in axes]
    columns = np.transpose(value, [*kept, *axes]).reshape(*(value.shape[axis] for axis in kept), -1)
    out = np.empty(columns.shape[:-1], object)
    for place in np.ndindex(out.shape):
        nodes = list(columns[place]) or [self.graph.constant(empty, equation.outvars[0].aval.dtype)]
        out[place] = functools.reduce(lambda a, b: self.graph.node(op, (a, b), a.dtype), nodes)
    return out


@_structural("dot_general")
def _dot(self: Interpreter, equation: Any, args: list[Value]) -> Value:
    (left, right), (batch_left, batch_right) = equation.params["dimension_numbers"]
    if batch_left or batch_right:
        raise Unsupported("it multiplies batches of matrices")
    a, b = args
    a = np.moveaxis(a, left, range(-len(left), 0)).reshape(-1, int(np.prod([a.shape[i] for i in left])))
    b = np.moveaxis(b, right, range(len(right))).reshape(int(np.prod([b.shape[i] for i in right])), -1)
    out = np.empty((a.shape[0], b.shape[1]), object)
    for row, column in np.ndindex(out.shape):
        terms = [self.graph.node("mul", pair, pair[0].dtype) for pair in zip(a[row], b[:, column], strict=True)]
        out[row, column] = functools.reduce(lambda x, y: self.graph.node("add", (x, y), x.dtype), terms)
    return out.reshape(equation.outvars[0].aval.shape)
