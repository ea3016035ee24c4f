"""Events of a noisy lane: straight lines between steps, hysteresis and dwell."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from entropyjax.models import AbstractModel
from entropyjax.solve.crossing import linear
from entropyjax.solve.events import Criteria, Events, progress_signal, run_if

Scalar = Float[Array, ""]


class Times(NamedTuple):
    """First times of focus and resolution, and the start of the present stay above the threshold."""

    focus: Scalar
    resolution: Scalar
    stay: Scalar


class Record(NamedTuple):
    """Running record of one lane: signals at its last state, times so far, and whether it can collapse."""

    focus: Scalar
    progress: Scalar
    times: Times
    collapse: Scalar
    crossings: Int[Array, ""]
    armed: Bool[Array, ""]


class NoisyMonitor:
    """Follows the signals of a noisy lane.

    Zeros are those of straight lines between steps. A collapse needs hysteresis and dwell: a stay above the
    threshold that the horizon cuts short is no collapse. There is no cognitive horizon of a single lane.
    """

    def __init__(self, model: AbstractModel, params: Any, criteria: Criteria, together: bool = False):
        theta = criteria.collapse_threshold
        self._run_if = run_if(together)
        self._dwell = criteria.dwell
        self._focus = model.focus_signal(params, theta)
        self._arming = model.focus_signal(params, theta - criteria.hysteresis)
        self._progress = progress_signal(model, criteria)

    def start(self, t: Scalar, state: Any) -> Record:
        focus, progress = self._focus(state), self._progress(state)
        never = jnp.full_like(focus, jnp.inf)
        times = Times(jnp.where(focus > 0.0, t, never), jnp.where(progress >= 0.0, t, never), never)
        armed = self._arming(state) > 0.0
        return Record(focus, progress, times, never, jnp.zeros((), jnp.int32), armed)

    def update(self, record: Record, t: Scalar, dt: Scalar, before: Any, state: Any) -> Record:
        del before
        focus, progress = self._focus(state), self._progress(state)
        gained = (record.focus <= 0.0) & (focus > 0.0)
        lost = (record.focus > 0.0) & (focus <= 0.0)
        resolved = (record.progress < 0.0) & (progress >= 0.0)

        times = record.times

        def note() -> Times:
            turn = t + dt * linear(record.focus, focus)
            done = t + dt * linear(record.progress, progress)
            return Times(
                focus=jnp.where(gained, jnp.minimum(times.focus, turn), times.focus),
                resolution=jnp.where(resolved, jnp.minimum(times.resolution, done), times.resolution),
                stay=jnp.where(lost, turn, jnp.where(focus > 0.0, jnp.inf, times.stay)),
            )

        times = self._run_if(gained | lost | resolved, note, record.times)
        # The slack keeps dt-sized rounding from costing a whole step.
        full = t + dt - times.stay >= self._dwell - 1e-3 * dt
        collapsed = record.armed & (focus <= 0.0) & full
        return Record(
            focus=focus,
            progress=progress,
            times=times,
            collapse=jnp.where(collapsed, jnp.minimum(record.collapse, times.stay), record.collapse),
            crossings=record.crossings + (gained | lost).astype(jnp.int32),
            armed=record.armed | (self._arming(state) > 0.0),
        )

    def events(self, record: Record) -> Events:
        times, focused = record.times, record.focus > 0.0
        never = jnp.full_like(record.collapse, jnp.inf)
        return Events(times.focus, record.collapse, times.resolution, never, record.crossings, focused)
