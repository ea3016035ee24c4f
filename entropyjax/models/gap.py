"""Orchestrators whose choice is one gap x: a right executor against exchangeable others."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from entropyjax.entropy import Choice, binary, gap_at
from entropyjax.models import context as ctx
from entropyjax.models.base import State
from entropyjax.models.orchestrator import AbstractOrchestrator, Forces, OrchestratorState

Scalar = Float[Array, "..."]
"""A number of one lane, or one for each of several nodes."""


class AbstractGapOrchestrator(AbstractOrchestrator):
    """Orchestrator on the logit gap x of one right executor over N_e - 1 exchangeable others.

    It relaxes to u = Delta_eff m, and competes with itself exactly as dH/dt = -R + C_f with
    R = alpha x q(1-q) (Delta_eff - x) and C_f = alpha x q(1-q) Delta_eff (1 - m). A subclass may change the
    `dilution` of attention alone, and all else follows.
    """

    def initial_state(self, params: Any) -> OrchestratorState:
        return OrchestratorState(params.initial_focus, params.initial_progress, params.initial_context)

    def choice(self, focus: Scalar, params: Any) -> Choice:
        return binary.choice(focus, ctx.rivals(params))

    def target(self, state: State, params: Any) -> Scalar:
        return ctx.effective_evidence(params, state.progress) * self.attention(state, params)

    def gap_direction(self, focus: Scalar) -> Scalar:
        return jnp.ones_like(focus)

    def lead(self, focus: Scalar, params: Any) -> Scalar:
        del params
        return focus

    def margin(self, state: State, params: Any) -> Scalar:
        return self.target(state, params) - jnp.log(ctx.rivals(params))

    def forces(self, state: State, params: Any) -> Forces:
        evidence = ctx.effective_evidence(params, state.progress)
        choice = self.choice(state.focus, params)
        pace = params.focus_rate * state.focus * choice.right * choice.wrong
        return Forces(pace * (evidence - state.focus), pace * evidence * self.inattention(state, params))

    def focus_signal(self, params: Any, level: Scalar | float) -> Callable[[State], Scalar]:
        # h falls strictly on x > 0, so the threshold on h is one on x: no logarithm in the loop.
        gap = gap_at(level, ctx.rivals(params))
        return lambda state: state.focus - gap

    def entropy_trend(self, state: State, params: Any) -> Scalar:
        # dH/dt over alpha |x| q (1-q): the same sign, and well scaled where q (1-q) underflows.
        excess = state.focus - self.target(state, params)
        return jnp.where(state.focus >= 0.0, excess, -excess)
