"""Agent-level simulators: one micro-step of a real orchestrator, paired with a model."""

from entropyjax.agents import mesh as mesh, orchestrator as orchestrator, tree as tree
from entropyjax.agents.base import (
    AgentDraws as AgentDraws,
    AgentError as AgentError,
    check_executors as check_executors,
    check_rates as check_rates,
    draw_shape as draw_shape,
    expected_step as expected_step,
    micro_step as micro_step,
)
from entropyjax.agents.orchestrator import (
    Dispatch as Dispatch,
    dispatch as dispatch,
    focus_deviation as focus_deviation,
)
