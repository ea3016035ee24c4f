"""The error function and its complement.

erf is x times a polynomial in x^2 up to 1, and 1 - erfc beyond. erfc is e^(-x^2), with x^2 as a sum of two
numbers, times a polynomial in (x - 3) / (x + 3), after M. M. Shepherd and J. G. Laframboise, "Chebyshev
approximation of (1 + 2x) exp(x^2) erfc x in 0 <= x < oo", Math. Comp. 36 (1981).
"""

import math

from entropyjax.solve.native.functions.bits import (
    Number,
    at_most,
    choose,
    format_of,
    from_bits,
    polynomial,
    to_bits,
    upper_half,
    with_sign,
)
from entropyjax.solve.native.functions.exponential import exp_of_sum

# N with erf x = x + x N(x^2), up to 1: table "error_near" of scripts/functions/coefficients.py.
_NEAR = {
    "float32": (0.12837917, -0.37612626, 0.11283579, -0.026853347, 0.005187162, -0.0007997853, 7.806903e-05),
    "float64": (
        0.12837916709551256,
        -0.37612638903183343,
        0.11283791670936942,
        -0.026866170641955726,
        0.005223977596683801,
        -0.0008548325480938388,
        0.00012055280313981941,
        -1.4924460653738409e-05,
        1.6444066985403874e-06,
        -1.618315416911848e-07,
        1.361211936623041e-08,
        -7.597302003352705e-10,
    ),
}
# F with erfc x = e^(-x^2) F((x - 3) / (x + 3)) / (x + 3), from _QUARTER on: table "error_tail".
_TAIL = {
    "float32": (
        1.0740069,
        -0.8833944,
        0.5902279,
        -0.31046957,
        0.11953413,
        -0.026792778,
        -0.0012518264,
        0.0028629778,
        -0.00043968542,
    ),
    "float64": (
        1.0740069070883398,
        -0.8833944531698837,
        0.5902283571040658,
        -0.3104672619005262,
        0.11952776128968416,
        -0.02682723462745984,
        -0.0012124166880372628,
        0.003034062085507034,
        -0.000548308927749592,
        -0.0002767790359734466,
        0.00010755623006680567,
        3.0407511213298803e-05,
        -1.745042083212259e-05,
        -4.7919203072321115e-06,
        2.7263181350205497e-06,
        1.1110472018798204e-06,
        -3.885749488278636e-07,
        -3.8895769680451445e-07,
        9.461512018823191e-08,
        1.3428294688643652e-07,
        -5.987208356491547e-08,
    ),
}
_QUARTER = 0.8
"""Where erfc is 1/4, just before: until there its complement loses no more than a bit."""
_LAST = {"float32": 10.2, "float64": 27.4}
"""From here on erfc is 0."""


def erf(x: Number) -> Number:
    """Return 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to `x`."""
    size = abs(x)
    return choose(size < 1.0, _erf_near(x), with_sign(1.0 - _erfc_tail(size), x))


def erfc(x: Number) -> Number:
    """Return 1 - erf(x), with full relative accuracy in its tail."""
    tail = _erfc_tail(abs(x))
    return choose(abs(x) < _QUARTER, 1.0 - _erf_near(x), choose(x < 0.0, 2.0 - tail, tail))


def _erf_near(x: Number) -> Number:
    return x + x * polynomial(x * x, _NEAR[format_of(x).name])


def _erfc_tail(x: Number) -> Number:
    """Return erfc(x) for x from where it is 1/4 on."""
    name = format_of(x).name
    x = at_most(x, _LAST[name])
    # Without its last bits x + 3 and x - 3 are exact; the derivative -2 / sqrt(pi) e^(-x^2) makes up for them.
    cut = from_bits(to_bits(x) & -16)
    reciprocal = 1.0 / (cut + 3.0)
    factor = polynomial((cut - 3.0) * reciprocal, _TAIL[name]) * reciprocal - (2.0 / math.sqrt(math.pi)) * (x - cut)
    # -cut^2 = product + rest, the product being exact.
    upper = upper_half(cut)
    product, rest = -(upper * upper), -((cut - upper) * (cut + upper))
    total = product + rest
    return exp_of_sum(total, (product - total) + rest) * factor
