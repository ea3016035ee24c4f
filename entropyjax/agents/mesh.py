"""The agent-level simulator of a mesh: the star's, as one agent sees it (model page, section 5)."""

from typing import Any

from jaxtyping import Array, Float

from entropyjax.agents.base import AgentDraws, expected_step, micro_step
from entropyjax.models.mesh import STAR, Mesh
from entropyjax.models.orchestrator import OrchestratorState


@micro_step.register
def _mesh(
    model: Mesh, params: Any, epsilon: Float[Array, ""], state: OrchestratorState, draws: AgentDraws
) -> OrchestratorState:
    return micro_step(STAR, model.nodes(params), epsilon, state, draws)


@expected_step.register
def _expected(
    model: Mesh,
    params: Any,
    epsilon: Float[Array, ""],
    state: OrchestratorState,
    wrong: Float[Array, ""] | None = None,
    tokens: Float[Array, ""] | None = None,
) -> OrchestratorState:
    seen = None if tokens is None else model.share(params) * tokens
    return expected_step(STAR, model.nodes(params), epsilon, state, wrong, seen)
