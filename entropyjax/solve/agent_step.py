"""The agent-level simulator as a fixed-step method: dt is the micro-step epsilon."""

import math
from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from entropyjax.agents import AgentDraws, draw_shape, micro_step
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
        del params, state
        return len(AgentDraws._fields) * math.prod(draw_shape(model))

    def step(
        self, model: AbstractModel, params: Any, t: Scalar, dt: Scalar, state: Any, slope: Any, draws: Draws
    ) -> Any:
        del t, slope
        return micro_step(model, params, dt, state, _by_kind(draws.normals, draw_shape(model)))


def _by_kind(normals: tuple[Scalar, ...], shape: tuple[int, ...]) -> AgentDraws:
    """Return the first normals as the draws of the gap, then those of the inflow, then those of the dispatch."""
    if not shape:
        return AgentDraws(*normals[: len(AgentDraws._fields)])
    size = math.prod(shape)
    parts = (normals[kind * size : (kind + 1) * size] for kind in range(len(AgentDraws._fields)))
    return AgentDraws(*(jnp.reshape(jnp.stack(part), shape) for part in parts))
