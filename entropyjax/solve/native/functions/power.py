"""The power x^y = e^(y log x), with log x and its product with y as sums of two numbers.

An error of the exponent is multiplied by up to |y log x| = 745, so one number does not carry enough of it.
Sums of two are formed as in T. J. Dekker, "A floating-point technique for extending the available
precision", Numer. Math. 18 (1971): halves of significands have exact products. The logarithm follows
log m = 2/3 s (3 + s^2 + s^4 W(s^2)), s = (m - 1) / (m + 1), in which 3 + s^2 is known exactly.
"""

import math

import jax.numpy as jnp
from jax import lax

from entropyjax.solve.native.functions.bits import (
    Number,
    at_least,
    at_most,
    choose,
    format_of,
    polynomial,
    to_bits,
    upper_half,
)
from entropyjax.solve.native.functions.exponential import exp_of_sum
from entropyjax.solve.native.functions.logarithm import normal_parts, normalised

# W: table "logarithm_tail" of scripts/functions/coefficients.py.
_TAIL = {
    "float32": (0.6000023, 0.42820635, 0.35129464),
    "float64": (
        0.5999999999999996,
        0.428571428571688,
        0.33333333326029424,
        0.27272728339213537,
        0.230768330069467,
        0.20004564505365308,
        0.17510435683107342,
        0.17998428518149698,
    ),
}
# 2/3 as half a significand and a rest: "2/3" of the script.
_TWO_THIRDS = {
    "float32": (0.66674805, -8.138021e-05),
    "float64": (0.6666666716337204, -4.967053731282552e-09),
}


def pow(x: Number, y: Number) -> Number:
    """Return x^y; exceptional values are those of C99."""
    form = format_of(x)
    pattern = to_bits(abs(x))
    size, extra = normalised(pattern)
    exponent, significand, _ = normal_parts(to_bits(size), extra)
    high, low = _logarithm(significand, exponent)
    # Beyond this bound any x but 1 gives 0 or infinity, and products stay finite.
    bound = 2.0 ** (form.mantissa + 13)
    limited = at_most(at_least(y, -bound), bound)
    upper = upper_half(limited)
    product, rest = upper * high, (limited - upper) * high + limited * low
    total = product + rest
    rest = choose(abs(total) < 2.0 * form.bias, (product - total) + rest, 0.0)
    magnitude = exp_of_sum(total, rest)
    grows = (abs(x) > 1.0) != (y < 0.0)
    endless = (size == 0.0) | (size == math.inf) | (abs(y) == math.inf)
    magnitude = choose(endless, choose(grows, lax.full_like(x, math.inf), 0.0), magnitude)
    magnitude = choose(pattern == form.one, 1.0, magnitude)
    return _exceptions(x, y, magnitude)


def _logarithm(m: Number, k: Number) -> tuple[Number, Number]:
    """Return k ln 2 + log m as half a significand and a rest."""
    form = format_of(m)
    f = m - 1.0
    total = m + 1.0
    reciprocal = 1.0 / total
    s = f * reciprocal
    s_high, total_high = upper_half(s), upper_half(total)
    # f - s_high (m + 1), of which each step but the last is exact.
    s_low = ((f - s_high * total_high) - s_high * (m - (total_high - 1.0))) * reciprocal
    z = s * s
    square = s_high * s_high
    tail = (z * z) * polynomial(z, _TAIL[form.name]) + s_low * (s_high + s)
    sum_high = upper_half((3.0 + square) + tail)
    sum_low = tail - ((sum_high - 3.0) - square)
    product, rest = s_high * sum_high, s_low * sum_high + s * sum_low
    high = upper_half(product + rest)
    low = rest - (high - product)
    third_high, third_low = _TWO_THIRDS[form.name]
    a, b = third_high * high, third_low * high + (third_high + third_low) * low
    log_high, log_low = form.log_2
    b = b + k * log_low
    whole = k * log_high
    high = upper_half((a + b) + whole)
    return high, b - ((high - whole) - a)


def _exceptions(x: Number, y: Number, magnitude: Number) -> Number:
    """Return the power from that of |x|: its sign, and what is not a number or 1."""
    whole = jnp.floor(y) == y
    half = 0.5 * y
    odd = whole & (jnp.floor(half) != half)
    negative = to_bits(x) < 0
    value = choose(negative & odd, -magnitude, magnitude)
    value = choose((x < 0.0) & ~whole & (x > -math.inf), math.nan, value)
    value = choose(jnp.isnan(x) | jnp.isnan(y), x + y, value)
    return choose((x == 1.0) | (y == 0.0), 1.0, value)
