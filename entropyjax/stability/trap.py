"""The Reasoning Trap over many parameter points: the best effort, and on which side of it the present one lies."""

import math
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from entropyjax.models import AbstractModel, Star
from entropyjax.params import cast, replace
from entropyjax.results import Effort, Optimum, describe
from entropyjax.solve import Grid
from entropyjax.solve.lane import solve
from entropyjax.stability.optimum import Objective, check_progress, close_in, named_objective, slope_at, with_effort

_TOGETHER = 256
"""Points that share a vectorised search."""


class ReasoningTrap(NamedTuple):
    """The Reasoning Trap at each parameter point; every array has the shape of the batch.

    `best` is the tau_r in ktok/step at which the objective is largest and `place` an `Optimum` code; `value`,
    `value_without` and `value_now` are the objective there, at the lower end of the range, and at the effort of the
    parameters; `slope_now` is its derivative by tau_r at that effort; `label` an `Effort` code.
    """

    best: Any
    place: Any
    value: Any
    value_without: Any
    value_now: Any
    slope_now: Any
    label: Any

    def __str__(self) -> str:
        if np.ndim(self.label):
            count = np.bincount(np.ravel(self.label), minlength=len(Effort))
            return "; ".join(f"{n} {code.name.lower()}" for code, n in zip(Effort, count, strict=True) if n) + "."
        return f"Best effort {float(self.best):.4g} ktok/step. {describe(Effort(int(self.label)))}"


class TaskSuccess(eqx.Module):
    """s(T) of the ODE at T = `patience` Lambda: the share of a task that is resolved in a time that suits its length.

    Lambda = -ln(s_tol) / kappa steps, the task's length, is how long it takes when every dispatch is right. With g = 0
    the argmax by tau_r depends on T alone: s(T) = 1 - (1 - s(0)) exp(-kappa * integral of q).

    **Attributes:** `model`; `patience`: T / Lambda, by default 128 steps for kappa = 0.05; `tolerance`: s_tol;
    `steps`: solver steps up to T.
    """

    model: AbstractModel = Star()
    patience: Any = 128.0 * 0.05 / -math.log(0.01)
    tolerance: Any = 0.01
    steps: int = eqx.field(static=True, default=512)

    def __check_init__(self) -> None:
        check_progress(self.model)

    @property
    def enough(self) -> Any:
        """The share at which the task counts as resolved."""
        return 1.0 - self.tolerance

    def __call__(self, params: Any) -> Any:
        dtype = jnp.result_type(params.evidence)
        horizon = jnp.asarray(self.patience * task_length(params, self.tolerance), dtype)
        final = solve(self.model, params, grid=Grid(horizon, 1, self.steps), dtype=dtype).final
        return self.model.progress(final)


_TASK = TaskSuccess()


def task_length(params: Any, tolerance: Any = 0.01) -> Any:
    """Return Lambda = -ln(s_tol) / kappa in steps, the time that a task takes when every dispatch is right."""
    return -jnp.log(tolerance) / params.resolution_rate


def with_task_length(params: Any, length: Any, tolerance: Any = 0.01) -> Any:
    """Return parameters with the kappa at which the task has a length of Lambda steps."""
    return replace(params, {"resolution_rate": -jnp.log(tolerance) / length})


def reasoning_trap(
    params: Any,
    objective: str | Objective = _TASK,
    *,
    low: Any = 0.0,
    high: Any = 16.0,
    enough: Any = None,
    dtype: Any = None,
) -> ReasoningTrap:
    """Return where the Reasoning Trap lies at a batch of parameter points: the leaves of `params` broadcast.

    `best` is within (high - low) / 8000 of the argmax in float64, and within (high - low) / 500 in float32, where the
    objective is not flat to rounding there. Between `low` and the best effort the objective may have dips.

    **Arguments:**

    - `objective`: as for `reasoning_optimum`; by default s at a time that suits the task's length.
    - `low`, `high`: range of tau_r in ktok/step.
    - `enough`: what the objective must reach; by default that of the objective, such as 0.99 for success.
    - `dtype`: floating type, by default JAX's own.

    **Raises:** `ValueError` for an unknown objective, or if `low` is not below `high`.
    """
    objective = named_objective(objective)
    if not 0.0 <= float(low) < float(high):
        raise ValueError(f"The range of efforts is [{low}, {high}] ktok/step; give low < high, neither below 0.")
    dtype = jnp.result_type(float) if dtype is None else jnp.dtype(dtype)
    needed = getattr(objective, "enough", -jnp.inf) if enough is None else enough
    shape = np.broadcast_shapes(*(np.shape(leaf) for leaf in jax.tree.leaves(params)))
    flat = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, shape).ravel(), cast(params, dtype))
    objective = jax.tree.map(
        lambda leaf: jnp.asarray(leaf, dtype) if eqx.is_inexact_array_like(leaf) else leaf, objective
    )
    found = _batch(objective, flat, *(jnp.asarray(item, dtype) for item in (low, high, needed)))
    return jax.tree.map(lambda leaf: leaf.reshape(shape), found)


@eqx.filter_jit
def _batch(objective: Any, params: Any, low: Any, high: Any, enough: Any) -> ReasoningTrap:
    def one(params: Any) -> ReasoningTrap:
        return _trap(objective, params, low, high, enough)

    return lax.map(one, params, batch_size=_TOGETHER)


def _trap(objective: Any, params: Any, low: Any, high: Any, enough: Any) -> ReasoningTrap:
    best, _, place = close_in(lambda effort: objective(with_effort(params, effort)), low, high)

    def look(effort: Any) -> tuple[Any, Any]:
        at = with_effort(params, effort)
        near = getattr(objective, "near", None)
        local = objective if near is None else near(at)
        return slope_at(lambda effort: local(with_effort(at, effort)), effort)

    value, slope = jax.vmap(look)(jnp.stack([best, low, params.reasoning_tokens]))
    label = jnp.where(params.reasoning_tokens < best, Effort.BELOW, Effort.TRAP)
    label = jnp.where(place == Optimum.UPPER_END, Effort.BOUND, label)
    label = jnp.where(value[0] < enough, Effort.FAILING, label)
    label = jnp.where(place == Optimum.NONE, Effort.NONE, label).astype(jnp.int32)
    return ReasoningTrap(best, place.astype(jnp.int32), value[0], value[1], value[2], slope[2], label)
