"""Events of one lane: focus, collapse, resolution and the cognitive horizon (model page, section 3)."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from entropyjax.models import AbstractModel
from entropyjax.results import Outcome

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


class Monitor(Protocol):
    """Follows the event signals of one lane from step to step; thresholds are worked out when it is made."""

    def start(self, t: Scalar, state: Any) -> Any:
        """Return the record at t = 0."""
        ...

    def update(self, record: Any, t: Scalar, dt: Scalar, before: Any, state: Any) -> Any:
        """Return the record after a step from t to t + dt that led from the state `before` to `state`."""
        ...

    def events(self, record: Any) -> Events:
        """Return what has happened up to the end of the record."""
        ...


def progress_signal(model: AbstractModel, criteria: Criteria) -> Callable[[Any], Scalar]:
    """Return s(y) - (1 - s_tol), at least zero exactly where the task is resolved; -1 for a model without progress."""

    def signal(state: Any) -> Scalar:
        progress = model.progress(state)
        if progress is None:
            return jnp.full((), -1.0, jnp.result_type(jax.tree.leaves(state)[0]))
        return progress - (1.0 - criteria.progress_tolerance)

    return signal


def outcome(events: Events, horizon: Scalar) -> Int[Array, ""]:
    """Return the `Outcome` code, in the order of precedence of the model page."""
    resolved = (events.resolution_time <= horizon) & (events.resolution_time <= events.collapse_time)
    code = jnp.where(events.focus_time > horizon, Outcome.NEVER_FOCUSED, Outcome.UNRESOLVED)
    code = jnp.where(events.collapse_time <= horizon, Outcome.COLLAPSED, code)
    return jnp.where(resolved, Outcome.RESOLVED, code).astype(jnp.int32)


def run_if(together: bool) -> Callable[[Any, Callable[[], Any], Any], Any]:
    """Return a function (flag, what to note, what stands) that notes an event in the lanes that have one.

    A kernel branches, for few steps hold an event.

    **Arguments:** `together`: whether lanes are batched. All of it then runs in every step, so the flag is not asked
    once more: what is noted must be what stands where nothing happened.
    """
    if together:
        return lambda flag, note, standing: note()
    return lambda flag, note, standing: lax.cond(flag, note, lambda: standing)
