"""Where a signal crosses zero inside a step: cubic Hermite interpolation, or a straight line."""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

Scalar = Float[Array, ""]


def linear(before: Scalar, after: Scalar) -> Scalar:
    """Return the zero in [0, 1] of the line through both values; 0.5 where there is none."""
    drop = before - after
    return jnp.clip(jnp.where(drop == 0.0, 0.5, before / jnp.where(drop == 0.0, 1.0, drop)), 0.0, 1.0)


def hermite(before: Scalar, after: Scalar, slope_before: Scalar, slope_after: Scalar) -> Scalar:
    """Return the zero in [0, 1] of the cubic with these end values and end slopes.

    The values must differ in sign, or the result is meaningless (but finite). Newton's method, kept inside
    a shrinking bracket; the error of the cubic is O(dt^4). The gradient is that of the implicit function
    theorem: one last Newton step carries it, and no round before.

    **Arguments:** slopes are per step (derivative times dt).
    """
    cubic = 2.0 * before - 2.0 * after + slope_before + slope_after
    square = -3.0 * before + 3.0 * after - 2.0 * slope_before - slope_after
    fixed = lax.stop_gradient((cubic, square, slope_before, before))
    low, high = jnp.zeros_like(before), jnp.ones_like(before)
    place = lax.stop_gradient(linear(before, after))
    for _ in range(6):
        value, slope = _cubic(*fixed, place), _cubic_slope(*fixed, place)
        early = (value > 0.0) == (fixed[-1] > 0.0)
        low, high = jnp.where(early, place, low), jnp.where(early, high, place)
        trial = place - value / jnp.where(slope == 0.0, 1.0, slope)
        inside = (trial >= low) & (trial <= high) & (slope != 0.0)
        place = jnp.where(value == 0.0, place, jnp.where(inside, trial, 0.5 * (low + high)))
    slope = _cubic_slope(*fixed, place)
    return place - _cubic(cubic, square, slope_before, before, place) / jnp.where(slope == 0.0, 1.0, slope)


def _cubic(cubic: Scalar, square: Scalar, linear: Scalar, constant: Scalar, place: Scalar) -> Scalar:
    return ((cubic * place + square) * place + linear) * place + constant


def _cubic_slope(cubic: Scalar, square: Scalar, linear: Scalar, constant: Scalar, place: Scalar) -> Scalar:
    del constant
    return (3.0 * cubic * place + 2.0 * square) * place + linear
