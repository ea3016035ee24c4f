"""Exponential functions: exp, exp2, expm1, logistic, tanh.

With n = round(x / ln 2) and r = x - n ln 2, |r| <= 0.35, exp(x) = 2^n exp(r); ln 2 is the sum of a short
number, whose product with n is exact, and a rest (Cody and Waite, "Software Manual for the Elementary
Functions", 1980).
"""

import math

from entropyjax.solve.native.functions.bits import (
    Number,
    at_least,
    at_most,
    choose,
    format_of,
    from_bits,
    integer_field,
    nearest,
    polynomial,
    shift_left,
    shift_right,
    with_sign,
)

# Q with exp(r) = 1 + r + r^2 Q(r): table "exponential" of scripts/functions/coefficients.py.
_Q = {
    "float32": (0.49999997, 0.16666546, 0.041667443, 0.008366258, 0.0013869777),
    "float64": (
        0.5000000000000006,
        0.1666666666666665,
        0.04166666666657631,
        0.00833333333336044,
        0.001388888893137289,
        0.0001984126976941809,
        2.480150563289094e-05,
        2.7557370298490816e-06,
        2.7625878935376703e-07,
        2.50637635277986e-08,
    ),
}
# T with tanh(x) = x + x^3 T(x^2) for |x| <= 0.55: table "tangent".
_TANGENT = {
    "float32": (-0.33333316, 0.13332544, -0.053847548, 0.021050714, -0.0062428494),
    "float64": (
        -0.33333333333332316,
        0.13333333333168934,
        -0.05396825387616513,
        0.021869485976490893,
        -0.008863194523478933,
        0.00359171983470889,
        -0.0014532173632576736,
        0.0005791386474878453,
        -0.00021030484370893485,
        5.102304168446377e-05,
    ),
}
# Beyond these exp is 0 or infinite in the nearest rounding, and n stays small enough for two factors of 2^n.
_RANGE = {"float32": (-104.0, 89.0), "float64": (-746.0, 710.0)}


def _reduced(x: Number) -> tuple[Number, Number, Number]:
    """Return n and two numbers whose difference is r; the first is exact, the second tiny."""
    high, low = format_of(x).log_2
    n = nearest(x * math.log2(math.e))
    return n, x - n * high, n * low


def _beyond_first(r: Number) -> Number:
    """Return exp(r) - 1 - r."""
    return (r * r) * polynomial(r, _Q[format_of(r).name])


def _halves(n: Number) -> tuple[Number, Number]:
    """Return two powers of two whose product is 2^n, which may itself be out of range."""
    form = format_of(n)
    field = integer_field(n, 2 * form.bias)
    first = shift_right(field, 1)
    return from_bits(shift_left(first, form.mantissa)), from_bits(shift_left(field - first, form.mantissa))


def exp(x: Number) -> Number:
    """Return e^x."""
    return exp_of_sum(x, None)


def exp_of_sum(x: Number, rest: Number | None) -> Number:
    """Return e^(x + rest) for a tiny rest, which must be finite."""
    low, high = _RANGE[format_of(x).name]
    n, r, excess = _reduced(at_most(at_least(x, low), high))
    if rest is not None:
        excess = excess - rest
    first, second = _halves(n)
    return (1.0 + (r + (_beyond_first(r - excess) - excess))) * first * second


def exp2(x: Number) -> Number:
    """Return 2^x."""
    form = format_of(x)
    x = at_most(at_least(x, -(form.bias + form.mantissa + 1.0)), form.bias + 1.0)
    n = nearest(x)
    r = (x - n) * math.log(2.0)
    first, second = _halves(n)
    return (1.0 + (r + _beyond_first(r))) * first * second


def expm1(x: Number) -> Number:
    """Return e^x - 1 as 2 (t r + (t - 1/2) + t (e^r - 1 - r)), t = 2^(n - 1), the first sum being almost exact."""
    form = format_of(x)
    _, high = _RANGE[form.name]
    n, r, excess = _reduced(at_most(at_least(x, -1.0 - form.mantissa), high))
    t = from_bits(shift_left(integer_field(n, form.bias - 1), form.mantissa))
    value = 2.0 * ((t * r + (t - 0.5)) + t * (_beyond_first(r - excess) - excess))
    # The rest keeps the sign of 0, and numbers below the normal ones where arithmetic flushes them.
    return choose(abs(x) < 2.0 ** -(form.mantissa + 2), x, value)


def logistic(x: Number) -> Number:
    """Return 1 / (1 + e^-x) as q = 1 / (1 + t + t u), and for x < 0 as e^x q = t (q + q u), with t (1 + u) = e^-|x|."""
    low, _ = _RANGE[format_of(x).name]
    n, r, excess = _reduced(at_least(-abs(x), low))
    u = r + (_beyond_first(r - excess) - excess)
    first, second = _halves(n)
    t = first * second
    base, part = 1.0 + t, t * u
    total = base + part
    q = 1.0 / total
    # What rounding took from the denominator, to first order; without it the error may pass 2 ulp.
    lost = (base - total) + part
    below = choose(t < 1.0, (q + q * (u - lost)) * first * second, 1.0 - q)
    return choose(x < 0.0, below, q)


def tanh(x: Number) -> Number:
    """Return tanh x: an odd polynomial up to 1/2, then 1 - 2 / (e^2|x| + 1)."""
    form = format_of(x)
    size = abs(x)
    square = size * size
    near = size + (size * square) * polynomial(square, _TANGENT[form.name])
    n, r, excess = _reduced(2.0 * at_most(size, 0.4 * form.mantissa))
    t = from_bits(shift_left(integer_field(n, form.bias), form.mantissa))
    power = t + t * (r + (_beyond_first(r - excess) - excess))
    far = 1.0 - 2.0 / (power + 1.0)
    return with_sign(choose(size < 0.5493, near, far), x)
