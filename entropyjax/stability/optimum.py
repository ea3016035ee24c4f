"""How much reasoning is best: past it lies the Reasoning Trap."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from entropyjax.models import AbstractModel, Star
from entropyjax.params import cast, replace
from entropyjax.results import Optimum, describe
from entropyjax.solve import Grid
from entropyjax.solve.lane import solve
from entropyjax.stability.rest import enclosed_residual, residual, start_search
from entropyjax.stability.resting import final_progress
from entropyjax.stability.roots import bracket_roots, carry_gradient, refine

_POINTS, _NEWTON = 33, 4

Objective = Callable[[Any], Any]
"""Called as objective(params): a number to be as large as possible.

It may have a method `near(params)` that returns it as a function that is smooth about these parameters, and cheaper.
"""


class ReasoningOptimum(NamedTuple):
    """The reasoning tokens in ktok/step at which an objective is largest, its value there, and an `Optimum` code."""

    reasoning_tokens: Any
    value: Any
    place: Any

    def __str__(self) -> str:
        if np.ndim(self.value):
            return f"{np.size(self.value)} optima."
        return f"tau_r = {float(self.reasoning_tokens):.6g} ktok/step. {describe(Optimum(int(self.place)))}"


class AtRest(eqx.Module):
    """An observable of the focused fixed point, that with the least context, as an objective.

    **Attributes:** `observable`: its name; `model`: an orchestrator.
    """

    observable: str
    model: Any = Star()

    @property
    def enough(self) -> float:
        """What the observable must pass for the right executor to have the majority; -inf where none is known."""
        return {"right_probability": 0.5, "margin": 0.0}.get(self.observable, -float("inf"))

    def __call__(self, params: Any) -> Any:
        return self._observe(self._context(params), params)

    def near(self, params: Any) -> Callable[[Any], Any]:
        """Return the objective with this fixed point followed, and no search for others."""
        context = self._context(params)

        def follow(params: Any) -> Any:
            function = residual(self.model, final_progress(params), params)
            return self._observe(carry_gradient(function, context), params)

        return follow

    def _context(self, params: Any) -> Any:
        """Return the least root of F; it carries no gradient."""
        params = lax.stop_gradient(params)
        progress = final_progress(params)
        enclosed = enclosed_residual(self.model, progress, params)
        found = bracket_roots(enclosed, start_search(self.model, progress, params, 1))
        return refine(residual(self.model, progress, params), found.lower[0], found.upper[0])

    def _observe(self, context: Any, params: Any) -> Any:
        state = self.model.at_rest(context, final_progress(params), params)
        return self.model.observables[self.observable].evaluate(self.model, state, params)


class Success(eqx.Module):
    """s(T) of the ODE, the share of the task that is resolved by the horizon, as an objective."""

    model: AbstractModel = Star()
    grid: Grid = Grid(128.0, 1, 512)

    def __check_init__(self) -> None:
        check_progress(self.model)

    def __call__(self, params: Any) -> Any:
        final = solve(self.model, params, grid=self.grid, dtype=jnp.result_type(params.evidence)).final
        return self.model.progress(final)


def check_progress(model: AbstractModel) -> None:
    """Raise `ValueError` for a model that follows no task."""
    if not model.has_progress():
        raise ValueError(
            f"{type(model).__name__} follows no task, so that none of it is ever resolved; take an orchestrator."
        )


_OBJECTIVES: dict[str, Objective] = {
    "right_probability": AtRest("right_probability"),
    "margin": AtRest("margin"),
    "success": Success(),
}


def reasoning_optimum(
    params: Any,
    objective: str | Objective = "right_probability",
    *,
    low: Any = 0.0,
    high: Any = 16.0,
    dtype: Any = None,
) -> ReasoningOptimum:
    """Return argmax over tau_r of an objective, by grids that close in on it and Newton's method on its slope.

    Batch it with `jax.vmap`; inside the range its gradient is that of the implicit function theorem, at an end 0. Where
    the objective is largest at a jump, because the focused fixed point vanishes there, the code is `EDGE` and the
    gradient is not finite.

    **Arguments:**

    - `objective`: "right_probability" or "margin" of the focused fixed point, "success" by the horizon of the ODE, or a
      function of the parameters.
    - `low`, `high`: range of tau_r in ktok/step.
    - `dtype`: floating type, by default JAX's own.

    **Raises:** `ValueError` for an unknown objective.
    """
    objective = named_objective(objective)
    params = cast(params, jnp.result_type(float) if dtype is None else jnp.dtype(dtype))
    low, high = (jnp.asarray(end, params.evidence.dtype) for end in (low, high))
    still = lax.stop_gradient(params)
    effort, cell, place = close_in(lambda effort: objective(with_effort(still, effort)), low, high)
    near = getattr(objective, "near", None)
    local = objective if near is None else near(with_effort(still, effort))
    inner, bend, smooth = _polish(lambda effort: local(with_effort(still, effort)), effort, cell)
    interior = place == Optimum.INTERIOR
    edge = interior & ~smooth
    _, slope = slope_at(lambda effort: local(with_effort(params, effort)), inner)
    step = -slope / jnp.where(smooth, bend, 1.0)
    # sqrt(0) has the value 0 and no derivative.
    nothing = jnp.sqrt(jnp.where(edge, step - lax.stop_gradient(step), 0.25)) - jnp.where(edge, 0.0, 0.5)
    best = jnp.where(interior & smooth, inner + step, effort + nothing)
    place = jnp.where(edge, Optimum.EDGE, place).astype(jnp.int32)
    return ReasoningOptimum(best, local(with_effort(params, lax.stop_gradient(best))), place)


def named_objective(objective: str | Objective) -> Objective:
    """Return an objective by its name; a function is its own.

    **Raises:** `ValueError` for an unknown name.
    """
    if not isinstance(objective, str):
        return objective
    if objective not in _OBJECTIVES:
        raise ValueError(f"'{objective}' is not an objective; take one of {', '.join(_OBJECTIVES)}, or a function.")
    return _OBJECTIVES[objective]


def with_effort(params: Any, effort: Any) -> Any:
    """Return parameters with another tau_r in ktok/step."""
    return replace(params, {"reasoning_tokens": effort})


def slope_at(function: Callable[[Any], Any], effort: Any) -> tuple[Any, Any]:
    """Return the value and the derivative."""
    return jax.jvp(function, (effort,), (jnp.ones_like(effort),))


def _polish(function: Callable[[Any], Any], effort: Any, cell: Any) -> tuple[Any, Any, Any]:
    """Return the zero of the slope near `effort`, the bend there, and whether it is a smooth maximum within `cell`."""

    def step(_: Any, state: Any) -> Any:
        effort, *_ = state
        slope, bend = slope_at(lambda effort: slope_at(function, effort)[1], effort)
        change = jnp.clip(-slope / jnp.where(bend == 0.0, 1.0, bend), -cell, cell)
        return effort + change, jnp.abs(change), bend

    inner, change, bend = lax.fori_loop(0, _NEWTON, step, (effort, cell, cell))
    return inner, bend, (bend < 0.0) & (change < 1e-2 * cell) & (jnp.abs(inner - effort) <= cell)


def close_in(function: Callable[[Any], Any], low: Any, high: Any) -> tuple[Any, Any, Any]:
    """Return the best point of nested grids on [low, high], the width of their last cell, and an `Optimum` code."""
    share = jnp.linspace(0.0, 1.0, _POINTS, dtype=low.dtype)

    def zoom(_: Any, state: Any) -> Any:
        left, right, *_ = state
        points = left + (right - left) * share
        values = jax.vmap(function)(points)
        values = jnp.where(jnp.isfinite(values), values, -jnp.inf)
        best = jnp.argmax(values)
        around = jnp.clip(jnp.stack([best - 1, best + 1]), 0, _POINTS - 1)
        return points[around[0]], points[around[1]], points[best], values[best]

    # A maximum is flat: finer grids would compare rounding errors.
    rounds = 4 if low.dtype == jnp.float64 else 2
    left, right, best, value = lax.fori_loop(0, rounds, zoom, (low, high, low, jnp.zeros_like(low)))
    place = jnp.where(best == low, Optimum.LOWER_END, jnp.where(best == high, Optimum.UPPER_END, Optimum.INTERIOR))
    return best, right - left, jnp.where(value == -jnp.inf, Optimum.NONE, place)
