"""Agent-level simulators: one micro-step of a real orchestrator, paired with a model."""

from entropyjax.agents import orchestrator as orchestrator
from entropyjax.agents.base import (
    AgentDraws as AgentDraws,
    AgentError as AgentError,
    check_rates as check_rates,
    micro_step as micro_step,
)
