"""Entropies that were estimated elsewhere, with their standard errors."""

from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from entropyjax.entropy import binary
from entropyjax.inference.terms.base import AbstractTerm, Seen
from entropyjax.params import Parameter, Support

DIVERSITY = Parameter(
    "diversity", "D", 0.0, "nat", Support(lower=0.0), "What tasks and paths add to the entropy of the decision."
)


class Entropies(AbstractTerm):
    """Normal likelihood of an estimate of H with its standard error, about the mean over tasks and the diversity D.

    Estimates at different steps come from the same runs, so that their product is a composite likelihood.

    **Attributes:** `unit`: any unit of the condition; `estimate`, `error`: in nat; `number`: runs it rests on.
    """

    estimate: Float[Any, " rows"]
    error: Float[Any, " rows"]
    number: Float[Any, " rows"]
    name: ClassVar[str] = "entropies"
    parameters: ClassVar = {DIVERSITY.name: DIVERSITY}
    marginal: ClassVar[bool] = True
    composite: ClassVar[bool] = True

    def log_likelihood(self, seen: Seen) -> Float[Array, "rows nodes"]:
        found = binary.choice(seen.gap, seen.rivals).entropy @ seen.weights
        expected = found[:, None] + seen.values[DIVERSITY.name]
        error = jnp.asarray(self.error, seen.gap.dtype)[:, None]
        score = (jnp.asarray(self.estimate, seen.gap.dtype)[:, None] - expected) / error
        return -0.5 * score**2 - jnp.log(error) - 0.5 * np.log(2.0 * np.pi)

    @property
    def count(self) -> Float[Array, " rows"]:
        return self.number
