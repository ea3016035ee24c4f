"""Populations: parameters drawn anew for every trajectory from its global index."""

import abc
import math
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jax.scipy.special import ndtr, ndtri
from jaxtyping import Array, Float, UInt32

from entropyjax.params import Parameter
from entropyjax.solve.noise import stream, threefry, uniform

FIRST_STREAM = 16
"""Streams of the key from here on draw populations, one for each parameter."""


class AbstractDistribution(eqx.Module):
    """Distribution of one parameter over trajectories."""

    @abc.abstractmethod
    def quantile(self, level: Float[Array, ""], spec: Parameter) -> Float[Array, ""]:
        """Return the value below which the share `level` in (0, 1] of draws lies."""


class Normal(AbstractDistribution):
    """Normal distribution of mean `mean` and standard deviation `sd`, truncated to the parameter's support."""

    mean: Any
    sd: Any

    def quantile(self, level: Float[Array, ""], spec: Parameter) -> Float[Array, ""]:
        low, high = (_standard(end, self.mean, self.sd, level.dtype) for end in _ends(spec))
        value = self.mean + self.sd * _normal_quantile(level, low, high)
        return jnp.clip(value, *_ends(spec))


class LogNormal(AbstractDistribution):
    """Log-normal distribution, truncated to the support: median, and standard deviation of the logarithm, before."""

    median: Any
    sigma: Any

    def quantile(self, level: Float[Array, ""], spec: Parameter) -> Float[Array, ""]:
        ends = (math.log(end) if end > 0.0 else -math.inf for end in _ends(spec))
        low, high = (_standard(end, jnp.log(self.median), self.sigma, level.dtype) for end in ends)
        value = self.median * jnp.exp(self.sigma * _normal_quantile(level, low, high))
        return jnp.clip(value, *_ends(spec))


class Uniform(AbstractDistribution):
    """Uniform distribution on [`low`, `high`]."""

    low: Any
    high: Any

    def quantile(self, level: Float[Array, ""], spec: Parameter) -> Float[Array, ""]:
        del spec
        return self.low + level * (self.high - self.low)


class Samples(AbstractDistribution):
    """Empirical distribution of given `values`, each drawn with equal probability; they are kept in order."""

    values: Float[Array, " n"] = eqx.field(converter=jnp.sort)

    def quantile(self, level: Float[Array, ""], spec: Parameter) -> Float[Array, ""]:
        del spec
        size = self.values.shape[0]
        place = jnp.minimum((level * size).astype(jnp.int32), size - 1)
        return self.values[place]


def _normal_quantile(level: Float[Array, ""], low: Float[Array, ""], high: Float[Array, ""]) -> Float[Array, ""]:
    """Return the quantile of a standard normal truncated to [`low`, `high`]."""
    inside = ndtr(low) + level * (ndtr(high) - ndtr(low))
    # Keep away from the quantile of 1, which is infinite.
    return ndtri(jnp.minimum(inside, 1.0 - jnp.finfo(level.dtype).epsneg))


def _standard(end: float, place: Any, scale: Any, dtype: Any) -> Any:
    """Return (end - place) / scale; an infinite end stays where it is, and has no derivative."""
    return jnp.asarray(end, dtype) if math.isinf(end) else (jnp.asarray(end, dtype) - place) / scale


def _ends(spec: Parameter) -> tuple[float, float]:
    return spec.support.lower, spec.support.upper


def draw_population(
    population: Mapping[str, AbstractDistribution],
    specs: Mapping[str, Parameter],
    key: Array,
    index: UInt32[Array, ""],
    dtype: Any,
) -> dict[str, Float[Array, ""]]:
    """Return the drawn parameters of the trajectory with this global index.

    Every parameter has a stream of its own, numbered by its place in the model's declaration, so that adding
    one to the population leaves the others' draws as they were.
    """
    places = {name: place for place, name in enumerate(specs)}
    out = {}
    for name, distribution in population.items():
        word, _ = threefry(stream(key, FIRST_STREAM + places[name]), index, jnp.zeros_like(index))
        out[name] = distribution.quantile(uniform(word, dtype), specs[name]).astype(dtype)
    return out
