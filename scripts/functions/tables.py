"""What the polynomials of entropyjax/solve/native approximate, where, and with how many terms."""

from collections.abc import Callable
from typing import NamedTuple

import mpmath
from mpmath import mp, mpf
from remez import Function

WIDER = mpf("1.0001")  # a reduced argument leaves its interval by rounding


class Table(NamedTuple):
    """A polynomial of `count` terms for `target`; weight times its error is relative to the function's value."""

    target: Function
    weight: Function
    interval: tuple[mpf, mpf]
    count: int


def exponential(dtype: str) -> Table:
    """Q with exp(r) = 1 + r + r^2 Q(r), relative to expm1(r), which is stricter than to exp(r)."""
    end = WIDER * mpmath.log(2) / 2
    return Table(
        lambda r: (mpmath.expm1(r) - r) / r**2,
        lambda r: r**2 / mpmath.expm1(r),
        (-end, end),
        {"float32": 5, "float64": 10}[dtype],
    )


def tangent(dtype: str) -> Table:
    """T with tanh(x) = x + x^3 T(x^2), up to tanh(x) = 1/2."""
    return Table(
        lambda z: (mpmath.tanh(mpmath.sqrt(z)) / mpmath.sqrt(z) - 1) / z,
        lambda z: z ** (mpf(3) / 2) / mpmath.tanh(mpmath.sqrt(z)),
        (mpf(0), mpf("0.55") ** 2),
        {"float32": 5, "float64": 10}[dtype],
    )


def logarithm_series(dtype: str) -> Table:
    """P with log(1 + f) = f - f^2 / 2 + f^3 P(f)."""
    return Table(
        lambda f: (mpmath.log1p(f) - f + f**2 / 2) / f**3,
        lambda f: f**3 / mpmath.log1p(f),
        (mpmath.sqrt(mpf(1) / 2) - 1, mpmath.sqrt(2) - 1),
        {"float32": 9}[dtype],
    )


# What is left of an argument where a significand is taken from [3/4, 3/2).
SIGNIFICAND = (mpf(-1) / 4, mpf(1) / 2)


def logarithm_wide(dtype: str) -> Table:
    """P with log(1 + f) = f - f^2 / 2 + f^3 P(f), for f in [-1/4, 1/2]."""
    return Table(
        lambda f: (mpmath.log1p(f) - f + f**2 / 2) / f**3,
        lambda f: f**3 / mpmath.log1p(f),
        SIGNIFICAND,
        {"float32": 9}[dtype],
    )


def logarithm_binary(dtype: str) -> Table:
    """B with log2(1 + f) = f B(f), for f in [-1/4, 1/2]."""
    return Table(
        lambda f: mpmath.log1p(f) / f / mpmath.log(2),
        lambda f: f / mpmath.log1p(f) * mpmath.log(2),
        SIGNIFICAND,
        {"float32": 9}[dtype],
    )


def logarithm_unit(dtype: str) -> Table:
    """U with log(1 + u) = u + u^2 U(u), for u in [0, 1]."""
    return Table(
        lambda u: (mpmath.log1p(u) - u) / u**2,
        lambda u: u**2 / mpmath.log1p(u),
        (mpf(0), mpf(1)),
        {"float32": 8}[dtype],
    )


def power_of_two(dtype: str) -> Table:
    """2^f for f in [0, 1]."""
    return Table(lambda f: mpf(2) ** f, lambda f: mpf(2) ** -f, (mpf(0), mpf(1)), {"float32": 7}[dtype])


def _largest_ratio() -> mpf:
    """The largest s^2 for s = (m - 1) / (m + 1), 1/2 <= m^2 <= 2."""
    return WIDER * ((mpmath.sqrt(2) - 1) / (mpmath.sqrt(2) + 1)) ** 2


def _atanh_over(z: mpf) -> mpf:
    return mpmath.atanh(mpmath.sqrt(z)) / mpmath.sqrt(z)


def logarithm_ratio(dtype: str) -> Table:
    """R with log((1 + s) / (1 - s)) = s (2 + z R(z)), z = s^2."""
    return Table(
        lambda z: (2 * _atanh_over(z) - 2) / z,
        lambda z: z / 2,
        (mpf(0), _largest_ratio()),
        {"float64": 7}[dtype],
    )


def logarithm_tail(dtype: str) -> Table:
    """W with log((1 + s) / (1 - s)) = 2/3 s (3 + z + z^2 W(z)), z = s^2."""
    return Table(
        lambda z: (3 * _atanh_over(z) - 3 - z) / z**2,
        lambda z: z**2 / 3,
        (mpf(0), _largest_ratio()),
        {"float32": 3, "float64": 8}[dtype],
    )


def sine(dtype: str) -> Table:
    """S with sin(r) = r + r^3 S(r^2)."""
    return Table(
        lambda z: (mpmath.sin(mpmath.sqrt(z)) / mpmath.sqrt(z) - 1) / z,
        lambda z: z ** (mpf(3) / 2) / mpmath.sin(mpmath.sqrt(z)),
        (mpf(0), (WIDER * mp.pi / 4) ** 2),
        {"float32": 3, "float64": 6}[dtype],
    )


def cosine(dtype: str) -> Table:
    """C with cos(r) = 1 - r^2 / 2 + r^4 C(r^2)."""
    return Table(
        lambda z: (mpmath.cos(mpmath.sqrt(z)) - 1 + z / 2) / z**2,
        lambda z: z**2 / mpmath.cos(mpmath.sqrt(z)),
        (mpf(0), (WIDER * mp.pi / 4) ** 2),
        {"float32": 3, "float64": 6}[dtype],
    )


def error_near(dtype: str) -> Table:
    """N with erf(x) = x + x N(x^2), up to x = 1."""
    return Table(
        lambda z: mpmath.erf(mpmath.sqrt(z)) / mpmath.sqrt(z) - 1,
        lambda z: mpmath.sqrt(z) / mpmath.erf(mpmath.sqrt(z)),
        (mpf(0), mpf(1)),
        {"float32": 7, "float64": 12}[dtype],
    )


def error_tail(dtype: str) -> Table:
    """F with erfc(x) = exp(-x^2) F(q) / (x + 3), q = (x - 3) / (x + 3), from erfc(x) = 1/4 to 0."""
    first, last = mpf("0.79"), mpf({"float32": "10.2", "float64": "27.4"}[dtype])

    def target(q: mpf) -> mpf:
        x = 3 * (1 + q) / (1 - q)
        return mpmath.exp(x**2) * mpmath.erfc(x) * (x + 3)

    return Table(
        target,
        lambda q: 1 / target(q),
        ((first - 3) / (first + 3), (last - 3) / (last + 3)),
        {"float32": 9, "float64": 21}[dtype],
    )


# Of erf_inv in w = -log(1 - x^2): where one table follows the other, the largest w, and the two centres.
CUT = {"float32": "5", "float64": "7.25"}
LARGEST = {"float32": "16", "float64": "36.1"}
CENTRES = {"float32": ("2.5", "3.125"), "float64": ("3.625", "4.375")}


def _inverse_over_argument(w: mpf) -> mpf:
    """erf_inv(x) / x at 1 - x^2 = exp(-w), by Halley's iteration on 1 - x, of which no digit is lost."""
    x = mpmath.sqrt(-mpmath.expm1(-w))
    complement = mpmath.exp(-w) / (1 + x)
    t = x if w < 2 else mpmath.sqrt(w - mpmath.log(mpmath.sqrt(mp.pi * w)))
    step = mpf(1)
    while abs(step) > mpf(10) ** -(mp.dps - 10):
        newton = (mpmath.erfc(t) - complement) * mpmath.sqrt(mp.pi) / 2 * mpmath.exp(t**2)
        step = newton / (1 + t * newton)
        t += step
    return t / x


def inverse_near(dtype: str) -> Table:
    """J with erf_inv(x) = x J(w - centre) up to the cut."""
    centre, cut = mpf(CENTRES[dtype][0]), mpf(CUT[dtype])
    return Table(
        lambda u: _inverse_over_argument(centre + u),
        lambda u: 1 / _inverse_over_argument(centre + u),
        (-centre, cut - centre),
        {"float32": 10, "float64": 26}[dtype],
    )


def inverse_far(dtype: str) -> Table:
    """K with erf_inv(x) = x K(sqrt(w) - centre) from the cut on."""
    centre = mpf(CENTRES[dtype][1])
    return Table(
        lambda u: _inverse_over_argument((centre + u) ** 2),
        lambda u: 1 / _inverse_over_argument((centre + u) ** 2),
        (mpmath.sqrt(mpf(CUT[dtype])) - centre, mpmath.sqrt(mpf(LARGEST[dtype])) - centre),
        {"float32": 10, "float64": 26}[dtype],
    )


_BOTH = ("float32", "float64")
TABLES: dict[Callable[[str], Table], tuple[str, ...]] = {
    exponential: _BOTH,
    tangent: _BOTH,
    logarithm_series: ("float32",),
    logarithm_wide: ("float32",),
    logarithm_binary: ("float32",),
    logarithm_unit: ("float32",),
    power_of_two: ("float32",),
    logarithm_ratio: ("float64",),
    logarithm_tail: _BOTH,
    sine: _BOTH,
    cosine: _BOTH,
    error_near: _BOTH,
    error_tail: _BOTH,
    inverse_near: _BOTH,
    inverse_far: _BOTH,
}
