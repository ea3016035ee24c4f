"""Critical agent count and critical window of the star, as differentiable functions of its parameters."""

from typing import Any, Literal, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax

from entropyjax.models import context as ctx
from entropyjax.params import OrchestratorParams, cast, check_has, replace
from entropyjax.results import Criterion, describe
from entropyjax.stability.folds import agents_slice, last_fold, window_slice
from entropyjax.stability.margin import margin_window
from entropyjax.stability.resting import log_window, resting_evidence

Branch = Literal["focused", "collapsed"]


class Critical(NamedTuple):
    """A critical value, and a `Criterion` code that says what it is."""

    value: Any
    criterion: Any

    def __str__(self) -> str:
        if np.ndim(self.value):
            return f"{np.size(self.value)} critical values."
        return f"{float(self.value):.6g}. {describe(Criterion(int(self.criterion)))}"


def critical_window(params: Any, n_agents: Any = None, *, branch: Branch = "focused", dtype: Any = None) -> Critical:
    """Return W_c in ktok, below which the star with N executors loses its focused fixed point.

    That is the fold at which it vanishes, F = F' = 0, or where there is no fold the window with M = 0. It is 0 if the
    star is focused at every window, infinite if at none. Batch it with `jax.vmap`; its gradient is that of the implicit
    function theorem.

    **Arguments:**

    - `n_agents`: N, by default that of `params`.
    - `branch`: "collapsed" for the other fold: below it the collapsed fixed point exists, and keeps who is there.
    - `dtype`: floating type, by default JAX's own.

    **Raises:** `ParameterError` for the parameters of a model that does not choose, as reduced models.
    """
    check_has(params, OrchestratorParams, "critical_window")
    params = _prepared(params, {"n_agents": n_agents}, dtype)
    safe, forgets = _forgetful(params)
    still = lax.stop_gradient(safe)
    start = -jnp.log(ctx.rivals(still))
    fold = last_fold(window_slice(still), *_ends(branch, start, start + resting_evidence(still)))
    # W is stationary along the slice, so its gradient is that at a constant place.
    odds = jnp.where(fold.exists, lax.stop_gradient(fold.odds), 0.0)
    focus, _ = window_slice(safe)(odds)
    top = resting_evidence(safe)
    inside = (focus > 0.0) & (focus < top)
    at_fold = jnp.exp(log_window(safe, jnp.where(inside, focus, 0.5 * top)))
    at_margin = margin_window(safe)
    value = jnp.where(forgets, jnp.where(fold.exists, at_fold, at_margin), jnp.inf)
    margin = jnp.where(at_margin == 0.0, Criterion.ALWAYS, Criterion.MARGIN)
    margin = jnp.where(at_margin == jnp.inf, Criterion.NEVER, margin)
    return Critical(value, _code(fold.exists, margin, forgets))


def critical_agents(params: Any, window: Any = None, *, branch: Branch = "focused", dtype: Any = None) -> Critical:
    """Return N_c, above which the star with the window W loses its focused fixed point.

    That is the upper fold at which it vanishes, F = F' = 0, if the slice crosses one, or else the N with M = 0; the two
    do not meet exactly at a cusp. It is 0 if the star is focused at no N >= 2. Batch it with `jax.vmap`; its gradient
    is that of the implicit function theorem.

    **Arguments:**

    - `window`: W in ktok, by default that of `params`.
    - `branch`: "collapsed" for the other fold: above it the collapsed fixed point exists, and keeps who is there.
    - `dtype`: floating type, by default JAX's own.

    **Raises:** `ParameterError` for the parameters of a model that does not choose, as reduced models.
    """
    check_has(params, OrchestratorParams, "critical_agents")
    params = _prepared(params, {"context_window": window}, dtype)
    safe, forgets = _forgetful(params)
    still = lax.stop_gradient(safe)
    # From q of 1e-9 to more than any focus and any roster of two give.
    top = resting_evidence(still) - jnp.log(still.roster_similarity) + 1.0
    fold = last_fold(agents_slice(still, still.context_window), *_ends(branch, jnp.full_like(top, -20.0), top))
    # N is stationary along the slice, so its gradient is that at a constant place.
    odds = jnp.where(fold.exists, lax.stop_gradient(fold.odds), 0.0)
    _, here = agents_slice(safe, safe.context_window)(odds)
    some = here.n_agents >= 2.0
    value = jnp.where(forgets & some, here.n_agents, 0.0)
    margin = jnp.where(some, Criterion.MARGIN, Criterion.NEVER)
    return Critical(value, _code(fold.exists & some, margin, forgets))


def _ends(branch: Branch, low: Any, high: Any) -> tuple[Any, Any]:
    if branch not in ("focused", "collapsed"):
        raise ValueError(f"'{branch}' is not a branch; take 'focused' or 'collapsed'.")
    return (low, high) if branch == "focused" else (high, low)


def _prepared(params: Any, changes: dict[str, Any], dtype: Any) -> Any:
    given = {name: value for name, value in changes.items() if value is not None}
    return cast(replace(params, given), jnp.result_type(float) if dtype is None else jnp.dtype(dtype))


def _forgetful(params: Any) -> tuple[Any, Any]:
    """Return parameters with some compaction, and whether they had any: without, nothing here is finite."""
    forgets = (params.compaction_rate > 0.0) | (params.reflexion_rate > 0.0)
    rate = jnp.where(forgets, params.compaction_rate, 1.0)
    return replace(params, {"compaction_rate": rate}), forgets


def _code(fold: Any, otherwise: Any, forgets: Any) -> Any:
    code = jnp.where(fold, Criterion.FOLD, otherwise)
    return jnp.where(forgets, code, Criterion.NO_COMPACTION).astype(jnp.int32)
