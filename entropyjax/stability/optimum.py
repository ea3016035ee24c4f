"""How much reasoning is best: past it lies the Reasoning Trap."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from entropyjax.models import AbstractModel, Star
from entropyjax.params import cast, replace
from entropyjax.results import Optimum, describe
from entropyjax.solve import Grid
from entropyjax.solve.lane import solve
from entropyjax.stability.equilibria import equilibria

_POINTS, _ROUNDS, _NEWTON = 33, 4, 4

Objective = Callable[[Any], Any]
"""Called as objective(params): a number to be as large as possible."""


class ReasoningOptimum(NamedTuple):
    """The reasoning tokens in ktok/step at which an objective is largest, its value there, and an `Optimum` code."""

    reasoning_tokens: Any
    value: Any
    place: Any

    def __str__(self) -> str:
        if np.ndim(self.value):
            return f"{np.size(self.value)} optima."
        return f"tau_r = {float(self.reasoning_tokens):.6g} ktok/step. {describe(Optimum(int(self.place)))}"


def resting_objective(observable: str, model: Any = Star()) -> Objective:
    """Return an observable of the focused fixed point, that with the least context, as an objective."""
    return lambda params: equilibria(model, params, slots=1).observables[observable][0]


def success_objective(model: AbstractModel = Star(), grid: Grid = Grid(128.0, 1, 512)) -> Objective:
    """Return s(T) of the ODE, the share of the task that is resolved by the horizon, as an objective."""
    return lambda params: model.progress(solve(model, params, grid=grid, dtype=params.evidence.dtype).final)


_OBJECTIVES: dict[str, Callable[[], Objective]] = {
    "right_probability": lambda: resting_objective("right_probability"),
    "margin": lambda: resting_objective("margin"),
    "success": success_objective,
}


def reasoning_optimum(
    params: Any, objective: str | Objective = "right_probability", *, low: Any = 0.0, high: Any = 16.0, dtype: Any = None
) -> ReasoningOptimum:
    """Return argmax over tau_r of an objective, by grids that close in on it and Newton's method on its slope.

    Batch it with `jax.vmap`; inside the range its gradient is that of the implicit function theorem, at an end 0. Where the
    objective is largest at a jump, because the focused fixed point vanishes there, the code is `EDGE` and the gradient
    is NaN.

    **Arguments:**

    - `objective`: "right_probability" or "margin" of the focused fixed point, "success" by the horizon of the ODE, or a
      function of the parameters.
    - `low`, `high`: range of tau_r in ktok/step.

    **Raises:** `ValueError` for an unknown objective.
    """
    if isinstance(objective, str):
        if objective not in _OBJECTIVES:
            raise ValueError(f"'{objective}' is not an objective; take one of {', '.join(_OBJECTIVES)}, or a function.")
        objective = _OBJECTIVES[objective]()
    params = cast(params, jnp.result_type(float) if dtype is None else jnp.dtype(dtype))
    low, high = (jnp.asarray(end, params.evidence.dtype) for end in (low, high))
    function, still = objective, lax.stop_gradient(params)

    def at(effort: Any, params: Any) -> Any:
        return function(replace(params, {"reasoning_tokens": effort}))

    effort, cell, place = _close_in(lambda effort: at(effort, still), low, high)
    inner, smooth = _polish(lambda effort: at(effort, still), effort, cell)
    interior = place == Optimum.INTERIOR
    edge = interior & ~smooth
    slope, bend = _slopes(lambda effort: at(effort, params), inner)
    step = -slope / lax.stop_gradient(jnp.where(smooth, bend, 1.0))
    # sqrt(0) has the value 0 and no derivative.
    nothing = jnp.sqrt(jnp.where(edge, step - lax.stop_gradient(step), 0.25)) - jnp.where(edge, 0.0, 0.5)
    best = jnp.where(interior & smooth, inner + step, effort + nothing)
    place = jnp.where(edge, Optimum.EDGE, place).astype(jnp.int32)
    return ReasoningOptimum(best, at(lax.stop_gradient(best), params), place)


def _slopes(function: Callable[[Any], Any], effort: Any) -> tuple[Any, Any]:
    """Return the first and second derivative."""
    one = jnp.ones_like(effort)
    return jax.jvp(lambda effort: jax.jvp(function, (effort,), (one,))[1], (effort,), (one,))


def _polish(function: Callable[[Any], Any], effort: Any, cell: Any) -> tuple[Any, Any]:
    """Return the zero of the slope near `effort`, and whether it is a smooth maximum within `cell`."""

    def step(_: Any, state: Any) -> Any:
        effort, _, _ = state
        slope, bend = _slopes(function, effort)
        change = jnp.clip(-slope / jnp.where(bend == 0.0, 1.0, bend), -cell, cell)
        return effort + change, jnp.abs(change), bend

    inner, change, bend = lax.fori_loop(0, _NEWTON, step, (effort, cell, cell))
    return inner, (bend < 0.0) & (change < 1e-2 * cell) & (jnp.abs(inner - effort) <= cell)


def _close_in(function: Callable[[Any], Any], low: Any, high: Any) -> tuple[Any, Any, Any]:
    """Return the best point of nested grids, the width of their last cell, and whether it is at an end."""
    share = jnp.linspace(0.0, 1.0, _POINTS, dtype=low.dtype)

    def zoom(_: Any, state: Any) -> Any:
        left, right, *_ = state
        points = left + (right - left) * share
        values = jax.vmap(function)(points)
        values = jnp.where(jnp.isfinite(values), values, -jnp.inf)
        best = jnp.argmax(values)
        around = jnp.clip(jnp.stack([best - 1, best + 1]), 0, _POINTS - 1)
        return points[around[0]], points[around[1]], points[best], values[best]

    left, right, best, value = lax.fori_loop(0, _ROUNDS, zoom, (low, high, low, jnp.zeros_like(low)))
    place = jnp.where(best == low, Optimum.LOWER_END, jnp.where(best == high, Optimum.UPPER_END, Optimum.INTERIOR))
    return best, right - left, jnp.where(value == -jnp.inf, Optimum.NONE, place)
