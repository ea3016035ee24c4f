"""Tokens that steps add to the context."""

from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from entropyjax.inference.terms.base import AbstractTerm, Seen, rows
from entropyjax.inference.units import Units
from entropyjax.params import Parameter, Support
from entropyjax.records import TraceSet

SCALE = Parameter(
    "token_scale", "b", 1.0, "-", Support(lower=0.0, open_lower=True), "True tokens to one that the log counts."
)
SPREAD = Parameter(
    "increment_noise", "sigma_b", 1.0, "ktok", Support(lower=0.01), "Standard deviation of the tokens of a step."
)


class Tokens(AbstractTerm):
    """Normal likelihood of what a step adds: tau_e + tau_r + chi (1-q) over the scale of the log's counts.

    Only what is added is compared, so that an overhead which every context has drops out of it.

    **Attributes:** `number`, `mean`, `square`: steps of the unit's runs, mean and sum of squares about it, in ktok.
    """

    number: Float[Any, " rows"]
    mean: Float[Any, " rows"]
    square: Float[Any, " rows"]
    alone: ClassVar[bool] = True
    name: ClassVar[str] = "tokens"
    needs: ClassVar = ("tokens",)
    frees: ClassVar = ("executor_tokens", SPREAD.name)
    parameters: ClassVar = {SPREAD.name: SPREAD, SCALE.name: SCALE}

    @classmethod
    def of(cls, traces: TraceSet, units: Units) -> "Tokens | None":
        """Return the rows of a set of runs, or `None` if no step's tokens are known."""
        known = np.isfinite(traces.tokens)
        if not known.any():
            return None
        lane, step, row = rows(units.lane_of_run[traces.run[known]], traces.place[known])
        value = traces.tokens[known]
        number = np.bincount(row).astype(float)
        mean = np.bincount(row, value) / number
        square = np.bincount(row, (value - mean[row]) ** 2)
        return cls(units.unit_of_lane[lane], lane, step, np.ones(len(lane)), number, mean, square)

    def log_likelihood(self, seen: Seen) -> Float[Array, "rows nodes"]:
        number, mean, square = (
            jnp.asarray(each, seen.gap.dtype)[:, None] for each in (self.number, self.mean, self.square)
        )
        assert seen.tokens is not None
        expected = seen.tokens / seen.values[SCALE.name]
        variance = seen.values[SPREAD.name] ** 2
        total = square + number * (mean - expected) ** 2
        return -0.5 * (number * jnp.log(2.0 * np.pi * variance) + total / variance)

    @property
    def count(self) -> Float[Array, " rows"]:
        return self.number
