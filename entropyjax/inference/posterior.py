"""Draws of the posterior, and the parameter sets that they stand for."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from entropyjax.inference.problem import Problem


class Posterior(NamedTuple):
    """Draws of the posterior of a fit.

    **Attributes:** `scores`: standard scores of the free parameters; `method`: how they were drawn, in a few words.
    """

    problem: Problem
    scores: Float[np.ndarray, "draws size"]
    method: str

    @property
    def values(self) -> dict[str, Float[np.ndarray, " draws"]]:
        """Draws of each free value in its unit, by label."""
        natural = np.asarray(jax.vmap(self.problem.layout.natural)(jnp.asarray(self.scores)))
        return dict(zip(self.problem.layout.labels, natural.T, strict=True))

    def intervals(self, level: float = 0.9) -> dict[str, tuple[float, float]]:
        """Return the interval of each free value that holds `level` of the draws, with equal tails, by label."""
        ends = 0.5 * (1.0 + np.array([-1.0, 1.0]) * level)
        return {label: tuple(np.quantile(draws, ends).tolist()) for label, draws in self.values.items()}

    def params(self, condition: int = 0) -> Any:
        """Return the model's parameters in a condition, with the draws along the leading axis of every leaf."""
        values = jax.vmap(self.problem.layout.values)(jnp.asarray(self.scores))
        params = self.problem.model.Params
        return params(**{name: values[name][:, condition] for name in params.specs()})


def normal_draws(
    mean: Float[np.ndarray, " size"], covariance: Float[np.ndarray, "size size"], draws: int, seed: int
) -> Float[np.ndarray, "draws size"]:
    """Return draws of a normal distribution; the covariance may be singular."""
    values, vectors = np.linalg.eigh(0.5 * (covariance + covariance.T))
    normal = np.random.default_rng(seed).standard_normal((draws, len(values)))
    return mean + (normal * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
