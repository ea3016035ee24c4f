"""Fixed points as roots of one scalar function: the drift of the context where all else has come to rest."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from entropyjax.models import AbstractModel, context as ctx
from entropyjax.params import cast
from entropyjax.stability.enclosure import Enclosed, NotEnclosable, Sampled
from entropyjax.stability.resting import final_progress
from entropyjax.stability.roots import Walk, start_walk


def check_rest(model: AbstractModel) -> None:
    """Raise `RestError` for a model that does not say where it comes to rest."""
    if not model.has_rest():
        model.at_rest(None, None, None)


def residual(model: AbstractModel, progress: Any, params: Any) -> Callable[[Any], Any]:
    """Return F(c), the drift of the context in ktok/step at x = u(s, c); its roots are the fixed points."""

    def drift(context: Any) -> Any:
        state = model.at_rest(context, progress, params)
        return model.drift(jnp.zeros((), jnp.result_type(context)), state, params).context

    return drift


def enclosed_residual(model: AbstractModel, progress: Any, params: Any) -> Enclosed | Sampled:
    """Return F as a function that ranges can be put into, rigorous ones if interval arithmetic can follow the model."""
    function = residual(model, progress, params)
    try:
        return Enclosed(function, model.initial_state(params).context)
    except NotEnclosable:
        return Sampled(function)


def certificate(model: AbstractModel) -> str:
    """Return why fixed points of a model cannot be certified, "" if they can."""
    check_rest(model)
    params = cast(model.params(), jnp.result_type(float))
    try:
        Enclosed(residual(model, final_progress(params), params), model.initial_state(params).context)
    except NotEnclosable as reason:
        return f"Interval arithmetic cannot follow {type(model).__name__}: {reason}."
    return ""


def start_search(model: AbstractModel, progress: Any, params: Any, slots: int) -> Walk:
    """Return the search for the roots of F, from a little below 0, where forgetting adds.

    It ends at a million times the guess of where the roots do, and not before 1e9 ktok. A context that nothing changes
    stays at c(0), which is then its fixed point: that of a level that a lane lacks.
    """
    drift, start = residual(model, progress, params), model.initial_state(params).context
    ceiling = 1.0001 * _ceiling(params) + 1e-3 + jnp.zeros_like(start)
    low = -1e-6 * ceiling
    before, after = drift(low), drift(ceiling)
    walk = start_walk(low, ceiling, 1e6 * ceiling + 1e9, before > 0.0, slots)
    inert = (before == 0.0) & (after == 0.0)
    first = inert[None] & (jnp.arange(slots) == 0).reshape((-1,) + (1,) * start.ndim)
    lower, upper = (jnp.where(first, start[None], end) for end in walk.found[:2])
    found = walk.found._replace(lower=lower, upper=upper, count=inert.astype(jnp.int32))
    return walk._replace(place=jnp.where(inert, walk.far, low), found=found)


def _ceiling(params: Any) -> Any:
    """Return a context in ktok beyond which forgetting should exceed any inflow; a guess that the search checks."""
    # Exact with some compaction; without, reflexion counts in full, though it vanishes with the uncertainty.
    rate = jnp.where(params.compaction_rate > 0.0, params.compaction_rate, params.reflexion_rate)
    return ctx.inflow(params, 1.0) / jnp.where(rate > 0.0, rate, 1.0)


def combine(roots: Any, count: Any) -> tuple[Any, Any, Any]:
    """Return the contexts of whole fixed points, how many there are, and which slots hold one.

    Levels that do not act on each other have their roots independently, and the fixed points are all combinations;
    that with the roots of least context comes first. A single context is its own combination.

    **Arguments:** `roots`: by slot along the leading axis, then by level if there are levels; `count`: by level.
    """
    slots = jnp.arange(len(roots), dtype=jnp.int32)
    if count.ndim == 0:
        return roots, count, slots < count
    stride = jnp.concatenate([jnp.ones(1, jnp.int32), jnp.cumprod(count)[:-1].astype(jnp.int32)])
    digit = (slots[:, None] // jnp.maximum(stride, 1)[None]) % jnp.maximum(count, 1)[None]
    total = jnp.prod(count).astype(jnp.int32)
    return jnp.take_along_axis(roots, jnp.minimum(digit, len(roots) - 1), axis=0), total, slots < total
