"""Evaluates elementwise jaxprs in numpy: every operation rounded as IEEE 754 has it, subnormal numbers kept.

XLA on a CPU flushes subnormal numbers, contracts products and sums, and folds constants; a kernel may do the
first two or not. Here both can be had at will.
"""

import functools
import operator

import jax
import numpy as np
from jax import lax
from jax.extend.core import Literal

BINARY = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "and": operator.and_,
    "or": operator.or_,
    "xor": operator.xor,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "eq": operator.eq,
    "ne": operator.ne,
}
UNARY = {"neg": operator.neg, "abs": np.abs, "not": np.invert, "sqrt": np.sqrt, "floor": np.floor}


def shift_right_logical(pattern, count):
    unsigned = pattern.view(f"u{pattern.itemsize}")
    return (unsigned >> count.astype(unsigned.dtype)).view(pattern.dtype)


OTHER = {
    "shift_left": operator.lshift,
    "shift_right_logical": shift_right_logical,
    "select_n": lambda which, no, yes: np.where(which, yes, no),
}


def fused(a, b, c):
    """a b + c with one rounding (but for a second, 2^-50 times smaller, where the sum cancels nothing)."""
    if a.dtype == np.float32:
        return (a.astype(np.float64) * b + c).astype(np.float32)
    product = a * b
    a_high, b_high = (((2.0**27 + 1.0) * v) - ((2.0**27 + 1.0) * v - v) for v in (a, b))
    lost = ((a_high * b_high - product) + a_high * (b - b_high) + (a - a_high) * b_high) + (a - a_high) * (b - b_high)
    total = product + c
    part = total - product
    out = total + (((product - (total - part)) + (c - part)) + lost)
    return np.where(np.isfinite(out), out, product + c)


def contracted(name, args, products):
    """The sum or difference `args` with one of the products in it fused, or None."""
    for place, factors in enumerate(products):
        if factors is None or args[0].dtype.kind != "f" or name not in ("add", "sub"):
            continue
        a, b = factors
        other = args[1 - place]
        if name == "add":
            return fused(a, b, other)
        return fused(a, b, -other) if place == 0 else fused(-a, b, other)
    return None


def trace(function, *dtypes):
    """The function as operations on scalars. A new function each time: JAX would remember the trace of an old one."""
    closed = jax.make_jaxpr(functools.partial(function))(*(jax.ShapeDtypeStruct((), dtype) for dtype in dtypes))
    assert not closed.consts
    return closed


def evaluate(closed, *args, contract=False):
    """The value of a traced function at numpy arrays of one shape."""
    known = dict(zip(closed.jaxpr.invars, args, strict=True))
    factors = {}
    with np.errstate(all="ignore"):
        for equation in closed.jaxpr.eqns:
            name, (out,) = equation.primitive.name, equation.outvars
            values = [np.asarray(v.val, v.aval.dtype) if isinstance(v, Literal) else known[v] for v in equation.invars]
            value = None
            if contract:
                value = contracted(name, values, [factors.get(id(v)) for v in equation.invars])
            known[out] = _apply(equation, name, values) if value is None else value
            assert known[out].dtype == out.aval.dtype, equation
            if name == "mul":
                factors[id(out)] = values
    (result,) = closed.jaxpr.outvars
    return known[result]


def _apply(equation, name, values):
    if name == "bitcast_convert_type":
        return values[0].view(equation.params["new_dtype"])
    if name == "round":
        assert equation.params["rounding_method"] == lax.RoundingMethod.TO_NEAREST_EVEN
        return np.rint(values[0])
    operation = BINARY.get(name) or UNARY.get(name) or OTHER[name]
    return operation(*values)
