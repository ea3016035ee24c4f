"""Rules of primitives on small arrays, each element of which is a node."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from entropyjax.solve.native.interpret import Interpreter, Value
from entropyjax.solve.unsupported import Unsupported

WRITTEN = 40
"""Most elements of an array that is written to at a place that is computed: each becomes a variable."""

STRUCTURAL: dict[str, Callable[[Interpreter, Any, list[Value]], Any]] = {}


def _structural(*names: str) -> Callable[[Any], Any]:
    def register(function: Any) -> Any:
        STRUCTURAL.update((name, function) for name in names)
        return function

    return register


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


@_structural("stack")
def _stack(self: Interpreter, equation: Any, args: list[Value]) -> Value:
    return np.stack(args, axis=equation.params["axis"])


@_structural("tile")
def _tile(self: Interpreter, equation: Any, args: list[Value]) -> Value:
    return np.tile(args[0], equation.params["reps"])


@_structural("cumsum", "cumprod", "cummax", "cummin")
def _cumulate(self: Interpreter, equation: Any, args: list[Value]) -> Value:
    op = {"cumsum": "add", "cumprod": "mul", "cummax": "max", "cummin": "min"}[equation.primitive.name]
    axis = equation.params["axis"]
    rows = np.moveaxis(np.flip(args[0], axis) if equation.params["reverse"] else args[0], axis, 0).copy()
    for number in range(1, len(rows)):
        for place in np.ndindex(rows.shape[1:]):
            pair = (rows[(number - 1, *place)], rows[(number, *place)])
            rows[(number, *place)] = self.graph.node(op, pair, pair[0].dtype)
    out = np.moveaxis(rows, 0, axis)
    return np.flip(out, axis) if equation.params["reverse"] else out


@_structural("scatter")
def _scatter(self: Interpreter, equation: Any, args: list[Value]) -> Value:
    value, places, update = args
    numbers = equation.params["dimension_numbers"]
    known = [node.value for node in places.flat if node.op == "constant"]
    simple = value.ndim == 1 and places.shape == (1,) and update.shape == () and known
    if not simple or numbers.scatter_dims_to_operand_dims != (0,) or equation.params["update_jaxpr"] is not None:
        raise Unsupported("it sets elements of an array at places that are computed")
    out = value.copy()
    if 0 <= known[0] < value.size:
        out[known[0]] = update[()]
    return out


@_structural("argmax", "argmin")
def _arg_extreme(self: Interpreter, equation: Any, args: list[Value]) -> Value:
    (axis,), dtype = equation.params["axes"], np.dtype(equation.params["index_dtype"])
    beyond = "gt" if equation.primitive.name == "argmax" else "lt"
    columns = np.moveaxis(args[0], axis, -1)
    out = np.empty(columns.shape[:-1], object)
    for place in np.ndindex(out.shape):
        best, where = columns[place][0], self.graph.constant(0, dtype)
        for number, node in enumerate(columns[place][1:], start=1):
            better = self.graph.node(beyond, (node, best), np.bool_)
            if node.dtype.kind == "f":
                # The first NaN wins, as in XLA.
                odd = self.graph.node("ne", (node, node), np.bool_)
                fine = self.graph.node("eq", (best, best), np.bool_)
                better = self.graph.node("and", (self.graph.node("or", (better, odd), np.bool_), fine), np.bool_)
            best = self.graph.node("select", (better, node, best), node.dtype)
            where = self.graph.node("select", (better, self.graph.constant(number, dtype), where), dtype)
        out[place] = where
    return out
