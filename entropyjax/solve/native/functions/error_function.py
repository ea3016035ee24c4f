"""The error function, its complement and its inverse.

erf is x times a polynomial in x^2 up to 1, and 1 - erfc beyond. erfc is e^(-x^2), with x^2 as a sum of two
numbers, times a polynomial in (x - 3) / (x + 3), after M. M. Shepherd and J. G. Laframboise, "Chebyshev
approximation of (1 + 2x) exp(x^2) erfc x in 0 <= x < oo", Math. Comp. 36 (1981). The inverse is x times a
function of w = -log(1 - x^2), after M. Giles, "Approximating the erfinv function", GPU Computing Gems (2011).
"""

import math

from jax import lax

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
from entropyjax.solve.native.functions.logarithm import log_of_parts, normal_parts

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
# J with erf_inv x = x J(w - centre): table "inverse_near".
_INVERSE_NEAR = {
    "float32": (
        1.5014094,
        0.24664028,
        -0.004177669,
        -0.0012527555,
        0.00021857818,
        -4.943531e-06,
        -3.5239423e-06,
        4.599546e-07,
        2.8213512e-08,
        -8.236637e-09,
    ),
    "float64": (
        1.772143867272797,
        0.23365780181991685,
        -0.006882992431001655,
        -0.00040448306491391297,
        0.00014862002160095813,
        -1.5983727037476537e-05,
        -1.1710677801399234e-07,
        2.8458123984032214e-07,
        -3.71690129997187e-08,
        1.5201152692183746e-10,
        6.25313551027871e-10,
        -8.694985253887357e-11,
        7.123278689220357e-13,
        1.4393523354172508e-12,
        -2.0629483444317678e-13,
        2.181298974360797e-15,
        3.3984205243316857e-15,
        -5.03304128626071e-16,
        6.151076480331234e-18,
        8.806968305847814e-18,
        -1.2537856361647995e-18,
        -2.4541428953716425e-20,
        2.37659360239075e-20,
        -1.4010194604124837e-21,
        -1.7733000228297725e-22,
        1.7828644168690407e-23,
    ),
}
# K with erf_inv x = x K(sqrt(w) - centre): table "inverse_far".
_INVERSE_FAR = {
    "float32": (
        2.9583201,
        1.0037187,
        0.007048833,
        -0.005301344,
        0.003782825,
        -0.0025199489,
        0.0013084672,
        -0.00032456577,
        -0.00017240204,
        0.00012989866,
    ),
    "float64": (
        4.218480707652916,
        1.0101295523879752,
        0.0005034976081686112,
        -0.0005110908203374185,
        0.0001764568693864662,
        -5.073378617632334e-05,
        1.5140502703290469e-05,
        -5.886520463382708e-06,
        3.088467038483408e-06,
        -1.7482928245708564e-06,
        8.859327935101157e-07,
        -3.613994971619239e-07,
        1.0269499813940278e-07,
        -8.549134255818302e-09,
        -1.0745765095108453e-08,
        7.56233565401834e-09,
        -2.6158951211574356e-09,
        3.7669433980231383e-10,
        8.851100133152811e-11,
        -8.159096513884521e-11,
        4.151356808191061e-11,
        -9.454415430746735e-12,
        -3.127974023509523e-12,
        1.7524862575236517e-12,
        4.204336095459782e-15,
        -7.053293692454048e-14,
    ),
}
_QUARTER = 0.8
"""Where erfc is 1/4, just before: until there its complement loses no more than a bit."""
_LAST = {"float32": 10.2, "float64": 27.4}
"""From here on erfc is 0."""
_CUT = {"float32": 5.0, "float64": 7.25}
_CENTRES = {"float32": (2.5, 3.125), "float64": (3.625, 4.375)}
"""Of the tables of erf_inv: the w at which one follows the other, and their centres."""


def erf(x: Number) -> Number:
    """Return 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to `x`."""
    size = abs(x)
    return choose(size < 1.0, _erf_near(x), with_sign(1.0 - _erfc_tail(size), x))


def erfc(x: Number) -> Number:
    """Return 1 - erf(x), with full relative accuracy in its tail."""
    tail = _erfc_tail(abs(x))
    return choose(abs(x) < _QUARTER, 1.0 - _erf_near(x), choose(x < 0.0, 2.0 - tail, tail))


def erf_inv(x: Number) -> Number:
    """Return the number whose erf is `x`: infinite at -1 and 1, NaN beyond."""
    name = format_of(x).name
    size = abs(x)
    exponent, significand, _ = normal_parts(to_bits((1.0 - size) * (1.0 + size)))
    w = -log_of_parts(significand - 1.0, exponent)
    near = w < _CUT[name]
    first, second = _CENTRES[name]
    coefficients = [
        choose(near, lax.full_like(x, a), b) for a, b in zip(_INVERSE_NEAR[name], _INVERSE_FAR[name], strict=True)
    ]
    value = x * polynomial(choose(near, w - first, lax.sqrt(w) - second), coefficients)
    edge = with_sign(choose(size == 1.0, lax.full_like(x, math.inf), math.nan), x)
    return choose(size < 1.0, value, edge)


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
