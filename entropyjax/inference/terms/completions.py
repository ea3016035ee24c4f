"""When runs succeed."""

from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from entropyjax.inference.terms.base import AbstractTerm, Seen, rows
from entropyjax.inference.units import Units
from entropyjax.records import UNKNOWN, TraceSet


class Completions(AbstractTerm):
    """Likelihood of success at a step: a right dispatch resolves the task with probability kappa.

    The hazard is kappa q per step, so that the chance to be resolved follows ds/dt = kappa q (1 - s), as progress does.
    A run that ends without success, or whose success is not known, is censored there, whatever made it stop.

    **Attributes:** `success`, `others`: runs of the unit that succeed with this step, and that do not.
    """

    success: Float[Any, " rows"]
    others: Float[Any, " rows"]
    alone: ClassVar[bool] = True
    name: ClassVar[str] = "completions"
    needs: ClassVar = ("resolution_rate",)
    frees: ClassVar = ("resolution_rate",)

    @classmethod
    def of(cls, traces: TraceSet, units: Units) -> "Completions | None":
        """Return the rows of a set of runs, or `None` if the success of none is known."""
        known = (traces.success != UNKNOWN)[traces.run]
        if not known.any():
            return None
        run, at = traces.run[known], traces.place[known]
        last = (at == traces.lengths[run] - 1) & (traces.success[run] == 1)
        lane, step, row = rows(units.lane_of_run[run], at)
        success = np.bincount(row, last)
        return cls(units.unit_of_lane[lane], lane, step, np.ones(len(lane)), success, np.bincount(row) - success)

    def log_likelihood(self, seen: Seen) -> Float[Array, "rows nodes"]:
        hazard = jnp.log(seen.values["resolution_rate"]) + seen.log_right
        # ln(1 - e^hazard), and never of nothing.
        remain = jnp.log1p(-jnp.exp(jnp.minimum(hazard, -1e-6)))
        success, others = (jnp.asarray(each, seen.gap.dtype)[:, None] for each in (self.success, self.others))
        return success * hazard + others * remain

    @property
    def count(self) -> Float[Array, " rows"]:
        return self.success + self.others
