"""Sine and cosine of |x| = k pi/2 + r, |r| <= pi/4, after Cody and Waite.

pi/2 is a sum of short numbers, whose products with k are exact up to k = 2^13 in float32 and 2^20 in float64:
|x| = 12800 and 1.6e6. Farther out the value is that of an argument within one unit in the last place of x. From
|x| = 2^22 in float32 and 2^51 in float64 on it is NaN, where XLA still has a value.
"""

import math

from entropyjax.solve.native.functions.bits import (
    Number,
    choose,
    format_of,
    from_bits,
    integer_field,
    nearest,
    polynomial,
    shift_left,
    shift_right,
    to_bits,
)

# pi/2 in parts: "pi/2" of scripts/functions/coefficients.py.
_QUARTER_TURN = {
    "float32": (1.5703125, 0.0004837513, 7.5495336e-08, 2.563344e-12),
    "float64": (1.5707963267341256, 6.077100506303966e-11, 2.0222662487959506e-21),
}
# S with sin r = r + r^3 S(r^2): table "sine" of scripts/functions/coefficients.py.
_SINE = {
    "float32": (-0.16666655, 0.008332189, -0.00019518286),
    "float64": (
        -0.1666666666666663,
        0.00833333333332184,
        -0.00019841269829358457,
        2.755731353849768e-06,
        -2.5050734389904534e-08,
        1.5895433529137526e-10,
    ),
}
# C with cos r = 1 - r^2 / 2 + r^4 C(r^2): table "cosine".
_COSINE = {
    "float32": (0.041666646, -0.001388731, 2.4432327e-05),
    "float64": (
        0.041666666666666595,
        -0.0013888888888873338,
        2.4801587288997526e-05,
        -2.7557314215332746e-07,
        2.0875705123035248e-09,
        -1.1358733387675556e-11,
    ),
}


def sin(x: Number) -> Number:
    """Return the sine of `x`, in radians."""
    return from_bits(to_bits(_wave(abs(x), 0)) ^ (to_bits(x) & format_of(x).sign))


def cos(x: Number) -> Number:
    """Return the cosine of `x`, in radians: the sine a quarter turn on."""
    return _wave(abs(x), 1)


def _wave(size: Number, quarters: int) -> Number:
    """Return sin(size + quarters pi/2) for size >= 0."""
    form = format_of(size)
    k = nearest(size * (2.0 / math.pi))
    *exact, middle, last = _QUARTER_TURN[form.name]
    x = size
    for part in exact:
        x = x - k * part
    near = x - k * middle
    low = k * last - ((x - near) - k * middle)
    r = near - low
    square = r * r
    odd = near + ((r * square) * polynomial(square, _SINE[form.name]) - low)
    even = 1.0 - (0.5 * square - (square * square) * polynomial(square, _COSINE[form.name]))
    turned = integer_field(k, quarters)
    value = choose((turned & 1) == 0, odd, even)
    # Its second bit becomes the sign.
    value = from_bits(to_bits(value) ^ shift_left(shift_right(turned, 1), 8 * x.dtype.itemsize - 1))
    return choose(size < 2.0 ** (form.mantissa - 1), value, math.nan)
