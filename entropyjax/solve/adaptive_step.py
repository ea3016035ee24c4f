"""The adaptive path in one loop per lane, from which a batch and a native kernel are made alike."""

from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from entropyjax.models import combine
from entropyjax.results import Failure
from entropyjax.solve.clock import Clock
from entropyjax.solve.dense import interpolant
from entropyjax.solve.events import outcome
from entropyjax.solve.masked import masked_while
from entropyjax.solve.method import AbstractMethod, LaneResult, Problem, register
from entropyjax.solve.rows import Rows
from entropyjax.solve.runge_kutta import Tsit5, increment, weigh
from entropyjax.solve.scan import failure_code, select
from entropyjax.solve.smooth_events import SmoothMonitor
from entropyjax.solve.step_control import Controller

Scalar = Float[Array, ""]
Flag = Bool[Array, ""]
Count = Int[Array, ""]


@register("tsit5_adaptive")
class Tsit5Adaptive(AbstractMethod):
    """Tsitouras' 5(4) pair with adaptive steps from 0 to the horizon, one lane at a time under vmap.

    Save times and event times come from dense output, so they do not bound the steps; the solver step of the
    grid has no meaning here. A batch runs until its slowest lane ends. A step is rejected if its error estimate
    is above the tolerance or not finite; a lane fails once a step cannot be made smaller, so none retries for ever.
    Rows that a failed lane did not reach hold `save` at the start with `alive` false.

    Differentiation is in forward mode (`jax.jvp`, `jax.jacfwd`), at frozen step sizes. JAX cannot
    differentiate a while loop in reverse mode: use `adaptive`, or fixed steps.

    **Attributes:**

    - `rtol`, `atol`: relative and absolute tolerance; by default 1e-5 and 1e-6 in float32, 1e-8 and 1e-9 in
      float64.
    - `max_steps`: most attempts, rejected ones included, before the lane fails with `STEP_LIMIT`.
    """

    dynamics: ClassVar = "ode"
    order: ClassVar[float] = 0.0
    lockstep: ClassVar[bool] = False
    rtol: float | None = None
    atol: float | None = None
    max_steps: int = 16384

    def integrate(self, problem: Problem) -> LaneResult:
        lane = _Lane(problem, self._controller(problem), self.max_steps)
        start = lane.start()
        last = masked_while(lane.unfinished, lane.advance, start)
        events = lane.monitor.events(last.record)
        ending = outcome(events, lane.clock.horizon)
        none = jnp.zeros((), jnp.int32)
        return LaneResult(lane.saved(start, last), events, ending, last.failure, none, last.attempts, last.state)

    def _controller(self, problem: Problem) -> Controller:
        double = jnp.asarray(problem.grid.horizon).dtype == jnp.float64
        rtol = self.rtol if self.rtol is not None else (1e-8 if double else 1e-5)
        atol = self.atol if self.atol is not None else (1e-9 if double else 1e-6)
        return Controller(rtol, atol)


class _Carry(NamedTuple):
    """A lane between attempts: `now` and the `size` to try are in ticks, `slope` is the drift at `state`."""

    now: Scalar
    size: Scalar
    previous: Scalar
    state: Any
    slope: Any
    record: Any
    failure: Count
    attempts: Count
    rows: Rows


class _Attempt(NamedTuple):
    """One step of a trial size: `slopes` are the drift at its six stages and at its `end`."""

    end: Any
    slopes: list[Any]
    squared: Scalar


class _Lane:
    """The integration of one lane: its start, the test for its end, and one attempt of a step."""

    def __init__(self, problem: Problem, control: Controller, max_steps: int):
        self.problem, self.control, self.max_steps = problem, control, max_steps
        self.clock = Clock(jnp.asarray(problem.grid.horizon), problem.grid.intervals)
        self.monitor = SmoothMonitor(problem.model, problem.params, problem.criteria)

    def drift(self, t: Scalar, state: Any) -> Any:
        return self.problem.model.drift(t, state, self.problem.params)

    def start(self) -> _Carry:
        state, zero = self.problem.state, 0.0 * self.clock.horizon
        slope = self.drift(zero, state)
        # The second derivative along the solution is the derivative of the drift along itself.
        _, curve = jax.jvp(self.drift, (zero, state), (jnp.ones_like(zero), slope))
        return _Carry(
            now=zero,
            size=self.control.first(state, slope, curve) / jax.lax.stop_gradient(self.clock.tick),
            previous=zero,
            state=state,
            slope=slope,
            record=self.monitor.start(zero, state),
            failure=failure_code(state),
            attempts=jnp.zeros((), jnp.int32),
            rows=Rows.start(self.problem.save(zero, state, jnp.asarray(True)), self.clock.intervals),
        )

    def unfinished(self, carry: _Carry) -> Flag:
        return (carry.failure == Failure.NONE) & (carry.now < self.clock.ticks)

    def advance(self, carry: _Carry) -> _Carry:
        """Attempt a step; a finished lane stays as it is."""
        going = self.unfinished(carry)
        size = self.clock.clip(carry.now, carry.size)
        t, dt = carry.now * self.clock.tick, size * self.clock.tick
        attempt = self._attempt(t, dt, carry.state, carry.slope)
        good = going & (attempt.squared <= 1.0)
        code = failure_code(attempt.end)
        accepted = good & (code == Failure.NONE)
        now = jnp.where(accepted, carry.now + size, carry.now)
        attempts = carry.attempts + going.astype(jnp.int32)
        ratio, previous = self.control.ratio(attempt.squared, carry.previous)
        failure = jnp.where(good, code, self._rejection(attempt, size))
        exhausted = (attempts >= self.max_steps) & (now < self.clock.ticks) & (failure == Failure.NONE)
        failure = jnp.where(exhausted, Failure.STEP_LIMIT, failure)
        state = select(accepted, attempt.end, carry.state)
        slope = select(accepted, attempt.slopes[-1], carry.slope)
        return _Carry(
            now=now,
            size=jnp.where(going, size * ratio, carry.size),
            previous=jnp.where(accepted, previous, carry.previous),
            state=state,
            slope=slope,
            record=self.monitor.update(carry.record, t, dt, state),
            failure=jnp.where(going, failure, carry.failure).astype(jnp.int32),
            attempts=attempts,
            rows=self._save(carry, attempt, size, now),
        )

    def _attempt(self, t: Scalar, dt: Scalar, state: Any, slope: Any) -> _Attempt:
        slopes = Tsit5.slopes(self.drift, t, dt, state, slope)
        end = combine(state, *weigh(Tsit5.b, dt, slopes))
        slopes = [*slopes, self.drift(t + dt, end)]
        return _Attempt(end, slopes, self.control.squared(increment(Tsit5.error, dt, slopes), state, end))

    def _rejection(self, attempt: _Attempt, size: Scalar) -> Count:
        """Return the failure of a lane whose rejected step was the smallest that there is."""
        code = jnp.where(attempt.squared < jnp.inf, Failure.STEP_LIMIT, Failure.NON_FINITE)
        return jnp.where(size > 1.0, Failure.NONE, code)

    def _save(self, carry: _Carry, attempt: _Attempt, size: Scalar, now: Scalar) -> Rows:
        """Return the rows with those filled whose times the step passed; a rejected one passes none."""
        dt = size * self.clock.tick
        inside = interpolant(carry.state, attempt.end, attempt.slopes, dt)

        def values(row: Count) -> Any:
            place = self.clock.place(carry.now, size, row)
            return self.problem.save(self.clock.time(row), inside.at(place), jnp.asarray(True))

        return carry.rows.fill(lambda row: self.clock.due(now, row), values)

    def saved(self, start: _Carry, last: _Carry) -> Any:
        """Return what was saved at all save times, of a lane that has ended."""
        flags = (start.failure == Failure.NONE, jnp.asarray(False))
        first, unreached = (self.problem.save(start.now, start.state, flag) for flag in flags)
        return last.rows.saved(first, unreached)
