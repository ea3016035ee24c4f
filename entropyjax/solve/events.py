"""Events of one lane: focus, collapse, resolution and the cognitive horizon (model page, section 3)."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from entropyjax.models import AbstractModel
from entropyjax.results import Outcome
from entropyjax.solve.crossing import hermite, linear

Scalar = Float[Array, ""]


class Criteria(eqx.Module):
    """What counts as focused, collapsed and resolved.

    **Attributes:**

    - `collapse_threshold`: theta on h, in (0, 1).
    - `progress_tolerance`: s_tol; resolved means s >= 1 - s_tol.
    - `dwell`: steps that a noisy lane must stay at h >= theta for a collapse.
    - `hysteresis`: a noisy lane must have been below theta - hysteresis before it can collapse.
    """

    collapse_threshold: float | Scalar = 0.5
    progress_tolerance: float | Scalar = 0.01
    dwell: float | Scalar = 1.0
    hysteresis: float | Scalar = 0.1


class Events(NamedTuple):
    """Event times in steps, infinite where an event did not happen, and the lane's state at the horizon.

    `crossings` counts changes between focused and not; `focused` is the state at the horizon.
    """

    focus_time: Scalar
    collapse_time: Scalar
    resolution_time: Scalar
    horizon_time: Scalar
    crossings: Int[Array, ""]
    focused: Bool[Array, ""]


class _Signals(NamedTuple):
    focus: Scalar
    armed: Scalar
    progress: Scalar
    trend: Scalar


class Tracker(NamedTuple):
    """Running record of one lane between steps."""

    events: Events
    signals: _Signals
    slopes: _Signals
    armed: Bool[Array, ""]
    stay: Scalar
    """Start of the present stay above the threshold; infinite if below it."""


class Monitor:
    """Follows the event signals of one lane from step to step.

    For an ODE every event is a zero of a cubic Hermite interpolant of its signal, whose end slopes come
    from the drift. With noise the zeros are those of straight lines between steps, and a collapse needs
    hysteresis and dwell: a stay above the threshold that the horizon cuts short is no collapse. Thresholds
    are worked out once, when the monitor is made, outside any loop.
    """

    def __init__(self, model: AbstractModel, params: Any, criteria: Criteria, noisy: bool):
        theta = criteria.collapse_threshold
        self.model, self.params, self.criteria, self.noisy = model, params, criteria, noisy
        self._focused = model.focus_signal(params, theta)
        self._arming = model.focus_signal(params, theta - criteria.hysteresis) if noisy else self._focused

    def start(self, t: Scalar, state: Any) -> Tracker:
        """Return the record at t = 0."""
        signals, slopes = self._evaluate(t, state)
        focused = signals.focus > 0.0
        rising = (signals.trend > 0.0) & (not self.noisy)
        never = jnp.full_like(signals.focus, jnp.inf)
        events = Events(
            focus_time=jnp.where(focused, 0.0, never),
            collapse_time=never,
            resolution_time=jnp.where(signals.progress >= 0.0, 0.0, never),
            horizon_time=jnp.where(rising, 0.0, never),
            crossings=jnp.zeros((), jnp.int32),
            focused=focused,
        )
        return Tracker(events, signals, slopes, signals.armed > 0.0, never)

    def update(self, tracker: Tracker, t: Scalar, dt: Scalar, state: Any) -> Tracker:
        """Return the record after a step from t to t + dt that ended in `state`."""
        old, was = tracker.events, tracker.signals
        now, slopes = self._evaluate(t + dt, state)

        def when(name: str) -> Scalar:
            before, after = getattr(was, name), getattr(now, name)
            if self.noisy:
                return t + dt * linear(before, after)
            ends = (getattr(tracker.slopes, name), getattr(slopes, name))
            return t + dt * hermite(before, after, dt * ends[0], dt * ends[1])

        gained = (was.focus <= 0.0) & (now.focus > 0.0)
        lost = (was.focus > 0.0) & (now.focus <= 0.0)
        turn = when("focus")
        focus_time = jnp.where(gained, jnp.minimum(old.focus_time, turn), old.focus_time)
        armed = tracker.armed | (now.armed > 0.0)
        stay = jnp.where(lost, turn, jnp.where(now.focus > 0.0, jnp.inf, tracker.stay))
        collapsed = lost
        if self.noisy:
            # The slack keeps dt-sized rounding from costing a whole step.
            full = t + dt - stay >= self.criteria.dwell - 1e-3 * dt
            collapsed = tracker.armed & (now.focus <= 0.0) & full
        collapse_time = jnp.where(collapsed, jnp.minimum(old.collapse_time, stay), old.collapse_time)
        resolved = (was.progress < 0.0) & (now.progress >= 0.0)
        resolution_time = jnp.where(resolved, jnp.minimum(old.resolution_time, when("progress")), old.resolution_time)
        horizon_time = old.horizon_time
        if not self.noisy:
            turned = (was.trend < 0.0) & (now.trend >= 0.0)
            horizon_time = jnp.where(turned, jnp.minimum(horizon_time, when("trend")), horizon_time)
        events = Events(
            focus_time,
            collapse_time,
            resolution_time,
            horizon_time,
            old.crossings + (gained | lost).astype(jnp.int32),
            now.focus > 0.0,
        )
        return Tracker(events, now, slopes, armed, stay)

    def _evaluate(self, t: Scalar, state: Any) -> tuple[_Signals, _Signals]:
        """Return the signals at `state` and, for an ODE, their time derivatives along the drift."""
        if self.noisy:
            now = self._signals(state)
            return now, jax.tree.map(jnp.zeros_like, now)
        return jax.jvp(self._signals, (state,), (self.model.drift(t, state, self.params),))

    def _signals(self, state: Any) -> _Signals:
        focus = self._focused(state)
        return _Signals(
            focus=focus,
            armed=self._arming(state),
            progress=self.model.progress(state) - (1.0 - self.criteria.progress_tolerance),
            trend=jnp.zeros_like(focus) if self.noisy else self.model.entropy_trend(state, self.params),
        )


def outcome(events: Events, horizon: Scalar) -> Int[Array, ""]:
    """Return the `Outcome` code, in the order of precedence of the model page."""
    resolved = (events.resolution_time <= horizon) & (events.resolution_time <= events.collapse_time)
    code = jnp.where(events.focus_time > horizon, Outcome.NEVER_FOCUSED, Outcome.UNRESOLVED)
    code = jnp.where(events.collapse_time <= horizon, Outcome.COLLAPSED, code)
    return jnp.where(resolved, Outcome.RESOLVED, code).astype(jnp.int32)
