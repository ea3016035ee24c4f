"""The fixed-step path: a scan over a struct of arrays, one lane at a time under vmap."""

import abc
import dataclasses
import functools
import operator
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int, UInt32

from entropyjax.models import AbstractModel, project
from entropyjax.results import Failure
from entropyjax.solve.events import Events, outcome
from entropyjax.solve.method import AbstractMethod, LaneResult, Path, Problem
from entropyjax.solve.noise import Draws, coarsen, draw
from entropyjax.solve.noisy_events import NoisyMonitor
from entropyjax.solve.settle import settle
from entropyjax.solve.smooth_events import SmoothMonitor

Scalar = Float[Array, ""]

_LIMIT = 1e12
"""A component beyond this size counts as diverged (in its own unit)."""


class _Carry(NamedTuple):
    state: Any
    slope: Any
    record: Any
    failure: Int[Array, ""]
    projections: Int[Array, ""]


class AbstractFixedStep(AbstractMethod):
    """A method that advances one lane by one step of given size.

    **Attributes:** `together`: whether lanes are batched by `vmap`; it changes nothing but the cost.
    """

    together: bool = eqx.field(static=True, default=False)

    @abc.abstractmethod
    def step(
        self, model: AbstractModel, params: Any, t: Scalar, dt: Scalar, state: Any, slope: Any, draws: Draws
    ) -> Any:
        """Return the state at t + dt; `slope` is the drift at `state`."""

    def batched(self) -> "AbstractFixedStep":
        return dataclasses.replace(self, together=True)

    def normals(self, model: AbstractModel, params: Any, state: Any) -> int:
        """Return how many normals a step consumes: one for each Wiener process."""
        if self.dynamics == "ode":
            return 0
        return len(jax.eval_shape(model.diffusion, jnp.zeros(()), state, params))

    def integrate(self, problem: Problem) -> LaneResult:
        model, params, grid = problem.model, problem.params, problem.grid
        noisy = self.dynamics != "ode"
        monitor = (NoisyMonitor if noisy else SmoothMonitor)(model, params, problem.criteria, self.together)
        dt = jnp.asarray(grid.step)
        count = self.normals(model, params, problem.state)

        def drift(t: Scalar, state: Any) -> Any:
            return model.drift(t, state, params)

        # Inside a scan nothing can undo the recomputation, and the barriers against that would split the step.
        @functools.partial(jax.checkpoint, prevent_cse=False)
        def step(carry: _Carry, number: UInt32[Array, ""]) -> _Carry:
            t = number.astype(dt.dtype) * dt
            draws = draws_on_path(problem.path, number, count, dt.dtype)
            proposal = self.step(model, params, t, dt, carry.state, carry.slope, draws)
            moved = jnp.asarray(False)
            if noisy:
                proposal, moved = project(model, proposal)
            proposal = settle(proposal)
            alive = settle((carry.failure == Failure.NONE) & small(proposal))
            # Batched, these are selections; a native kernel branches, for few lanes fail.
            state, failure = lax.cond(
                alive,
                lambda: (proposal, carry.failure),
                lambda: (carry.state, jnp.where(carry.failure > 0, carry.failure, _reason(proposal))),
            )
            slope = None if noisy else drift(t + dt, state)
            record = monitor.update(carry.record, t, dt, carry.state, state)
            # A failed lane stays where it was, where the signals of an ODE show no event; a dwell might end.
            record = select(alive, record, carry.record) if noisy else record
            return _Carry(state, slope, record, failure, carry.projections + (moved & alive).astype(jnp.int32))

        def interval(carry: tuple[_Carry, UInt32[Array, ""]], _: None) -> tuple[Any, Any]:
            lane, number = carry
            saved = problem.save(number.astype(dt.dtype) * dt, lane.state, lane.failure == Failure.NONE)
            return lax.scan(advance, carry, None, length=grid.steps)[0], saved

        def advance(carry: tuple[_Carry, UInt32[Array, ""]], _: None) -> tuple[Any, None]:
            lane, number = carry
            return (step(lane, number), number + jnp.uint32(1)), None

        slope = None if noisy else drift(0.0 * dt, problem.state)
        record = monitor.start(0.0 * dt, problem.state)
        lane = _Carry(problem.state, slope, record, failure_code(problem.state), jnp.zeros((), jnp.int32))
        (lane, _), saved = lax.scan(interval, (lane, jnp.zeros((), jnp.uint32)), None, length=grid.intervals)
        return finish(problem, lane.state, monitor.events(lane.record), lane.failure, saved)._replace(
            projections=lane.projections, steps=jnp.asarray(grid.total_steps, jnp.int32)
        )


def draws_on_path(path: Path, number: UInt32[Array, ""], count: int, dtype: Any) -> Draws:
    """Return the draws of step `number`; with two substeps they are those of a step twice the size."""
    if count == 0:
        return Draws((), ())
    if path.substeps == 1:
        return draw(path.stream, path.lane, number, count, dtype)
    fine = [draw(path.stream, path.lane, jnp.uint32(2) * number + jnp.uint32(half), count, dtype) for half in (0, 1)]
    return coarsen(*fine)


def failure_code(state: Any) -> Int[Array, ""]:
    """Return `Failure.NONE`, `DIVERGED` or `NON_FINITE` for a state."""
    return jnp.where(small(state), jnp.int32(Failure.NONE), _reason(state))


def small(state: Any) -> Bool[Array, ""]:
    """Return whether no component of a state is NaN or beyond the limit of divergence."""
    # A chain of "and", not a stack, keeps concatenations out of the loop. A NaN is not small.
    return functools.reduce(operator.and_, [jnp.all(jnp.abs(leaf) < _LIMIT) for leaf in jax.tree.leaves(state)])


def _reason(state: Any) -> Int[Array, ""]:
    """Return why a state that is not small is a failure."""
    finite = functools.reduce(operator.and_, [jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(state)])
    return jnp.where(finite, jnp.int32(Failure.DIVERGED), jnp.int32(Failure.NON_FINITE))


def select(condition: Bool[Array, ""], chosen: Any, other: Any) -> Any:
    """Return `chosen` where `condition` holds, else `other`, leaf by leaf."""
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), chosen, other)


def finish(problem: Problem, state: Any, events: Events, failure: Int[Array, ""], saved: Any) -> LaneResult:
    """Return the result of a lane that has reached the horizon, the last save appended."""
    horizon = jnp.asarray(problem.grid.horizon)
    last = problem.save(horizon, state, failure == Failure.NONE)
    saved = jax.tree.map(lambda rows, row: jnp.concatenate([rows, row[None]]), saved, last)
    zero = jnp.zeros((), jnp.int32)
    return LaneResult(saved, events, outcome(events, horizon), failure, zero, zero, state)
