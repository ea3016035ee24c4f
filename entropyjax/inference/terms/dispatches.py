"""Dispatches that are known to be right or wrong."""

from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from entropyjax.inference.terms.base import AbstractTerm, Seen, rows
from entropyjax.inference.units import Units
from entropyjax.records import UNKNOWN, TraceSet


class Dispatches(AbstractTerm):
    """Bernoulli likelihood of dispatches, right with probability q.

    **Attributes:** `right`, `wrong`: how many of the unit's runs there are of each at the step.
    """

    right: Float[Any, " rows"]
    wrong: Float[Any, " rows"]
    alone: ClassVar[bool] = True
    name: ClassVar[str] = "dispatches"

    @classmethod
    def of(cls, traces: TraceSet, units: Units) -> "Dispatches | None":
        """Return the rows of a set of runs whose errors are wrong dispatches, or `None` if no error is known."""
        known = traces.error != UNKNOWN
        if not known.any():
            return None
        lane, step, row = rows(units.lane_of_run[traces.run[known]], traces.place[known])
        wrong = np.bincount(row, traces.error[known] != 0)
        return cls(units.unit_of_lane[lane], lane, step, np.ones(len(lane)), np.bincount(row) - wrong, wrong)

    def log_likelihood(self, seen: Seen) -> Float[Array, "rows nodes"]:
        right, wrong = (jnp.asarray(each, seen.gap.dtype)[:, None] for each in (self.right, self.wrong))
        return right * seen.log_right + wrong * seen.log_wrong

    @property
    def count(self) -> Float[Array, " rows"]:
        return self.right + self.wrong
