"""The agent-level simulator of an orchestrator with one context window (model page, section 4)."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax.scipy.special import ndtr
from jaxtyping import Array, Bool, Float

from entropyjax.agents.base import AgentDraws, expected_step, micro_step
from entropyjax.entropy import Choice
from entropyjax.models import context as ctx
from entropyjax.models.gap import AbstractGapOrchestrator
from entropyjax.models.orchestrator import AbstractOrchestrator, OrchestratorState

Scalar = Float[Array, ""]


class Dispatch(NamedTuple):
    """What a log would say of a micro-step: was the executor the right one, and the tokens that came in, in ktok."""

    right: Bool[Array, "..."]
    tokens: Float[Array, "..."]


@micro_step.register
def _orchestrator(
    model: AbstractOrchestrator, params: Any, epsilon: Scalar, state: OrchestratorState, draws: AgentDraws
) -> OrchestratorState:
    return dispatch(model, params, epsilon, state, draws)[0]


def dispatch(
    model: AbstractOrchestrator, params: Any, epsilon: Scalar, state: OrchestratorState, draws: AgentDraws
) -> tuple[OrchestratorState, Dispatch]:
    """Dispatch, read the result, relax the logits; every update uses the state at the start.

    right ~ Bernoulli(q); c <- c (1 - epsilon (delta0 + delta1 h)) + tokens + epsilon chi [wrong];
    s <- s + epsilon kappa (1-s) [right];
    focus <- u + (focus - u) e^{-alpha epsilon} + sigma_x sqrt((1 - e^{-2 alpha epsilon}) / (2 alpha)) xi.

    **Returns:** the state after the micro-step, and what was dispatched.
    """
    choice = model.choice(state.focus, params)
    right = dispatched_right(choice, draws)
    wrong = jnp.where(right, 0.0, 1.0).astype(choice.right.dtype)
    spread = focus_deviation(params, epsilon)
    inflow, error = token_inflow(params, epsilon, draws.tokens), wrong * epsilon * params.error_tokens
    kick = spread * draws.focus * model.gap_direction(state.focus)
    return _after(model, params, epsilon, state, wrong, inflow + error, kick), Dispatch(right, inflow + error)


def _after(
    model: AbstractOrchestrator,
    params: Any,
    epsilon: Scalar,
    state: OrchestratorState,
    wrong: Any,
    tokens: Any,
    kick: Any,
) -> OrchestratorState:
    """Return the state after a micro-step in which a share `wrong` of the dispatches was wrong."""
    choice = model.choice(state.focus, params)
    decay = 1.0 - epsilon * ctx.forgetting(params, choice.normalised_entropy)
    target = model.target(state, params)
    return OrchestratorState(
        focus=target + (state.focus - target) * jnp.exp(-params.focus_rate * epsilon) + kick,
        progress=state.progress + (1.0 - wrong) * epsilon * params.resolution_rate * (1.0 - state.progress),
        context=state.context * decay + tokens,
    )


@expected_step.register
def _expected(
    model: AbstractGapOrchestrator,
    params: Any,
    epsilon: Scalar,
    state: OrchestratorState,
    wrong: Scalar | None = None,
    tokens: Scalar | None = None,
) -> OrchestratorState:
    wrong = model.choice(state.focus, params).wrong if wrong is None else wrong
    tokens = epsilon * ctx.inflow(params, wrong) if tokens is None else tokens
    return _after(model, params, epsilon, state, wrong, tokens, 0.0)


def focus_deviation(params: Any, time: Float[Array, "..."]) -> Float[Array, "..."]:
    """Return sigma_x sqrt((1 - e^{-2 alpha t}) / (2 alpha)) in nat: how far its noise takes the gap in a time."""
    rate = params.focus_rate
    return params.focus_noise * jnp.sqrt(-jnp.expm1(-2.0 * rate * time) / (2.0 * rate))


def dispatched_right(choice: Choice, draws: AgentDraws) -> Bool[Array, "..."]:
    """Return whether the executor that is drawn is the right one."""
    return ndtr(draws.dispatch) < choice.right


def token_inflow(params: Any, epsilon: float | Float[Array, "..."], normal: Float[Array, "..."]) -> Float[Array, "..."]:
    """Return the log-normal token inflow of a micro-step in ktok; 0 where its mean is 0.

    Its mean is epsilon (tau_e + tau_r), its coefficient of variation sigma_tau / (tau_e + tau_r).
    """
    rate = params.executor_tokens + params.reasoning_tokens
    flowing = rate > 0.0
    variation = params.token_noise / jnp.where(flowing, rate, 1.0)
    log_variance = jnp.log1p(variation**2)
    tokens = epsilon * rate * jnp.exp(jnp.sqrt(log_variance) * normal - 0.5 * log_variance)
    return jnp.where(flowing, tokens, 0.0)
