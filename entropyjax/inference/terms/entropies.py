"""Entropies that were estimated elsewhere, with their standard errors."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from entropyjax.entropy import binary
from entropyjax.inference.result import ENOUGH
from entropyjax.inference.series import SERIES
from entropyjax.inference.terms.base import AbstractTerm, Seen
from entropyjax.inference.trace_entropy import trace_entropy
from entropyjax.inference.units import Units
from entropyjax.params import Parameter, Support
from entropyjax.records import TraceSet

DIVERSITY = Parameter(
    "diversity", "D", 0.0, "nat", Support(lower=0.0), "What tasks and paths add to the entropy of the decision."
)

_REPLICATES = 400


class Entropies(AbstractTerm):
    """Normal likelihood of estimates of H over tasks and runs, about the mean over tasks and the diversity D.

    Estimates at different steps come from the same runs, so that their product is a composite likelihood.

    **Attributes:** `unit`: any unit of the condition; `estimate`, `error`: in nat; `number`: runs it rests on.
    """

    estimate: Float[Any, " rows"]
    error: Float[Any, " rows"]
    number: Float[Any, " rows"]
    name: ClassVar[str] = "entropies"
    series: ClassVar[str] = "pooled_miller_madow"
    parameters: ClassVar = {DIVERSITY.name: DIVERSITY}
    frees: ClassVar[tuple[str, ...]] = (DIVERSITY.name,)
    marginal: ClassVar[bool] = True
    composite: ClassVar[bool] = True

    @classmethod
    def of(cls, traces: TraceSet, units: Units, free: int | None = None) -> "Entropies | None":
        """Return the estimates of each condition from step `free` on, or `None` if there are none.

        With the standard errors of a bootstrap over tasks, at the steps that enough runs reach.
        """
        name = cls.series
        rows: list[tuple[Any, ...]] = []
        for number in range(len(units.conditions)):
            kept = units.condition[units.of_run] == number
            found = trace_entropy(traces.select(kept), jax.random.key(0), replicates=_REPLICATES)
            start, count = found.free if free is None else free, found.counts[SERIES[name].rests_on]
            error = found.errors[name]
            steps = np.flatnonzero((np.arange(len(count)) >= start) & (count >= ENOUGH) & (error > 0.0))
            unit = np.full(len(steps), units.of_run[kept][0])
            rows.append((unit, steps, found.estimates[name][steps], error[steps], count[steps]))
        unit, step, estimate, error, count = (np.concatenate(column) for column in zip(*rows, strict=True))
        return cls(unit, unit, step, np.ones(len(unit)), estimate, error, count) if len(unit) else None

    def log_likelihood(self, seen: Seen) -> Float[Array, "rows nodes"]:
        found = binary.choice(seen.gap, seen.rivals).entropy @ seen.weights
        expected = found[:, None] + seen.values[DIVERSITY.name]
        error = jnp.asarray(self.error, seen.gap.dtype)[:, None]
        score = (jnp.asarray(self.estimate, seen.gap.dtype)[:, None] - expected) / error
        return -0.5 * score**2 - jnp.log(error) - 0.5 * np.log(2.0 * np.pi)

    @property
    def count(self) -> Float[Array, " rows"]:
        return self.number


class LogProbabilities(Entropies):
    """Normal likelihood of the mean entropy of log-probabilities over the roster, about the mean over tasks."""

    name: ClassVar[str] = "log_probabilities"
    series: ClassVar[str] = "log_probability"
    frees: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def of(cls, traces: TraceSet, units: Units, free: int | None = None) -> "Entropies | None":
        """Return the estimates of each condition from step `free` on, or `None` if there are none."""
        return None if traces.log_probability is None else super().of(traces, units, free)
