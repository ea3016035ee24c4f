"""Interval arithmetic with outward rounding, on arrays.

An operand is an `Enclosure` or a plain array, which stands for exactly that number. Sums, products and quotients
are good to half a unit in the last place; the elementary functions of XLA are taken to be good to `_ULPS` units,
which the tests compare with 40-digit arithmetic. A NaN in either end stays one and decides nothing.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp

_ULPS = 8.0


class Enclosure(NamedTuple):
    """All numbers from `lower` to `upper`, elementwise."""

    lower: Any
    upper: Any


def lower(a: Any) -> Any:
    """Return the least number of an operand."""
    return a.lower if isinstance(a, Enclosure) else a


def upper(a: Any) -> Any:
    """Return the greatest number of an operand."""
    return a.upper if isinstance(a, Enclosure) else a


def widen(low: Any, high: Any, ulps: float = 1.0) -> Enclosure:
    """Return [low, high] with each end moved outward by `ulps` units in the last place."""
    unit = ulps * float(jnp.finfo(jnp.result_type(low)).eps)
    return Enclosure(low - jnp.abs(low) * unit, high + jnp.abs(high) * unit)


def hull(a: Any, b: Any) -> Enclosure:
    """Return the least interval that holds both."""
    return Enclosure(jnp.minimum(lower(a), lower(b)), jnp.maximum(upper(a), upper(b)))


def negate(a: Any) -> Enclosure:
    """Return -a."""
    return Enclosure(-upper(a), -lower(a))


def add(a: Any, b: Any) -> Enclosure:
    """Return a + b."""
    return widen(lower(a) + lower(b), upper(a) + upper(b))


def subtract(a: Any, b: Any) -> Enclosure:
    """Return a - b."""
    return widen(lower(a) - upper(b), upper(a) - lower(b))


def multiply(a: Any, b: Any) -> Enclosure:
    """Return a b."""
    if not isinstance(a, Enclosure):
        a, b = b, a
    if not isinstance(b, Enclosure):
        one, other = lower(a) * b, upper(a) * b
        return widen(jnp.minimum(one, other), jnp.maximum(one, other))
    first = hull(a.lower * b.lower, a.lower * b.upper)
    second = hull(a.upper * b.lower, a.upper * b.upper)
    return widen(*hull(first, second))


def invert(a: Any) -> Enclosure:
    """Return 1 / a, everything where a holds 0."""
    low, high = lower(a), upper(a)
    out = widen(1.0 / high, 1.0 / low)
    clear = (low > 0.0) | (high < 0.0)
    return Enclosure(jnp.where(clear, out.lower, -jnp.inf), jnp.where(clear, out.upper, jnp.inf))


def divide(a: Any, b: Any) -> Enclosure:
    """Return a / b."""
    if isinstance(b, Enclosure):
        return multiply(a, invert(b))
    one, other = lower(a) / b, upper(a) / b
    return widen(jnp.minimum(one, other), jnp.maximum(one, other))


def square(a: Any) -> Enclosure:
    """Return a^2."""
    low, high = jnp.square(lower(a)), jnp.square(upper(a))
    crosses = (lower(a) < 0.0) & (upper(a) > 0.0)
    return widen(jnp.where(crosses, 0.0, jnp.minimum(low, high)), jnp.maximum(low, high))


def rising(function: Callable[[Any], Any], a: Any) -> Enclosure:
    """Return the range of a non-decreasing elementary function."""
    return widen(function(lower(a)), function(upper(a)), _ULPS)


def bell(a: Any, top: float, function: Callable[[Any], Any]) -> Enclosure:
    """Return the range of a function that rises up to its value `top` at 0 and falls from there."""
    low, high = function(lower(a)), function(upper(a))
    crosses = (lower(a) < 0.0) & (upper(a) > 0.0)
    return widen(jnp.minimum(low, high), jnp.where(crosses, top, jnp.maximum(low, high)), _ULPS)


def positive(a: Any) -> Any:
    """Return whether every number of an operand is above 0."""
    return lower(a) > 0.0


def negative(a: Any) -> Any:
    """Return whether every number of an operand is below 0."""
    return upper(a) < 0.0
