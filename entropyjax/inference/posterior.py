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

    def params(self, condition: int = 0) -> Any:
        """Return the model's parameters in a condition, with the draws along the leading axis of every leaf."""
        values = jax.vmap(self.problem.layout.values)(jnp.asarray(self.scores))
        params = self.problem.model.Params
        return params(**{name: values[name][:, condition] for name in params.specs()})
