"""Events of an ODE: zeros of smooth signals, bracketed by a step and located once, at the end."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from entropyjax.models import AbstractModel
from entropyjax.solve.crossing import hermite
from entropyjax.solve.events import Criteria, Events, progress_signal, run_if
from entropyjax.solve.settle import settle

Scalar = Float[Array, ""]


class Signals(NamedTuple):
    """Event signals of a state: g_focus, s - (1 - s_tol), and a quantity with the sign of dH/dt."""

    focus: Scalar
    progress: Scalar
    trend: Scalar


class Signs(NamedTuple):
    """What the signals of a state say: g_focus > 0, s >= 1 - s_tol, and dH/dt >= 0."""

    focused: Bool[Array, ""]
    resolved: Bool[Array, ""]
    rising: Bool[Array, ""]


class Bracket(NamedTuple):
    """The step in which a signal first crossed zero, and the states at its ends; `start` is infinite before."""

    start: Scalar
    length: Scalar
    before: Any
    after: Any


class Record(NamedTuple):
    """Running record of one lane: the signs at its last state, and the first zeros."""

    signs: Signs
    focus: Bracket
    collapse: Bracket
    resolution: Bracket
    horizon: Bracket
    crossings: Int[Array, ""]


class SmoothMonitor:
    """Follows the signals of an ODE; every event time is the zero of a cubic Hermite interpolant.

    A step only notes the ends of the interval in which a signal first changed sign. The slopes there are worked
    out, and the cubics solved, once, in `events`, outside the loop over steps.
    """

    def __init__(self, model: AbstractModel, params: Any, criteria: Criteria, together: bool = False):
        self._model, self._params, self._run_if = model, params, run_if(together)
        self._focus = model.focus_signal(params, criteria.collapse_threshold)
        self._progress = progress_signal(model, criteria)

    def start(self, t: Scalar, state: Any) -> Record:
        signals = self._signals(state)

        def first(happened: Bool[Array, ""]) -> Bracket:
            return Bracket(jnp.where(happened, t, jnp.inf), jnp.zeros_like(t), state, state)

        return Record(
            signs=_signs(signals),
            focus=first(signals.focus > 0.0),
            collapse=first(jnp.asarray(False)),
            resolution=first(signals.progress >= 0.0),
            horizon=first(signals.trend > 0.0),
            crossings=jnp.zeros((), jnp.int32),
        )

    def update(self, record: Record, t: Scalar, dt: Scalar, before: Any, state: Any) -> Record:
        was, now = record.signs, _signs(self._signals(state))
        gained, lost = now.focused & ~was.focused, was.focused & ~now.focused
        resolved, turned = now.resolved & ~was.resolved, now.rising & ~was.rising
        brackets = (record.focus, record.collapse, record.resolution, record.horizon)
        happened = (gained, lost, resolved, turned)
        first = [new & (old.start == jnp.inf) for old, new in zip(brackets, happened, strict=True)]
        some, first = settle((gained | lost | resolved | turned, first))
        step = Bracket(t, dt, before, state)

        def note() -> tuple[Any, ...]:
            crossings = record.crossings + (gained | lost).astype(jnp.int32)
            return *(_keep(*pair, step) for pair in zip(brackets, first, strict=True)), crossings

        found = self._run_if(some, note, (*brackets, record.crossings))
        return Record(now, *found)

    def events(self, record: Record) -> Events:
        return Events(
            focus_time=self._zero(record.focus, lambda signals: signals.focus),
            collapse_time=self._zero(record.collapse, lambda signals: signals.focus),
            resolution_time=self._zero(record.resolution, lambda signals: signals.progress),
            horizon_time=self._zero(record.horizon, lambda signals: signals.trend),
            crossings=record.crossings,
            focused=record.signs.focused,
        )

    def _zero(self, bracket: Bracket, pick: Callable[[Signals], Scalar]) -> Scalar:
        """Return the time of a signal's first zero, infinite if there was none."""
        started = jnp.where(bracket.start < jnp.inf, bracket.start, 0.0)

        def end(t: Scalar, state: Any) -> tuple[Scalar, Scalar]:
            """Return the signal, and how much it rises in a step at its slope along the drift."""
            drift = self._model.drift(t, state, self._params)
            value, slope = jax.jvp(lambda state: pick(self._signals(state)), (state,), (drift,))
            return value, bracket.length * slope

        before, rise_before = end(started, bracket.before)
        after, rise_after = end(started + bracket.length, bracket.after)
        zero = bracket.start + bracket.length * hermite(before, after, rise_before, rise_after)
        # A lane that failed at once has no slopes, and nothing happened in it.
        return jnp.where(bracket.length > 0.0, zero, bracket.start)

    def _signals(self, state: Any) -> Signals:
        return Signals(self._focus(state), self._progress(state), self._model.entropy_trend(state, self._params))


def _signs(signals: Signals) -> Signs:
    return Signs(signals.focus > 0.0, signals.progress >= 0.0, signals.trend >= 0.0)


def _keep(old: Bracket, first: Bool[Array, ""], new: Bracket) -> Bracket:
    return lax.cond(first, lambda: new, lambda: old)
