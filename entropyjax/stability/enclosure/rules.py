"""One rule for each primitive: the range of a value and of its slope, from those of its operands."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from entropyjax.stability.enclosure import interval as iv
from entropyjax.stability.enclosure.interval import Enclosure


class NotEnclosable(TypeError):
    """A function that interval arithmetic cannot follow; the message says what stands in the way."""


class Jet(NamedTuple):
    """Ranges of a value and of its derivative by the variable; `slope` is `None` where no derivative is wanted."""

    value: Any
    slope: Any


Rule = Callable[..., Any]
"""Called as rule(equation parameters, *operands); an operand is a `Jet`, or a plain array that is constant."""

RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Return a decorator that makes a function the rule of the primitives named."""

    def register(function: Rule) -> Rule:
        RULES.update((name, function) for name in names)
        return function

    return register


def value(a: Any) -> Any:
    """Return the range of an operand's value."""
    return a.value if isinstance(a, Jet) else a


def has_slope(*operands: Any) -> bool:
    """Return whether derivatives are wanted."""
    return any(isinstance(a, Jet) and a.slope is not None for a in operands)


def lift(a: Any, sloped: bool) -> Jet:
    """Return an operand as a jet; a constant has the slope 0."""
    if isinstance(a, Jet):
        return a
    zero = jnp.zeros_like(a)
    return Jet(Enclosure(a, a), Enclosure(zero, zero) if sloped else None)


def _linear(combine: Callable[[Any, Any], Any]) -> Rule:
    def apply(params: Any, a: Any, b: Any) -> Jet:
        del params
        slope = None
        if has_slope(a, b):
            both = isinstance(a, Jet) and isinstance(b, Jet)
            slope = combine(a.slope, b.slope) if both else _one_slope(combine, a, b)
        return Jet(combine(value(a), value(b)), slope)

    return apply


def _one_slope(combine: Callable[[Any, Any], Any], a: Any, b: Any) -> Any:
    if isinstance(a, Jet):
        return a.slope
    return iv.negate(b.slope) if combine is iv.subtract else b.slope


RULES["add"] = RULES["add_any"] = _linear(iv.add)
RULES["sub"] = _linear(iv.subtract)


@rule("mul")
def _multiply(params: Any, a: Any, b: Any) -> Jet:
    del params
    parts = [iv.multiply(value(other), one.slope) for one, other in ((a, b), (b, a)) if has_slope(one)]
    slope = None if not parts else parts[0] if len(parts) == 1 else iv.add(*parts)
    return Jet(iv.multiply(value(a), value(b)), slope)


@rule("div")
def _divide(params: Any, a: Any, b: Any) -> Jet:
    del params
    if not isinstance(b, Jet):
        return Jet(iv.divide(a.value, b), iv.divide(a.slope, b) if has_slope(a) else None)
    inverse = iv.invert(b.value)
    ratio = iv.multiply(value(a), inverse)
    if not has_slope(a, b):
        return Jet(ratio, None)
    # (a/b)' = (a' - (a/b) b') / b
    fall = iv.multiply(ratio, b.slope)
    rise = iv.subtract(a.slope, fall) if isinstance(a, Jet) else iv.negate(fall)
    return Jet(ratio, iv.multiply(rise, inverse))


@rule("neg")
def _negate(params: Any, a: Jet) -> Jet:
    del params
    return Jet(iv.negate(a.value), None if a.slope is None else iv.negate(a.slope))


def _increasing(name: str, function: Callable[[Any], Any], derivative: Callable[[Any, Any], Any]) -> None:
    """Make the rule of a non-decreasing function; `derivative` takes the ranges of the operand and the value."""

    def apply(params: Any, a: Jet) -> Jet:
        del params
        out = iv.rising(function, a.value)
        return Jet(out, None if a.slope is None else iv.multiply(derivative(a.value, out), a.slope))

    RULES[name] = apply


def _logistic_slope(x: Any, out: Any) -> Enclosure:
    del out
    return iv.bell(x, 0.25, lambda at: jax.nn.sigmoid(at) * jax.nn.sigmoid(-at))


_increasing("exp", jnp.exp, lambda x, out: out)
_increasing("expm1", jnp.expm1, lambda x, out: iv.add(out, 1.0))
_increasing("log", jnp.log, lambda x, out: iv.invert(x))
_increasing("log1p", jnp.log1p, lambda x, out: iv.invert(iv.add(x, 1.0)))
_increasing("logistic", jax.nn.sigmoid, _logistic_slope)
_increasing("tanh", jnp.tanh, lambda x, out: iv.bell(x, 1.0, lambda at: 1.0 - jnp.square(jnp.tanh(at))))
_increasing("sqrt", jnp.sqrt, lambda x, out: iv.divide(iv.invert(out), 2.0))


@rule("integer_pow")
def _integer_power(params: Any, a: Jet) -> Jet:
    order = params["y"]
    if order < 0:
        return _divide({}, jnp.ones_like(a.value.lower), _integer_power({"y": -order}, a))
    if order == 0:
        raise NotEnclosable("it raises to the power 0")
    if order == 1:
        return a
    half = _integer_power({"y": order // 2}, a)
    squared = Jet(
        iv.square(half.value),
        None if a.slope is None else iv.multiply(iv.multiply(half.value, half.slope), jnp.asarray(2.0, _type(a))),
    )
    return _multiply({}, squared, a) if order % 2 else squared


def _type(a: Jet) -> Any:
    return jnp.result_type(a.value.lower)


@rule("square")
def _square(params: Any, a: Jet) -> Jet:
    del params
    return _integer_power({"y": 2}, a)


@rule("pow")
def _power(params: Any, a: Any, b: Any) -> Jet:
    """Return a^b = e^(b ln a); a base that is not positive leaves everything open."""
    del params
    log = RULES["log"]({}, a) if isinstance(a, Jet) else jnp.log(a)
    return RULES["exp"]({}, _multiply({}, log, b))


def _extreme(larger: bool) -> Rule:
    pick = jnp.maximum if larger else jnp.minimum

    def apply(params: Any, a: Any, b: Any) -> Jet:
        del params
        one, other = lift(a, has_slope(a, b)), lift(b, has_slope(a, b))
        out = Enclosure(pick(one.value.lower, other.value.lower), pick(one.value.upper, other.value.upper))
        if one.slope is None:
            return Jet(out, None)
        above, below = one.value.lower >= other.value.upper, other.value.lower >= one.value.upper
        first, second = (above, below) if larger else (below, above)
        return Jet(out, choose(first, one.slope, choose(second, other.slope, iv.hull(one.slope, other.slope))))

    return apply


def choose(condition: Any, a: Enclosure, b: Enclosure) -> Enclosure:
    """Return `a` where a plain condition holds, else `b`."""
    return Enclosure(jnp.where(condition, a.lower, b.lower), jnp.where(condition, a.upper, b.upper))


RULES["max"], RULES["min"] = _extreme(True), _extreme(False)


@rule("abs")
def _size(params: Any, a: Jet) -> Jet:
    return RULES["max"](params, a, _negate(params, a))


@rule("clamp")
def _clamp(params: Any, low: Any, a: Any, high: Any) -> Jet:
    return RULES["min"](params, RULES["max"](params, a, low), high)


@rule("reduce_sum")
def _sum(params: Any, a: Jet) -> Jet:
    axes = params["axes"]
    length = max(1, a.value.lower.size)

    def total(ends: Any) -> Enclosure:
        # Rounding of a sum in any order: its length times the sum of the sizes, in units in the last place.
        size = jnp.sum(jnp.maximum(jnp.abs(ends.lower), jnp.abs(ends.upper)), axis=axes)
        slack = size * (length * float(jnp.finfo(size.dtype).eps))
        return iv.widen(jnp.sum(ends.lower, axis=axes) - slack, jnp.sum(ends.upper, axis=axes) + slack)

    return Jet(total(a.value), None if a.slope is None else total(a.slope))


@rule("select_n")
def _select(params: Any, which: Any, *cases: Any) -> Jet:
    del params
    if isinstance(which, Jet):
        raise NotEnclosable("it selects by something that interval arithmetic does not follow")
    jets = [lift(case, has_slope(*cases)) for case in cases]
    return jax.tree.map(lambda *ends: lax.select_n(which, *ends), *jets)
