"""One lane that adapts its steps: its start, the test for its end, and one attempt of a step."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from entropyjax.models import combine
from entropyjax.results import Failure
from entropyjax.solve.clock import Clock
from entropyjax.solve.dense import Interpolant, interpolant
from entropyjax.solve.events import outcome
from entropyjax.solve.method import LaneResult, Problem
from entropyjax.solve.runge_kutta import Tsit5, increment, weigh
from entropyjax.solve.scan import failure_code, select
from entropyjax.solve.settle import settle
from entropyjax.solve.smooth_events import SmoothMonitor
from entropyjax.solve.step_control import Controller

Scalar = Float[Array, ""]
Flag = Bool[Array, ""]
Count = Int[Array, ""]


class Carry(NamedTuple):
    """A lane between attempts: `now` and the `size` to try are in ticks, `slope` is the drift at `state`."""

    now: Scalar
    size: Scalar
    previous: Scalar
    state: Any
    slope: Any
    record: Any
    failure: Count
    attempts: Count


class Step(NamedTuple):
    """What the last attempt did: the ticks at its start, its size in ticks, and its dense output."""

    start: Scalar
    size: Scalar
    accepted: Flag
    inside: Interpolant


class _Attempt(NamedTuple):
    """One step of a trial size: `slopes` are the drift at its six stages and at its `end`."""

    end: Any
    slopes: list[Any]
    squared: Scalar


class Lane:
    """The integration of one lane."""

    def __init__(self, problem: Problem, control: Controller, max_steps: int, together: bool = False):
        self.problem, self.control, self.max_steps = problem, control, max_steps
        self.clock = Clock(jnp.asarray(problem.grid.horizon), problem.grid.intervals)
        self.monitor = SmoothMonitor(problem.model, problem.params, problem.criteria, together)

    def drift(self, t: Scalar, state: Any) -> Any:
        return self.problem.model.drift(t, state, self.problem.params)

    def start(self) -> Carry:
        state, zero = self.problem.state, 0.0 * self.clock.horizon
        slope = self.drift(zero, state)
        # The second derivative along the solution is the derivative of the drift along itself.
        _, curve = jax.jvp(self.drift, (zero, state), (jnp.ones_like(zero), slope))
        return Carry(
            now=zero,
            size=self.control.first(state, slope, curve) / jax.lax.stop_gradient(self.clock.tick),
            previous=zero,
            state=state,
            slope=slope,
            record=self.monitor.start(zero, state),
            failure=failure_code(state),
            attempts=jnp.zeros((), jnp.int32),
        )

    def unfinished(self, carry: Carry) -> Flag:
        return (carry.failure == Failure.NONE) & (carry.now < self.clock.ticks)

    def standing(self, carry: Carry) -> Step:
        """Return a step that did not leave the state of a lane."""
        none = jax.tree.map(jnp.zeros_like, carry.state)
        inside = Interpolant(carry.state, none, none, none, none)
        return Step(carry.now, jnp.ones_like(carry.now), jnp.asarray(False), inside)

    def advance(self, carry: Carry, going: Flag) -> tuple[Carry, Step]:
        """Attempt a step; a lane that is not to go on stays as it is."""
        size = self.clock.clip(carry.now, carry.size)
        t, dt = settle((carry.now * self.clock.tick, size * self.clock.tick))
        attempt = self._attempt(t, dt, carry.state, carry.slope)
        good = going & (attempt.squared <= 1.0)
        code = failure_code(attempt.end)
        accepted = settle(good & (code == Failure.NONE))
        now = jnp.where(accepted, carry.now + size, carry.now)
        attempts = carry.attempts + going.astype(jnp.int32)
        ratio, previous = self.control.ratio(attempt.squared, carry.previous)
        failure = jnp.where(good, code, self._rejection(attempt, size))
        exhausted = (attempts >= self.max_steps) & (now < self.clock.ticks) & (failure == Failure.NONE)
        failure = jnp.where(exhausted, Failure.STEP_LIMIT, failure)
        state = select(accepted, attempt.end, carry.state)
        slope = select(accepted, attempt.slopes[-1], carry.slope)
        inside = interpolant(carry.state, attempt.end, attempt.slopes, dt)
        after = Carry(
            now=now,
            size=jnp.where(going, size * ratio, carry.size),
            previous=jnp.where(accepted, previous, carry.previous),
            state=state,
            slope=slope,
            record=self.monitor.update(carry.record, t, dt, carry.state, state),
            failure=jnp.where(going, failure, carry.failure).astype(jnp.int32),
            attempts=attempts,
        )
        return after, Step(carry.now, size, accepted, inside)

    def _attempt(self, t: Scalar, dt: Scalar, state: Any, slope: Any) -> _Attempt:
        slopes = Tsit5.slopes(self.drift, t, dt, state, slope)
        end = settle(combine(state, *weigh(Tsit5.b, dt, slopes)))
        slopes = [*slopes, settle(self.drift(t + dt, end))]
        return _Attempt(end, slopes, settle(self.control.squared(increment(Tsit5.error, dt, slopes), state, end)))

    def _rejection(self, attempt: _Attempt, size: Scalar) -> Count:
        """Return the failure of a lane whose rejected step was the smallest that there is."""
        code = jnp.where(attempt.squared < jnp.inf, Failure.STEP_LIMIT, Failure.NON_FINITE)
        return jnp.where(size > 1.0, Failure.NONE, code)

    def within(self, step: Step, row: Count) -> Any:
        """Return the state at the time of a row inside a step."""
        return step.inside.at(self.clock.place(step.start, step.size, row))

    def result(self, saved: Any, last: Carry) -> LaneResult:
        """Return the result of a lane that has ended."""
        events = self.monitor.events(last.record)
        ending = outcome(events, self.clock.horizon)
        none = jnp.zeros((), jnp.int32)
        return LaneResult(saved, events, ending, last.failure, none, last.attempts, last.state)
