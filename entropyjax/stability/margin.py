"""The curve M = 0 on the fixed points of the star, in closed form (model page, check 6)."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from entropyjax.models import AbstractModel, Star, context as ctx
from entropyjax.stability.resting import occupied, resting_context, resting_evidence

Scalar = Float[Array, "..."]


def margin_context(params: Any) -> Scalar:
    """Return the context in ktok at which a fixed point with M = 0 lies.

        c = (tau_e + tau_r + chi/2) / (delta0 + delta1 h(1/2)),

    since q = 1/2 there; infinite without forgetting.
    """
    return resting_context(params, jnp.log(ctx.rivals(params)))


def margin_window(params: Any) -> Scalar:
    """Return the window W in ktok at which M = 0 on a fixed point, with s = 1, or s(0) if kappa = 0.

        W = (tau_sys + N tau_d + c) / (eta (Delta_eff / ln(N_e - 1) - 1)^{1/n})

    0 if N_e <= 2 (M > 0 at every W), infinite if Delta_eff <= ln(N_e - 1) (M <= 0 at every W). For chi = 0
    it is the critical window; for chi > 0 it lies inside the bistable wedge where there is one, and is not
    the boundary of collapse there.
    """
    log_rivals = jnp.log(ctx.rivals(params))
    excess = resting_evidence(params) / jnp.where(log_rivals > 0.0, log_rivals, 1.0) - 1.0
    root = jnp.where(excess > 0.0, excess, 1.0) ** (1.0 / jnp.asarray(params.dilution_order))
    window = occupied(params, log_rivals) / (params.effective_fraction * root)
    window = jnp.where(excess > 0.0, window, jnp.inf)
    return jnp.where(log_rivals > 0.0, window, 0.0)


def has_margin_window(model: AbstractModel) -> bool:
    """Return whether `margin_window` speaks of this model's fixed points: those of the star alone."""
    return isinstance(model, Star)
