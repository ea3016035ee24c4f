"""Exponentials and logarithms of float32 by AVX-512.

What is saved against `functions` is the work on bit patterns, and what the range of an argument or a neighbouring
function makes needless: `direct` finds where. Subnormal arguments count as zero, as everywhere in a kernel. Errors in
units in the last place, measured at 22 million arguments (the larger of those at 16 and 64 lanes): exp and exp_minus
1.1, log and log1p 0.9, reciprocal 0.6, exp2 2.1, log1p_unit 2.2, logistic 2.9, logistic2_minus 3.1, log2 3.3. So
e^(a log x) errs by 2.1, and its logistic by 3.2, plus up to 3.3 for each unit of |a log2 x|.
"""

from collections.abc import Callable

import numpy as np

from entropyjax.entropy.logarithm import UNIT_SERIES
from entropyjax.solve.native.avx512 import Avx512
from entropyjax.solve.native.functions import exponential
from entropyjax.solve.native.functions.bits import format_of

_HIGH, _LOW = format_of(np.zeros((), np.float32)).log_2  # type: ignore[arg-type]

# Tables of scripts/functions/coefficients.py: P with log(1 + f) = f - f^2 / 2 + f^3 P(f), "logarithm_wide";
_SERIES = (
    0.3333334,
    -0.25000164,
    0.19999577,
    -0.16655324,
    0.14276832,
    -0.1272827,
    0.116967216,
    -0.09107071,
    0.037616238,
)
# B with log2(1 + f) = f B(f), "logarithm_binary";
_BINARY = (
    1.442695,
    -0.72134835,
    0.48090297,
    -0.360584,
    0.28817904,
    -0.242587,
    0.21627924,
    -0.17488667,
    0.078857064,
)
# and 2^f for f in [0, 1], "power_of_two".
_POWER = (1.0, 0.69314706, 0.24022909, 0.055486184, 0.009673775, 0.0012482289, 0.00021565972)

Writer = Callable[[Avx512, str], str]


def reciprocal(on: Avx512, x: str) -> str:
    """Return 1/x by an estimate and one Newton step: error below 1.5 units in the last place.

    The step would make NaN of the estimates of 1/0 and 1/inf, which are exact: these stay.
    """
    guess = on.reciprocal_estimate(x)
    rest = on.fma(on.minus(x), guess, on.constant(1.0))
    return on.where(on.op("fcmp ord", rest, rest), on.fma(guess, rest, guess), guess)


def reciprocal_inside(on: Avx512, x: str) -> str:
    """Return 1/x of a normal number whose reciprocal is normal or counts as 0."""
    guess = on.reciprocal_estimate(x)
    return on.fma(guess, on.fma(on.minus(x), guess, on.constant(1.0)), guess)


def exp(on: Avx512, x: str) -> str:
    """Return e^x."""
    return _exp_within(on, on.bounded(x, -104.0, 89.0))


def exp_minus(on: Avx512, x: str) -> str:
    """Return e^-x for x >= 0."""
    x = on.bounded(x, None, 104.0)
    n = on.call("roundeven", on.op("fmul", x, on.constant(-np.log2(np.e))))
    return _exp_of_parts(on, n, on.fma(n, on.constant(-_HIGH), on.minus(x)))


def _exp_within(on: Avx512, x: str) -> str:
    """Return 2^n e^r, n = round(x / ln 2), r = x - n ln 2; scaling takes care of the ends of the range."""
    n = on.call("roundeven", on.op("fmul", x, on.constant(np.log2(np.e))))
    return _exp_of_parts(on, n, on.fma(n, on.constant(-_HIGH), x))


def _exp_of_parts(on: Avx512, n: str, r: str) -> str:
    """Return 2^n e^(r - n _LOW)."""
    r = on.fma(n, on.constant(-_LOW), r)
    square = on.op("fmul", r, r)
    rest = on.fma(square, on.polynomial(r, exponential._Q["float32"]), r)
    return on.scaled(on.op("fadd", rest, on.constant(1.0)), n)


def exp2(on: Avx512, x: str) -> str:
    """Return 2^x."""
    return on.scaled(on.polynomial(on.fraction(x), _POWER), x)


def logistic(on: Avx512, x: str) -> str:
    """Return q = 1 / (1 + e^-|x|), and e^-|x| q for x < 0."""
    t = exp_minus(on, on.call("fabs", x))
    q = reciprocal_inside(on, on.op("fadd", t, on.constant(1.0)))
    return on.where(on.op("fcmp olt", x, on.constant(0.0)), on.op("fmul", t, q), q)


def logistic2_minus(on: Avx512, x: str) -> str:
    """Return 1 / (1 + 2^x); 0 where that is below the normal numbers."""
    # The reciprocal of 2^127 counts as 0; that of infinity would be NaN after a Newton step.
    power = exp2(on, on.bounded(x, None, 127.0))
    return reciprocal_inside(on, on.op("fadd", power, on.constant(1.0)))


def _split(on: Avx512, x: str) -> tuple[str, str]:
    """Return k and f = m - 1 with x = 2^k m; f is NaN for x < 0, and k is -inf for 0 and inf for inf."""
    m = on.significand(x)
    return on.op("fsub", on.exponent(x), on.exponent(m)), on.op("fadd", m, on.constant(-1.0))


def _log_of_parts(on: Avx512, f: str, k: str) -> str:
    """Return k ln 2 + log(1 + f)."""
    square = on.op("fmul", f, f)
    cubed = on.op("fmul", f, square)
    tail = on.fma(k, on.constant(_LOW), on.op("fmul", square, on.constant(-0.5)))
    tail = on.fma(cubed, on.polynomial(f, _SERIES), tail)
    return on.fma(k, on.constant(_HIGH), on.op("fadd", f, tail))


def log(on: Avx512, x: str) -> str:
    """Return the natural logarithm."""
    k, f = _split(on, x)
    return _log_of_parts(on, f, k)


def log2(on: Avx512, x: str) -> str:
    """Return the logarithm to base 2."""
    k, f = _split(on, x)
    return on.fma(f, on.polynomial(f, _BINARY), k)


def log1p(on: Avx512, x: str) -> str:
    """Return log(1 + x), of 1 + x = 2^k (1 + f) with f = x 2^-k + (2^-k - 1), rounded once."""
    k, f = _split(on, on.op("fadd", x, on.constant(1.0)))
    scale = on.scaled(on.constant(1.0), on.minus(k))
    # Where 2^-k is no normal number the 1 is lost anyway; an infinite k belongs to 1 + x = 0 or infinity.
    usual = on.op("fcmp olt", on.call("fabs", k), on.constant(126.0))
    f = on.where(usual, on.fma(x, scale, on.op("fadd", scale, on.constant(-1.0))), f)
    return _log_of_parts(on, f, k)


def log1p_unit(on: Avx512, x: str) -> str:
    """Return log(1 + x) for x in [0, 1]."""
    return on.fma(on.op("fmul", x, x), on.polynomial(x, UNIT_SERIES), x)


WRITERS: dict[str, Writer] = {
    "exp": exp,
    "exp_minus": exp_minus,
    "exp2": exp2,
    "log": log,
    "log1p": log1p,
    "log1p_unit": log1p_unit,
    "log2": log2,
    "logistic": logistic,
    "logistic2_minus": logistic2_minus,
}
"""What writes each function: takes an argument's name, returns the value's."""
