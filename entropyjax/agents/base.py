"""The contract of an agent-level simulator, dispatched on the model that it is paired with."""

from functools import singledispatch
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array, Float

from entropyjax.models import AbstractModel, context as ctx
from entropyjax.params import OrchestratorParams


class AgentError(ValueError):
    """Parameters at which the agent-level simulator has no meaning; the message says what to change."""


class AgentDraws(NamedTuple):
    """Standard normals of one micro-step: of the gap, of the token inflow, and of the dispatch (as a quantile).

    Each has the model's `draw_shape`.
    """

    focus: Float[Array, "..."]
    tokens: Float[Array, "..."]
    dispatch: Float[Array, "..."]


@singledispatch
def draw_shape(model: AbstractModel) -> tuple[int, ...]:
    """Return the shape of each of the draws of a micro-step: () for one dispatch, (n,) for n of them."""
    del model
    return ()


@singledispatch
def micro_step(model: AbstractModel, params: Any, epsilon: Float[Array, ""], state: Any, draws: AgentDraws) -> Any:
    """Return the state after one micro-step of length `epsilon` (in steps of the orchestrator).

    **Raises:** `AgentError` if no simulator is registered for the class of `model`.
    """
    raise AgentError(
        f"No agent-level simulator is paired with {type(model).__name__}; use dynamics 'sde' or 'ode', "
        "or register one with entropyjax.agents.micro_step.register."
    )


@singledispatch
def expected_step(
    model: AbstractModel,
    params: Any,
    epsilon: Float[Array, ""],
    state: Any,
    wrong: Float[Array, ""] | None = None,
    tokens: Float[Array, ""] | None = None,
) -> Any:
    """Return the state after a micro-step of length `epsilon` in which all that is drawn takes its mean.

    It is the course of the agents' mean as far as their noise is small; the ODE is its limit for epsilon -> 0.

    **Arguments:** `wrong`: share of the dispatches that are wrong, by default 1 - q; `tokens`: what the step adds to
    all contexts in ktok, by default its mean.

    **Raises:** `AgentError` if no simulator is registered for the class of `model`.
    """
    raise AgentError(
        f"No agent-level simulator is paired with {type(model).__name__}; use the dynamics 'ode', "
        "or register one with entropyjax.agents.expected_step.register."
    )


def check_executors(params: OrchestratorParams) -> int:
    """Return N; raise `AgentError` unless N is one whole number and N_e a whole number of at least 2 (host values)."""
    agents, rivals = np.unique(np.asarray(params.n_agents)), np.unique(np.asarray(ctx.rivals(params)))
    if len(agents) > 1 or abs(agents - np.round(agents)).max() > 0.0:
        raise AgentError(
            f"n_agents is {', '.join(f'{n:g}' for n in agents)}; logs need one whole number for all tasks."
        )
    if abs(rivals - np.round(rivals)).max() > 1e-9 or rivals.min() < 0.5:
        raise AgentError(
            f"roster_similarity * (n_agents - 1) is {', '.join(f'{value:g}' for value in rivals[:3])}, and logs need a "
            "whole number of executors that can be confused; change roster_similarity."
        )
    return round(float(agents[0]))


def check_rates(params: OrchestratorParams, epsilon: float) -> None:
    """Raise `AgentError` unless epsilon (delta0 + delta1) < 1 and epsilon kappa <= 1 (host values)."""
    forgetting = float(np.max(np.asarray(params.compaction_rate) + np.asarray(params.reflexion_rate)))
    resolution = float(np.max(np.asarray(params.resolution_rate)))
    if epsilon * forgetting >= 1.0:
        raise AgentError(
            f"step_size * (compaction_rate + reflexion_rate) = {epsilon * forgetting:g} must stay below 1 for "
            f"agents; lower step_size ({epsilon:g} step) or the rates ({forgetting:g} 1/step)."
        )
    if epsilon * resolution > 1.0:
        raise AgentError(
            f"step_size * resolution_rate = {epsilon * resolution:g} must not pass 1 for agents; lower "
            f"step_size ({epsilon:g} step) or resolution_rate ({resolution:g} 1/step)."
        )
