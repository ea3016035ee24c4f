"""Populations: parameters drawn anew for every trajectory from its global index."""

import abc
import math
import zlib
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

FIRST_ROWS_STREAM = 2**16
"""Streams from here on draw rows of joint samples, one for each name of such rows."""


class AbstractDistribution(eqx.Module):
    """Distribution of one parameter over trajectories."""

    @abc.abstractmethod
    def quantile(self, level: Float[Array, ""], spec: Parameter) -> Float[Array, ""]:
        """Return the value below which the share `level` in (0, 1] of draws lies."""

    def ends(self, spec: Parameter, dtype: Any) -> Float[Array, " 2"]:
        """Return the least and the largest value that can be drawn."""
        return jnp.stack([self.quantile(jnp.asarray(level, dtype), spec) for level in (0.0, 1.0)])


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
        return _at(self.values, level)


class JointSamples(AbstractDistribution):
    """One of the given `values`, the one in the row that is drawn for all parameters with the same name of `rows`.

    So parameters keep the dependence that they have on each other, as in draws of a posterior.
    """

    values: Float[Array, " n"]
    rows: str = eqx.field(static=True)

    def quantile(self, level: Float[Array, ""], spec: Parameter) -> Float[Array, ""]:
        """Return the value in the row at `level`; rows are in no order, so that it is no quantile of the values."""
        del spec
        return _at(self.values, level)

    def ends(self, spec: Parameter, dtype: Any) -> Float[Array, " 2"]:
        del spec
        return jnp.stack([jnp.min(self.values), jnp.max(self.values)]).astype(dtype)


def _at(values: Float[Array, " n"], level: Float[Array, ""]) -> Float[Array, ""]:
    size = values.shape[0]
    return values[jnp.minimum((level * size).astype(jnp.int32), size - 1)]


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
    one to the population leaves the others' draws as they were. Joint samples share one by the name of their rows.
    """
    places = {name: place for place, name in enumerate(specs)}
    levels: dict[int, Array] = {}
    out = {}
    for name, distribution in population.items():
        number = _rows_stream(distribution.rows) if isinstance(distribution, JointSamples) else places[name]
        if number not in levels:
            word, _ = threefry(stream(key, FIRST_STREAM + number), index, jnp.zeros_like(index))
            levels[number] = uniform(word, dtype)
        out[name] = distribution.quantile(levels[number], specs[name]).astype(dtype)
    return out


def _rows_stream(rows: str) -> int:
    """Return a number by the name alone, so that other rows leave the draws of these as they were."""
    return FIRST_ROWS_STREAM + (zlib.crc32(rows.encode()) >> 1)
