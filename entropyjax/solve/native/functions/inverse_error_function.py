"""The inverse of the error function.

It is x times a function of w = -log(1 - x^2), or of its root where x is near 1, after M. Giles, "Approximating
the erfinv function", GPU Computing Gems (2011). (1 - x) (1 + x) loses nothing of 1 - x^2 there.
"""

import math

from jax import lax

from entropyjax.solve.native.functions.bits import Number, choose, format_of, polynomial, to_bits, with_sign
from entropyjax.solve.native.functions.logarithm import log_of_parts, normal_parts

# J with erf_inv x = x J(w - centre): table "inverse_near" of scripts/functions/coefficients.py.
_NEAR = {
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
_FAR = {
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
_CUT = {"float32": 5.0, "float64": 7.25}
_CENTRES = {"float32": (2.5, 3.125), "float64": (3.625, 4.375)}
"""The w at which one table follows the other, and their centres."""


def erf_inv(x: Number) -> Number:
    """Return the number whose erf is `x`: infinite at -1 and 1, NaN beyond."""
    name = format_of(x).name
    size = abs(x)
    exponent, significand, _ = normal_parts(to_bits((1.0 - size) * (1.0 + size)))
    w = -log_of_parts(significand - 1.0, exponent)
    near = w < _CUT[name]
    first, second = _CENTRES[name]
    coefficients = [choose(near, lax.full_like(x, a), b) for a, b in zip(_NEAR[name], _FAR[name], strict=True)]
    value = x * polynomial(choose(near, w - first, lax.sqrt(w) - second), coefficients)
    edge = choose(size == 1.0, lax.full_like(x, math.inf), math.nan)
    return choose(size < 1.0, value, with_sign(edge, x))
