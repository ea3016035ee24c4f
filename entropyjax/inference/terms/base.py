"""The contract of a likelihood: rows of what was seen, each at a step of a unit."""

import abc
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from entropyjax.inference.filter import FAR
from entropyjax.params import Parameter


class Seen(NamedTuple):
    """What the model expects at each row, for each value of the task's random effect.

    **Attributes:** `gap`: x with the effect; `deviation`: of its noise, or `None`; `rivals`: N_e - 1; `tokens`: inflow
    of the step in ktok, or `None`; `weights`: chances of the values of the effect; `values`: every parameter at each
    row.
    """

    gap: Float[Array, "rows nodes"]
    deviation: Float[Array, "rows nodes"] | Float[Array, "rows 1"] | None
    rivals: Float[Array, "rows 1"]
    tokens: Float[Array, "rows 1"] | None
    weights: Float[Array, " nodes"]
    values: Mapping[str, Float[Array, "rows 1"]]

    @property
    def log_right(self) -> Float[Array, "rows nodes"]:
        """Return ln q, q the mean over the noise of the gap."""
        return self._log_mean(1.0)

    @property
    def log_wrong(self) -> Float[Array, "rows nodes"]:
        """Return ln(1 - q)."""
        return self._log_mean(-1.0)

    def _log_mean(self, sign: float) -> Float[Array, "rows nodes"]:
        place = self.gap - jnp.log(self.rivals)
        if self.deviation is None:
            return jax.nn.log_sigmoid(sign * place)
        # The sigmoid's sixth derivative is below 0.25, so that three points at a deviation of 1 nat are within 0.0021.
        # Sums of chances lose nothing, and cost a tenth of what sums of their logarithms do.
        far = FAR * self.deviation
        centre, low, high = (jax.nn.sigmoid(sign * (place + shift)) for shift in (0.0, -far, far))
        return jnp.log((4.0 * centre + low + high) / 6.0)


class AbstractTerm(eqx.Module):
    """The likelihood of one kind of observation.

    **Attributes:**

    - `unit`, `step`: of each row; `lane`: its run or unit, as `Units.lane_of_run` has it; `weight`: 1, or 0 for a row
      that does not count.
    - `name`: as fits and messages call it.
    - `parameters`: parameters of the observation itself, by name.
    - `needs`: observables or parameters of the model that it is compared with, beside the gap.
    - `frees`: parameters that a fit to it frees unless it is told, beside those of the choice.
    - `alone`: whether the rows are of single runs, which may be apart, and not of all runs of a unit.
    - `agreeing`: whether the rows are of runs that have agreed at every step before.
    - `marginal`: whether rows see the mean over tasks, and not a task's own random effect; they then count as
      independent of each other.
    - `composite`: whether the rows are not independent given the parameters, so that the curvature says too much.
    """

    unit: Int[Any, " rows"]
    lane: Int[Any, " rows"]
    step: Int[Any, " rows"]
    weight: Float[Any, " rows"]
    name: ClassVar[str]
    parameters: ClassVar[Mapping[str, Parameter]] = {}
    needs: ClassVar[tuple[str, ...]] = ()
    frees: ClassVar[tuple[str, ...]] = ()
    alone: ClassVar[bool] = False
    agreeing: ClassVar[bool] = False
    marginal: ClassVar[bool] = False
    composite: ClassVar[bool] = False

    @abc.abstractmethod
    def log_likelihood(self, seen: Seen) -> Float[Array, "rows nodes"]:
        """Return the logarithm of the likelihood of each row in nat."""

    @property
    @abc.abstractmethod
    def count(self) -> Float[Array, " rows"]:
        """Decisions that each row speaks of, which scores are divided by."""


def rows(
    lane: Int[np.ndarray, " steps"], step: Int[np.ndarray, " steps"]
) -> tuple[Int[np.ndarray, " rows"], Int[np.ndarray, " rows"], Int[np.ndarray, " steps"]]:
    """Return lane and step of the rows that steps of runs fall into, and the row of each."""
    (lanes, at), row = np.unique(np.stack([lane, step]), axis=1, return_inverse=True)
    return lanes, at, row.reshape(-1)
