"""Events from states on a grid of times, for tools that have no events of their own that go on."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from entropyjax.models import Star
from entropyjax.solve import Criteria
from entropyjax.solve.crossing import hermite
from entropyjax.solve.events import Events, outcome, progress_signal
from entropyjax.solve.noisy_events import NoisyMonitor

MODEL = Star()


def h_at(state: Any, params: Any) -> Any:
    """Return h of a state."""
    return MODEL.choice(state.focus, params).normalised_entropy


def smooth_events(times: Any, states: Any, params: Any, horizon: Any) -> tuple[Events, Any]:
    """Return the events of one ODE lane, by Hermite cubics in the grid's steps, and its outcome.

    **Arguments:** `times`: increasing, the rest infinite; `states`: a state of arrays along them, of which those at
    infinite times do not count; `params`: of the lane.
    """
    focus_signal = MODEL.focus_signal(params, Criteria().collapse_threshold)
    progress = progress_signal(MODEL, Criteria())
    signals = {
        "focus": focus_signal,
        "progress": progress,
        "trend": lambda y: MODEL.entropy_trend(y, params),
    }
    values = {name: jax.vmap(signal)(states) for name, signal in signals.items()}
    there = jnp.isfinite(times[1:])
    focused, resolved, rising = values["focus"] > 0.0, values["progress"] >= 0.0, values["trend"] > 0.0
    changes = {
        "focus_time": ("focus", ~focused[:-1] & focused[1:], focused[0]),
        "collapse_time": ("focus", focused[:-1] & ~focused[1:], jnp.asarray(False)),
        "resolution_time": ("progress", ~resolved[:-1] & resolved[1:], resolved[0]),
        "horizon_time": ("trend", ~rising[:-1] & rising[1:], rising[0]),
    }

    def first(name: str, changed: Any, at_start: Any) -> Any:
        changed = changed & there
        place = jnp.argmax(changed)
        ends = [jax.tree.map(lambda leaf, k=k: leaf[place + k], states) for k in (0, 1)]
        length = times[place + 1] - times[place]
        sides = [jax.jvp(signals[name], (y,), (MODEL.drift(times[place], y, params),)) for y in ends]
        (before, slope_before), (after, slope_after) = sides
        found = times[place] + length * hermite(before, after, length * slope_before, length * slope_after)
        return jnp.where(at_start, 0.0, jnp.where(jnp.any(changed), found, jnp.inf))

    found = {name: first(*change) for name, change in changes.items()}
    events = Events(crossings=jnp.zeros((), jnp.int32), focused=focused[-1], **found)
    return events, outcome(events, horizon)


def noisy_events(times: Any, states: Any, params: Any, horizon: Any) -> tuple[Events, Any]:
    """Return the events of one SDE lane by the package's rule for noisy lanes, and its outcome."""
    monitor = NoisyMonitor(MODEL, params, Criteria())

    def visit(record: Any, step: Any) -> tuple[Any, None]:
        return monitor.update(record, *step), None

    parts = (0, slice(-1), slice(1, None))
    first, before, after = (jax.tree.map(lambda leaf, part=part: leaf[part], states) for part in parts)
    steps = (times[:-1], jnp.diff(times), before, after)
    record, _ = lax.scan(visit, monitor.start(times[0], first), steps)
    events = monitor.events(record)
    return events, outcome(events, horizon)
