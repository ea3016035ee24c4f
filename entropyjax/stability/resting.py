"""The fixed points of the star by their focus, in closed form: which context, and which window, each one needs.

At a fixed point with the focus x, F = 0 gives the context and x = Delta_eff m gives the load, so that

    c = (tau_e + tau_r + chi (1-q)) / (delta0 + delta1 h)
    W = (tau_sys + N tau_d + c) / (eta (Delta_eff / x - 1)^{1/n}).

Folds on a slice through the parameters are where W is stationary in x, and M = 0 is x = ln(N_e - 1).
"""

from typing import Any

import jax
import jax.numpy as jnp

from entropyjax.entropy import binary
from entropyjax.models import context as ctx


def resting_context(params: Any, focus: Any) -> Any:
    """Return c in ktok at the fixed point with the focus x; infinite without forgetting."""
    at = binary.choice(focus, ctx.rivals(params))
    rate = ctx.forgetting(params, at.normalised_entropy)
    return jnp.where(rate > 0.0, ctx.inflow(params, at.wrong) / jnp.where(rate > 0.0, rate, 1.0), jnp.inf)


def occupied(params: Any, focus: Any) -> Any:
    """Return tau_sys + N tau_d + c in ktok, all that the window holds at the fixed point with the focus x."""
    return params.system_tokens + params.n_agents * params.roster_tokens + resting_context(params, focus)


def final_progress(params: Any) -> Any:
    """Return s as t -> inf: 1, or s(0) where nothing is ever resolved (kappa = 0)."""
    return jnp.where(jnp.asarray(params.resolution_rate) > 0.0, 1.0, params.initial_progress)


def resting_evidence(params: Any) -> Any:
    """Return Delta_eff in nat at the end of the task."""
    return ctx.effective_evidence(params, final_progress(params))


def log_window(params: Any, focus: Any) -> Any:
    """Return ln W, the window in ktok at which the fixed point has the focus x, for 0 < x < Delta_eff."""
    odds = jnp.log(focus) - jnp.log(resting_evidence(params) - focus)
    return jnp.log(occupied(params, focus) / params.effective_fraction) + odds / params.dilution_order


def steepness(params: Any, focus: Any) -> Any:
    """Return n x (1 - x/Delta_eff) d(ln W)/dx at fixed N: 1 without feedback, 0 at a fold, negative at a saddle.

    1 + n x (1 - x/Delta_eff) d ln(tau_sys + N tau_d + c)/dx
    """
    one = jnp.ones_like(focus)
    _, slope = jax.jvp(lambda at: jnp.log(occupied(params, at)), (focus,), (one,))
    return one + params.dilution_order * focus * (one - focus / resting_evidence(params)) * slope
