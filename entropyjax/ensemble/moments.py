"""Counts, means and sums of squares that can be merged (Chan, Golub & LeVeque 1979)."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float


class Moments(NamedTuple):
    """Number of values, their mean, and the sum of squared deviations from it."""

    count: Any
    mean: Any
    square: Any

    @property
    def variance(self) -> Any:
        """Unbiased variance; 0 with fewer than two values."""
        return self.square / np.maximum(np.asarray(self.count) - 1, 1)


def across_lanes(value: Float[Array, ""], keep: Bool[Array, ""], axis: str) -> Moments:
    """Return the moments of `value` over the lanes of a `vmap` axis, those with `keep` only."""
    return _moments(value, keep, lambda leaf: lax.psum(leaf, axis))


def of_lanes(values: Float[Array, " lanes"], keep: Bool[Array, " lanes"]) -> Moments:
    """Return the moments of an array of lanes along its leading axis, those with `keep` only."""
    return _moments(values, keep, lambda leaf: jnp.sum(leaf, axis=0))


def _moments(value: Any, keep: Any, total: Callable[[Any], Any]) -> Moments:
    count = total(keep.astype(value.dtype))
    mean = total(jnp.where(keep, value, 0.0)) / jnp.maximum(count, 1.0)
    deviation = value - jnp.broadcast_to(mean, value.shape)
    return Moments(count, mean, total(jnp.where(keep, deviation**2, 0.0)))


def pool(parts: Moments) -> Moments:
    """Return the moments of disjoint sets of values together; the sets are the leading axis."""
    count = jnp.sum(parts.count, axis=0)
    mean = jnp.sum(parts.count * parts.mean, axis=0) / jnp.maximum(count, 1.0)
    between = parts.count * (parts.mean - mean[None]) ** 2
    return Moments(count, mean, jnp.sum(parts.square + between, axis=0))


def merge(first: Moments, second: Moments) -> Moments:
    """Return the moments of two disjoint sets of values together (host arrays, float64)."""
    count = first.count + second.count
    safe = np.maximum(count, 1)
    delta = second.mean - first.mean
    mean = first.mean + delta * (second.count / safe)
    square = first.square + second.square + delta**2 * (first.count * second.count / safe)
    return Moments(count, mean, square)
