"""Logarithms: log, log1p.

A positive number is 2^k m with 1/2 <= m^2 < 2, so log x = k ln 2 + log(1 + f), f = m - 1, which is exact.
"""

import math
from typing import NamedTuple

from jax import lax

from entropyjax.solve.native.functions.bits import (
    Bits,
    Number,
    choose,
    format_of,
    from_bits,
    polynomial,
    shift_right,
    to_bits,
)

# P with log(1 + f) = f - f^2 / 2 + f^3 P(f): table "logarithm_series" of scripts/functions/coefficients.py.
_SERIES = (
    0.33333313,
    -0.2500001,
    0.20002072,
    -0.1666799,
    0.14220364,
    -0.12406213,
    0.11883457,
    -0.11670127,
    0.067494996,
)
# R with log((1 + s) / (1 - s)) = s (2 + z R(z)), z = s^2: table "logarithm_ratio".
_RATIO = (
    0.6666666666666734,
    0.3999999999941649,
    0.2857142874208066,
    0.2222219859831384,
    0.18183563256706953,
    0.15314073281025437,
    0.14795759479868917,
)
_LOWEST = {"float32": 0x3F3504F3, "float64": 0x3FE6A09E667F3BCD}
"""Bit patterns of the square root of 1/2, where the range of m begins."""


class Parts(NamedTuple):
    """A positive number as 2^exponent significand; `field` is the exponent with its bias, at its place."""

    exponent: Number
    significand: Number
    field: Bits


def normal_parts(pattern: Bits, extra: Number | float = 0.0) -> Parts:
    """Return the parts of 2^-extra times the positive normal number of this pattern."""
    form = format_of(from_bits(pattern))
    lowest = _LOWEST[form.name]
    raised = pattern + (form.one - lowest)
    # The field as a number without a conversion: as the fraction of a number whose unit in the last place is 1.
    exponent = from_bits(shift_right(raised, form.mantissa) | form.units) - (extra + (2.0**form.mantissa + form.bias))
    return Parts(exponent, from_bits((raised & form.fraction) + lowest), raised & ~form.fraction)


def normalised(size: Bits) -> tuple[Number, Number]:
    """Return v and e with |x| = v 2^-e of the pattern of |x|: v is 0 or normal where |x| may be subnormal.

    Without arithmetic on x, which may be flushed to 0. For the same reason 0 is to be told by v: compilers take
    a test of the pattern for one of x.
    """
    form = format_of(from_bits(size))
    small = size <= form.fraction
    # A subnormal number is an integer times the smallest one.
    integer = from_bits(size | form.units) - 2.0**form.mantissa
    extra = choose(small, lax.full_like(integer, form.bias + form.mantissa - 1.0), 0.0)
    return choose(small, integer, from_bits(size)), extra


def log(x: Number) -> Number:
    """Return the natural logarithm of `x`."""
    pattern = to_bits(x)
    size, extra = normalised(pattern & ~format_of(x).sign)
    exponent, significand, _ = normal_parts(to_bits(size), extra)
    value = log_of_parts(significand - 1.0, exponent)
    value = choose(x < math.inf, value, x)
    value = choose(pattern < 0, math.nan, value)
    return choose(size == 0.0, -math.inf, value)


def log1p(x: Number) -> Number:
    """Return log(1 + x), of 1 + x = 2^k (1 + f) with f = x 2^-k + (2^-k - 1), rounded once."""
    form = format_of(x)
    whole = 1.0 + x
    exponent, _, field = normal_parts(to_bits(whole))
    # 2^(1 - k), which is a normal number, or 0 for the largest k, where it does not count.
    twice = from_bits(form.infinity - field)
    shifted = from_bits(to_bits(x) - (field - form.one))
    value = log_of_parts(shifted + (0.5 * twice - 1.0), exponent)
    value = choose(x < math.inf, value, x)
    value = choose(x < -1.0, math.nan, value)
    value = choose(x == -1.0, -math.inf, value)
    return choose(whole == 1.0, x, value)


def log_of_parts(f: Number, k: Number) -> Number:
    """Return k ln 2 + log(1 + f)."""
    form = format_of(f)
    high, low = form.log_2
    square = f * f
    if form.name == "float32":
        correction = (f * square) * polynomial(f, _SERIES) + k * low - 0.5 * square
    else:
        # log(1 + f) = f - f^2 / 2 + s (f^2 / 2 + z R), s = f / (2 + f): fdlibm's form, by K. C. Ng, 1993.
        s = f / (2.0 + f)
        z = s * s
        half = 0.5 * square
        correction = (s * (half + z * polynomial(z, _RATIO)) + k * low) - half
    return k * high + (f + correction)
