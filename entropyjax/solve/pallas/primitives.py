"""Elementwise primitives of a kernel: those that Triton lowers as XLA defines them, and substitutes for others."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from entropyjax.solve.native.functions import FUNCTIONS
from entropyjax.solve.pallas.interpret import LaneInterpreter
from entropyjax.solve.pallas.vectors import Value
from entropyjax.solve.unsupported import Unsupported

ELEMENTWISE: dict[str, Callable[..., Any]] = {}

_DIRECT = (
    *("add", "sub", "mul", "add_any", "abs", "sqrt", "rsqrt", "cbrt", "square", "integer_pow", "pow", "floor", "ceil"),
    *("and", "or", "xor", "not", "eq", "ne", "lt", "le", "gt", "ge", "is_finite", "sign", "bitcast_convert_type"),
    *("exp", "exp2", "expm1", "log", "log1p", "logistic", "sin", "cos", "tan", "asin", "acos", "atan", "atan2"),
    *("sinh", "cosh", "tanh", "asinh", "acosh", "atanh"),
)
"""Primitives with a rule in jax's Triton lowering; tests/test_solve_pallas.py lowers each to hold it to that."""


def _rule(*names: str) -> Callable[[Any], Any]:
    def register(function: Any) -> Any:
        ELEMENTWISE.update((name, function) for name in names)
        return function

    return register


@_rule(*_DIRECT)
def _direct(self: LaneInterpreter, equation: Any, *args: Value) -> Value:
    params = equation.params
    return self.graph.apply(lambda *arrays: equation.primitive.bind(*arrays, **params), args)


@_rule(*FUNCTIONS.keys() - set(_DIRECT))
def _written_out(self: LaneInterpreter, equation: Any, *args: Value) -> Value:
    """Evaluate a function that Triton does not have, such as erf, as native kernels do."""
    types = (jax.ShapeDtypeStruct((), arg.dtype) for arg in args)
    return self.closed(jax.make_jaxpr(FUNCTIONS[equation.primitive.name])(*types), args)[0]


@_rule("div", "rem")
def _divide(self: LaneInterpreter, equation: Any, a: Value, b: Value) -> Value:
    if a.dtype.kind != "f" and not (b.constant and b.array):
        raise Unsupported("it divides integers by something that is not a constant other than 0")
    return _direct(self, equation, a, b)


@_rule("shift_left", "shift_right_logical", "shift_right_arithmetic")
def _shift(self: LaneInterpreter, equation: Any, value: Value, count: Value) -> Value:
    if not (count.constant and 0 <= count.array < 8 * value.dtype.itemsize):
        raise Unsupported("it shifts by something that is not a constant smaller than the number of bits")
    return _direct(self, equation, value, count)


@_rule("stop_gradient", "copy", "copy_p", "reduce_precision")
def _same(self: LaneInterpreter, equation: Any, value: Value) -> Value:
    return value


@_rule("max", "min")
def _extreme(self: LaneInterpreter, equation: Any, a: Value, b: Value) -> Value:
    return self.graph.node(equation.primitive.name, (a, b), a.dtype)


@_rule("clamp")
def _clamp(self: LaneInterpreter, equation: Any, low: Value, value: Value, high: Value) -> Value:
    above = self.graph.node("max", (value, low), value.dtype)
    return self.graph.node("min", (above, high), value.dtype)


@_rule("neg")
def _negate(self: LaneInterpreter, equation: Any, value: Value) -> Value:
    # Triton's rule is 0 - x, which loses the sign of a zero.
    return self.graph.node("mul", (value, self.graph.constant(-1, value.dtype)), value.dtype)


@_rule("round")
def _round(self: LaneInterpreter, equation: Any, value: Value) -> Value:
    if equation.params["rounding_method"] != lax.RoundingMethod.TO_NEAREST_EVEN:
        raise Unsupported("it rounds halves away from zero")

    def nearest(array: Any) -> Any:
        low = lax.floor(array)
        rest, half = array - low, 0.5 * low
        whole = jnp.where((rest > 0.5) | ((rest == 0.5) & (lax.floor(half) != half)), low + 1.0, low)
        return jnp.where(whole == 0.0, 0.0 * array, whole)

    return self.graph.apply(nearest, [value])


@_rule("select_n")
def _select(self: LaneInterpreter, equation: Any, which: Value, *cases: Value) -> Value:
    graph = self.graph
    if which.dtype == np.bool_:
        return graph.node("select", (which, cases[-1], cases[0]), cases[0].dtype)
    out = cases[-1]
    for number in range(len(cases) - 2, -1, -1):
        here = graph.node("eq", (which, graph.constant(number, which.dtype)), np.bool_)
        out = graph.node("select", (here, cases[number], out), out.dtype)
    return out


@_rule("convert_element_type")
def _convert(self: LaneInterpreter, equation: Any, value: Value) -> Value:
    dtype = np.dtype(equation.params["new_dtype"])
    if dtype.kind not in "fiub" or (dtype.kind == "f" and dtype.itemsize < 4):
        raise Unsupported(f"it converts to {dtype}")
    if value.dtype == dtype:
        return value
    return self.graph.apply(lambda array: lax.convert_element_type(array, dtype), [value])
