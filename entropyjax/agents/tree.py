"""The agent-level simulator of a tree: one dispatch on every level (model page, section 5)."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from entropyjax.agents.base import AgentDraws, draw_shape, micro_step
from entropyjax.agents.orchestrator import dispatched_right
from entropyjax.models.orchestrator import OrchestratorState
from entropyjax.models.tree import STAR, Tree


@draw_shape.register
def _draws(model: Tree) -> tuple[int, ...]:
    return (model.max_levels,)


@micro_step.register
def _tree(
    model: Tree, params: Any, epsilon: Float[Array, ""], state: OrchestratorState, draws: AgentDraws
) -> OrchestratorState:
    """Let every level take the star's micro-step; the step is right if all of its dispatches are.

    s <- s + epsilon kappa (1 - s) [all R_l];  c_l reads rho_l (token_l + epsilon chi [not R_l]).
    """
    stack = model.stack(params)
    there, own = stack.there, micro_step(STAR, stack.nodes, epsilon, state, draws)
    right = jnp.all(dispatched_right(model.choices(state.focus, stack), draws) | ~there)
    gain = epsilon * params.resolution_rate * (1.0 - state.progress)
    return OrchestratorState(
        focus=jnp.where(there, own.focus, state.focus),
        progress=state.progress + jnp.where(right, gain, 0.0),
        context=jnp.where(there, own.context, state.context),
    )
