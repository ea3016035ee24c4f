"""The curve M = 0 on the fixed points of stars, and of what is made of stars, in closed form (model page, check 6)."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from entropyjax.models import AbstractModel, Star, context as ctx
from entropyjax.stability.resting import occupied, resting_context, resting_evidence

Scalar = Float[Array, "..."]

_STAR = Star()


def margin_context(params: Any) -> Scalar:
    """Return the context in ktok at which a fixed point with M = 0 lies.

        c = (tau_e + tau_r + chi/2) / (delta0 + delta1 h(1/2)),

    since q = 1/2 there; infinite without forgetting.
    """
    return resting_context(params, jnp.log(ctx.rivals(params)))


def margin_window(params: Any, model: AbstractModel = _STAR) -> Scalar:
    """Return the window W in ktok at which M = 0 on a fixed point, with s = 1, or s(0) if kappa = 0.

        W = (tau_sys + N tau_d + c) / (eta (Delta_eff / ln(N_e - 1) - 1)^{1/n})

    0 if N_e <= 2 (M > 0 at every W), infinite if Delta_eff <= ln(N_e - 1) (M <= 0 at every W). For chi = 0
    it is the critical window; for chi > 0 it lies inside the bistable wedge where there is one, and is not
    the boundary of collapse there. For a tree it is the largest of its levels' windows, where M = min_l M_l is 0.

    **Arguments:** `params`: parameters of the model, of one lane or, but for a tree, of a batch; `model`: one for
    which `has_margin_window` holds.

    **Raises:** `ValueError` for another one.
    """
    if not has_margin_window(model):
        raise ValueError(f"{type(model).__name__} is not made of stars, so that it has no curve M = 0; take a star.")
    window = _star_window(model.nodes(params))
    batch = max(jnp.ndim(leaf) for leaf in jax.tree.leaves(params))
    return jnp.max(window, axis=-1) if jnp.ndim(window) > batch else window


def has_margin_window(model: AbstractModel) -> bool:
    """Return whether the fixed points of this model are those of stars, of which `margin_window` speaks."""
    return type(model).nodes is not AbstractModel.nodes


def _star_window(params: Any) -> Scalar:
    log_rivals = jnp.log(ctx.rivals(params))
    excess = resting_evidence(params) / jnp.where(log_rivals > 0.0, log_rivals, 1.0) - 1.0
    root = jnp.where(excess > 0.0, excess, 1.0) ** (1.0 / jnp.asarray(params.dilution_order))
    window = occupied(params, log_rivals) / (params.effective_fraction * root)
    window = jnp.where(excess > 0.0, window, jnp.inf)
    return jnp.where(log_rivals > 0.0, window, 0.0)
