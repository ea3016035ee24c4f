"""The contract of a likelihood: rows of what was seen, each at a step of a unit."""

import abc
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from entropyjax.params import Parameter


class Seen(NamedTuple):
    """What the model expects at each row, for each value of the task's random effect.

    **Attributes:** `gap`: x with the effect; `rivals`: N_e - 1; `tokens`: inflow of the step in ktok, or `None`;
    `weights`: chances of the values of the effect; `values`: every parameter at each row.
    """

    gap: Float[Array, "rows nodes"]
    rivals: Float[Array, "rows 1"]
    tokens: Float[Array, "rows 1"] | None
    weights: Float[Array, " nodes"]
    values: Mapping[str, Float[Array, "rows 1"]]

    @property
    def log_right(self) -> Float[Array, "rows nodes"]:
        """Return ln q."""
        return jax.nn.log_sigmoid(self.gap - jnp.log(self.rivals))

    @property
    def log_wrong(self) -> Float[Array, "rows nodes"]:
        """Return ln(1 - q)."""
        return jax.nn.log_sigmoid(jnp.log(self.rivals) - self.gap)


class AbstractTerm(eqx.Module):
    """The likelihood of one kind of observation.

    **Attributes:**

    - `unit`, `step`: of each row; `weight`: 1, or 0 for a row that does not count.
    - `name`: as fits and messages call it.
    - `parameters`: parameters of the observation itself, by name.
    - `needs`: observables or parameters of the model that it is compared with, beside the gap.
    - `frees`: parameters that a fit to it frees unless it is told, beside those of the choice.
    - `agreeing`: whether the rows are of runs that have agreed at every step before.
    - `marginal`: whether rows see the mean over tasks, and not a task's own random effect; they then count as
      independent of each other.
    - `composite`: whether the rows are not independent given the parameters, so that the curvature says too much.
    """

    unit: Int[Any, " rows"]
    step: Int[Any, " rows"]
    weight: Float[Any, " rows"]
    name: ClassVar[str]
    parameters: ClassVar[Mapping[str, Parameter]] = {}
    needs: ClassVar[tuple[str, ...]] = ()
    frees: ClassVar[tuple[str, ...]] = ()
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
