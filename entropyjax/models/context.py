"""Context loading and evidence: the parts of the dynamics that every topology shares (model page, section 2).

`params` has the names of `OrchestratorParams` throughout, of one lane or of a batch.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Scalar = Float[Array, "..."]
ScalarLike = float | Scalar


def rivals(params: Any) -> Any:
    """Return N_e - 1 = phi_s (N - 1), the executors that can be taken for the right one."""
    return params.roster_similarity * (params.n_agents - 1.0)


def load(params: Any, context: ScalarLike) -> Any:
    """Return L = (tau_sys + N tau_d + c) / (eta W), the effective fill of the window.

    **Arguments:** `context`: c in ktok.
    """
    # In this form all that does not change along a trajectory can be worked out ahead.
    share = 1.0 / (params.effective_fraction * params.context_window)
    static = params.system_tokens + params.n_agents * params.roster_tokens
    return static * share + context * share


def attention(params: Any, load: ScalarLike) -> Scalar:
    """Return m = 1 / (1 + L^n), the attention left for the task's signal.

    Written as sigmoid(-n ln L), which neither overflows nor loses its gradient at large L.
    """
    floor = jnp.finfo(jnp.result_type(load)).tiny
    return jax.nn.sigmoid(-params.dilution_order * jnp.log(jnp.maximum(load, floor)))


def inattention(params: Any, load: ScalarLike) -> Scalar:
    """Return 1 - m without cancellation."""
    floor = jnp.finfo(jnp.result_type(load)).tiny
    return jax.nn.sigmoid(params.dilution_order * jnp.log(jnp.maximum(load, floor)))


def effective_evidence(params: Any, progress: ScalarLike) -> Any:
    """Return Delta_eff = Delta (1 + b ln(1 + tau_r/tau_ref)) (1 + g s) in nat.

    **Arguments:** `progress`: s in [0, 1].
    """
    effort = jnp.log1p(params.reasoning_tokens / params.reasoning_scale)
    clean = params.evidence * (1.0 + params.reasoning_gain * effort)
    return clean + clean * params.progress_gain * progress


def inflow(params: Any, wrong: ScalarLike) -> Any:
    """Return tau_e + tau_r + chi (1 - q) in ktok/step, the mean inflow of tokens.

    **Arguments:** `wrong`: 1 - q.
    """
    return clean_inflow(params) + params.error_tokens * wrong


def clean_inflow(params: Any) -> Any:
    """Return tau_e + tau_r in ktok/step, the mean inflow of tokens where no dispatch is wrong."""
    return params.executor_tokens + params.reasoning_tokens


def forgetting(params: Any, normalised_entropy: ScalarLike) -> Any:
    """Return delta0 + delta1 h in 1/step, the rate at which context is compacted."""
    return params.compaction_rate + params.reflexion_rate * normalised_entropy
