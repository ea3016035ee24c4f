"""Events of an ODE: zeros of smooth signals, bracketed by a step and located once, at the end."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from entropyjax.models import AbstractModel
from entropyjax.solve.crossing import hermite
from entropyjax.solve.events import Criteria, Events, progress_signal

Scalar = Float[Array, ""]


class Signals(NamedTuple):
    """Event signals of a state: g_focus, s - (1 - s_tol), and a quantity with the sign of dH/dt."""

    focus: Scalar
    progress: Scalar
    trend: Scalar


class Bracket(NamedTuple):
    """The step in which a signal first crossed zero, and the signal at its ends; `start` is infinite before."""

    start: Scalar
    length: Scalar
    before: Scalar
    after: Scalar
    slope_before: Scalar
    slope_after: Scalar

    def time(self) -> Scalar:
        """Return the time of the zero, infinite if there was none."""
        rise = (self.length * self.slope_before, self.length * self.slope_after)
        return self.start + self.length * hermite(self.before, self.after, *rise)


class Record(NamedTuple):
    """Running record of one lane: its last state with the drift and the signals there, and the first zeros."""

    state: Any
    slope: Any
    signals: Signals
    focus: Bracket
    collapse: Bracket
    resolution: Bracket
    horizon: Bracket
    crossings: Int[Array, ""]


class SmoothMonitor:
    """Follows the signals of an ODE; every event time is the zero of a cubic Hermite interpolant.

    A step only notes the ends of the interval in which a signal first changed sign. The cubics are solved
    once, in `events`, outside the loop over steps.
    """

    def __init__(self, model: AbstractModel, params: Any, criteria: Criteria):
        self._model, self._params = model, params
        self._focus = model.focus_signal(params, criteria.collapse_threshold)
        self._progress = progress_signal(model, criteria)

    def start(self, t: Scalar, state: Any, slope: Any) -> Record:
        signals = self._signals(state)
        zero = jnp.zeros_like(signals.focus)

        def first(happened: Bool[Array, ""]) -> Bracket:
            return Bracket(jnp.where(happened, t, jnp.inf), zero, zero, zero, zero, zero)

        return Record(
            state=state,
            slope=slope,
            signals=signals,
            focus=first(signals.focus > 0.0),
            collapse=first(jnp.asarray(False)),
            resolution=first(signals.progress >= 0.0),
            horizon=first(signals.trend > 0.0),
            crossings=jnp.zeros((), jnp.int32),
        )

    def update(self, record: Record, t: Scalar, dt: Scalar, state: Any, slope: Any) -> Record:
        was, now = record.signals, self._signals(state)
        gained = (was.focus <= 0.0) & (now.focus > 0.0)
        lost = (was.focus > 0.0) & (now.focus <= 0.0)
        resolved = (was.progress < 0.0) & (now.progress >= 0.0)
        turned = (was.trend < 0.0) & (now.trend >= 0.0)

        def note(brackets: tuple[Bracket, ...]) -> tuple[Bracket, ...]:
            before, after = self._along(record.state, record.slope), self._along(state, slope)
            kinds = ("focus", gained), ("focus", lost), ("progress", resolved), ("trend", turned)
            return tuple(
                _keep_first(old, happened, Bracket(t, dt, *_ends(name, before, after)))
                for old, (name, happened) in zip(brackets, kinds, strict=True)
            )

        brackets = (record.focus, record.collapse, record.resolution, record.horizon)
        # Batched, this is a selection; a native kernel branches, for few steps hold an event.
        event = gained | lost | resolved | turned
        focus, collapse, resolution, horizon = lax.cond(event, note, lambda kept: kept, brackets)
        crossings = record.crossings + (gained | lost).astype(jnp.int32)
        return Record(state, slope, now, focus, collapse, resolution, horizon, crossings)

    def events(self, record: Record) -> Events:
        times = (bracket.time() for bracket in (record.focus, record.collapse, record.resolution, record.horizon))
        focus, collapse, resolution, horizon = times
        return Events(focus, collapse, resolution, horizon, record.crossings, record.signals.focus > 0.0)

    def _along(self, state: Any, slope: Any) -> tuple[Signals, Signals]:
        """Return the signals at `state` and their time derivatives along the drift `slope`."""
        return jax.jvp(self._signals, (state,), (slope,))

    def _signals(self, state: Any) -> Signals:
        return Signals(self._focus(state), self._progress(state), self._model.entropy_trend(state, self._params))


def _ends(name: str, *points: tuple[Signals, Signals]) -> tuple[Scalar, Scalar, Scalar, Scalar]:
    """Return a signal's values before and after a step, then its slopes there."""
    values, slopes = ([getattr(point[kind], name) for point in points] for kind in (0, 1))
    return values[0], values[1], slopes[0], slopes[1]


def _keep_first(old: Bracket, happened: Bool[Array, ""], new: Bracket) -> Bracket:
    fresh = happened & (old.start == jnp.inf)
    return jax.tree.map(lambda a, b: jnp.where(fresh, a, b), new, old)
