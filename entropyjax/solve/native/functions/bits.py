"""Floating-point numbers as bit patterns: fields, powers of two, split significands, selection."""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

Number = Float[Array, "..."]
Bits = Int[Array, "..."]


class Format(NamedTuple):
    """An IEEE 754 binary format: sign, exponent with a bias, and `mantissa` stored bits of the significand.

    `log_2` is ln 2 as a number so short that its product with any exponent is exact, and a rest: "ln 2" of
    scripts/functions/coefficients.py.
    """

    name: str
    word: str
    mantissa: int
    bias: int
    log_2: tuple[float, float]

    @property
    def one(self) -> int:
        """Bit pattern of 1.0."""
        return self.bias << self.mantissa

    @property
    def fraction(self) -> int:
        """Mask of the stored significand."""
        return (1 << self.mantissa) - 1

    @property
    def infinity(self) -> int:
        """Bit pattern of infinity."""
        return (2 * self.bias + 1) << self.mantissa

    @property
    def sign(self) -> int:
        """Mask of the sign, as a signed integer."""
        return -(2 * self.bias + 2) << self.mantissa

    @property
    def units(self) -> int:
        """Bit pattern of the power of two whose unit in the last place is 1: its fraction is an integer."""
        return (self.bias + self.mantissa) << self.mantissa


_FORMATS = {
    "float32": Format("float32", "int32", 23, 127, (0.69314575, 1.4286068e-06)),
    "float64": Format("float64", "int64", 52, 1023, (0.6931471805601177, -1.7239444525614835e-13)),
}


def format_of(x: Number) -> Format:
    """Return the format of a float32 or float64."""
    return _FORMATS[str(x.dtype)]


def to_bits(x: Number) -> Bits:
    """Return the pattern of `x` as a signed integer of its width."""
    return lax.bitcast_convert_type(x, jnp.dtype(format_of(x).word))


def from_bits(pattern: Bits) -> Number:
    """Return the number with this pattern."""
    return lax.bitcast_convert_type(pattern, jnp.float32 if pattern.dtype == jnp.int32 else jnp.float64)


def choose(condition: Bool[Array, "..."], yes: Array | float, no: Array | float) -> Array:
    """Return `yes` where the condition holds, else `no`; one of the two may be a Python number."""
    shape = yes if isinstance(yes, Array) else no
    yes, no = (value if isinstance(value, Array) else lax.full_like(shape, value) for value in (yes, no))
    return lax.select(condition, yes, no)


def at_least(x: Number, bound: float) -> Number:
    """Return max(x, bound), and NaN for NaN: one instruction where `lax.max` takes several."""
    return choose(x < bound, bound, x)


def at_most(x: Number, bound: float) -> Number:
    """Return min(x, bound), and NaN for NaN."""
    return choose(x > bound, bound, x)


def nearest(x: Number) -> Number:
    """Return the nearest integer, the even one of two."""
    return lax.round(x, lax.RoundingMethod.TO_NEAREST_EVEN)


def integer_field(n: Number, offset: int) -> Bits:
    """Return a pattern whose low bits hold n + offset >= 0, for an integer |n| far below 2^mantissa.

    No conversion, which lacks vector instructions for 64 bits before AVX-512 and is undefined for NaN.
    """
    return to_bits(n + (1.5 * 2.0 ** format_of(n).mantissa + offset))


def shift_left(pattern: Bits, count: int) -> Bits:
    """Return the pattern with its bits moved up."""
    return lax.shift_left(pattern, lax.full_like(pattern, count))


def shift_right(pattern: Bits, count: int) -> Bits:
    """Return the pattern with its bits moved down, zeros coming in."""
    return lax.shift_right_logical(pattern, lax.full_like(pattern, count))


def with_sign(magnitude: Number, x: Number) -> Number:
    """Return the `magnitude` >= 0 with the sign of `x`."""
    return from_bits(to_bits(magnitude) | (to_bits(x) & format_of(x).sign))


def upper_half(x: Number) -> Number:
    """Return `x` cut to the upper half of its significand: the product of two such numbers is exact."""
    form = format_of(x)
    return from_bits(to_bits(x) & -(1 << (form.mantissa // 2 + 1)))


def polynomial(x: Number, coefficients: Sequence[float | Number]) -> Number:
    """Return c0 + c1 x + c2 x^2 + ... by Estrin's scheme: pairs, then pairs of pairs, for a short chain."""
    terms: list = list(coefficients)
    while len(terms) > 1:
        paired = [terms[k] + terms[k + 1] * x for k in range(0, len(terms) - 1, 2)]
        terms = paired + terms[2 * len(paired) :]
        x = x * x if len(terms) > 1 else x
    return terms[0]
