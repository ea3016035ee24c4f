"""When reasoning pays: one inequality at the fixed points of the star.

Along a stable fixed point, F = 0 and x = Delta_eff m, the feedback of errors and of reflexion on tau_r cancels out of
the numerator of the implicit function theorem, and for any chi, delta1 and W

    dx/dtau_r = x [(delta0 + delta1 h) (ln Delta_eff)' - n (1-m) / (tau_sys + N tau_d + c)] / -F',    -F' > 0.

So q, M and x rise with the effort exactly where what a ktok of context that is held for reasoning adds to the evidence,
relatively, is more than what it takes from attention. At tau_r = 0 this is a least gain b. Derivation: docs/trap.md.
"""

from typing import Any

import jax.numpy as jnp

from entropyjax.entropy import binary
from entropyjax.models import context as ctx
from entropyjax.stability.resting import resting_evidence


def evidence_return(params: Any, context: Any) -> Any:
    """Return (delta0 + delta1 h) d ln(Delta_eff) / dtau_r in 1/ktok at a fixed point with the context c in ktok.

    d ln(Delta_eff) / dtau_r = b / ((tau_ref + tau_r) (1 + b ln(1 + tau_r/tau_ref)))
    """
    gain, scale = params.reasoning_gain, params.reasoning_scale
    grown = 1.0 + gain * jnp.log1p(params.reasoning_tokens / scale)
    return _forgetting(params, context) * gain / ((scale + params.reasoning_tokens) * grown)


def attention_cost(params: Any, context: Any) -> Any:
    """Return -d ln(m) / dc = n (1-m) / (tau_sys + N tau_d + c) in 1/ktok, at the context c in ktok."""
    held = params.system_tokens + params.n_agents * params.roster_tokens + context
    return params.dilution_order * ctx.inattention(params, ctx.load(params, context)) / held


def reasoning_balance(params: Any, context: Any) -> Any:
    """Return evidence's return less attention's cost in 1/ktok: its sign is that of dx/dtau_r at a stable fixed point.

    **Arguments:** `context`: c in ktok of a fixed point of the star with these parameters.
    """
    return evidence_return(params, context) - attention_cost(params, context)


def critical_gain(params: Any, context: Any) -> Any:
    """Return the gain b above which a little reasoning is better than none at a fixed point without reasoning.

        b_c = n tau_ref (1-m) / ((delta0 + delta1 h) (tau_sys + N tau_d + c));

    the fixed point does not depend on b, for Delta_eff does not at tau_r = 0.

    **Arguments:** `context`: c in ktok of a fixed point of the star with these parameters and tau_r = 0.
    """
    return params.reasoning_scale * attention_cost(params, context) / _forgetting(params, context)


def _forgetting(params: Any, context: Any) -> Any:
    focus = resting_evidence(params) * ctx.attention(params, ctx.load(params, context))
    return ctx.forgetting(params, binary.choice(focus, ctx.rivals(params)).normalised_entropy)
