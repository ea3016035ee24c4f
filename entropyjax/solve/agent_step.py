"""The agent-level simulator as a fixed-step method: dt is the micro-step epsilon."""

from typing import Any, ClassVar

from jaxtyping import Array, Float

from entropyjax.agents import AgentDraws, micro_step
from entropyjax.models import AbstractModel
from entropyjax.solve.method import register
from entropyjax.solve.noise import Draws
from entropyjax.solve.scan import AbstractFixedStep

Scalar = Float[Array, ""]


@register("agents")
class Agents(AbstractFixedStep):
    """One micro-step of the agent-level simulator paired with the model; exact, so it has no order."""

    dynamics: ClassVar = "agents"
    order: ClassVar[float] = 0.0

    def normals(self, model: AbstractModel, params: Any, state: Any) -> int:
        del model, params, state
        return len(AgentDraws._fields)

    def step(
        self, model: AbstractModel, params: Any, t: Scalar, dt: Scalar, state: Any, slope: Any, draws: Draws
    ) -> Any:
        del t, slope
        focus, tokens, dispatch = draws.normals[:3]
        return micro_step(model, params, dt, state, AgentDraws(focus, tokens, dispatch))
