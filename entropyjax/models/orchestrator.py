"""What orchestrators have in common: drift and diffusion over one context window, and observables."""

import abc
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from entropyjax.entropy import Choice
from entropyjax.models import context as ctx
from entropyjax.models.base import AbstractModel, Interval, Observable, Scalar, State
from entropyjax.params import OrchestratorParams

INF = float("inf")


class OrchestratorState(NamedTuple):
    """State of one lane: `focus` in nat, `progress` s, `context` c in ktok.

    The focus is a gap, or one logit for each executor; where an orchestrator has levels, focus and context have one
    entry for each.
    """

    focus: Any
    progress: Any
    context: Any


class Forces(NamedTuple):
    """Resolution R and loading C_f in nat/step, with dH/dt = -R + C_f along the ODE."""

    resolution: Scalar
    loading: Scalar


CHOICE = {
    "right_probability": ("q", "-", "Probability of the right executor.", "right"),
    "entropy": ("H", "nat", "Scheduling entropy.", "entropy"),
    "normalised_entropy": ("h", "-", "Scheduling entropy over ln N_e.", "normalised_entropy"),
    "collision_probability": ("S", "-", "Probability that two draws agree.", "collision"),
}
"""Observables of the choice by name: symbol, unit, meaning, and the field of `Choice`."""
_FORCES = {
    "resolution": ("R", "nat/step", "Force of task resolution, -dH/dt in clean context.", "resolution"),
    "loading": ("C_f", "nat/step", "Force of context loading.", "loading"),
}


def _orchestrator_observables() -> dict[str, Observable]:
    out = {}
    for name, (symbol, unit, doc, field) in CHOICE.items():
        out[name] = Observable(symbol, unit, doc, lambda m, y, p, field=field: getattr(m.choice(y.focus, p), field))
    for name, (symbol, unit, doc, field) in _FORCES.items():
        out[name] = Observable(symbol, unit, doc, lambda m, y, p, field=field: getattr(m.forces(y, p), field))
    out["load"] = Observable("L", "-", "Effective fill of the window.", lambda m, y, p: m.load(y, p))
    out["attention"] = Observable("m", "-", "Attention left for the task's signal.", lambda m, y, p: m.attention(y, p))
    out["margin"] = Observable("M", "nat", "Focus margin Delta_eff m - ln(N_e - 1).", lambda m, y, p: m.margin(y, p))
    out["focus"] = Observable("x", "nat", "Logit gap of the right executor.", lambda m, y, p: m.lead(y.focus, p))
    out["progress"] = Observable("s", "-", "Resolved share of the task.", lambda m, y, p: y.progress)
    out["context"] = Observable("c", "ktok", "Accumulated context.", lambda m, y, p: m.context(y))
    out["tokens"] = Observable(
        "tau", "ktok/step", "Tokens that a step costs on average.", lambda m, y, p: m.tokens(y, p)
    )
    return out


def safe_sqrt(value: Float[Array, "..."]) -> Float[Array, "..."]:
    """Return sqrt(value), with gradient 0 rather than infinity where the value is 0."""
    positive = value > 0.0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, value, 1.0)), 0.0)


class AbstractOrchestrator(AbstractModel):
    """Orchestrator with the state (focus, s, c):

        dfocus/dt = alpha (u - focus)
        ds/dt     = kappa q (1 - s)
        dc/dt     = tau_e + tau_r + chi (1 - q) - (delta0 + delta1 h) c

    Its Ito noise has three Wiener processes W_X, W_B, W_T (model page, section 4): the gap's own noise,
    the lottery of right and wrong dispatches, and the noise of the token inflow.

    Subclasses say how the focus makes a `choice`, which `target` u it relaxes to, and the `forces`.
    """

    Params: ClassVar[Any] = OrchestratorParams
    domain: ClassVar[OrchestratorState] = OrchestratorState(Interval(-INF, INF), Interval(0.0, 1.0), Interval(0.0, INF))
    observables: ClassVar[Any] = _orchestrator_observables()

    @abc.abstractmethod
    def choice(self, focus: Any, params: Any) -> Choice:
        """Return the functionals of the choice that `focus` makes."""

    @abc.abstractmethod
    def target(self, state: State, params: Any) -> Any:
        """Return u, the focus that the context supports, in nat."""

    @abc.abstractmethod
    def gap_direction(self, focus: Any) -> Any:
        """Return the direction in which noise of the gap moves the focus."""

    @abc.abstractmethod
    def lead(self, focus: Any, params: Any) -> Scalar:
        """Return x in nat, the logit of the right executor over the best of the others."""

    @abc.abstractmethod
    def margin(self, state: State, params: Any) -> Scalar:
        """Return M in nat: at focus = u the right executor has the majority exactly when M > 0."""

    @abc.abstractmethod
    def forces(self, state: State, params: Any) -> Forces:
        """Return R and C_f in nat/step."""

    def dilution(self, load: Scalar, params: Any) -> tuple[Scalar, Scalar]:
        """Return the attention m at a load L of the window, and 1 - m without cancellation."""
        return ctx.attention(params, load), ctx.inattention(params, load)

    def load(self, state: State, params: Any) -> Scalar:
        """Return L, the effective fill of the window."""
        return ctx.load(params, state.context)

    def attention(self, state: State, params: Any) -> Scalar:
        """Return m, the attention left for the task's signal."""
        return self.dilution(self.load(state, params), params)[0]

    def inattention(self, state: State, params: Any) -> Scalar:
        """Return 1 - m, the attention that the context takes."""
        return self.dilution(self.load(state, params), params)[1]

    def context(self, state: State) -> Scalar:
        """Return c in ktok, the context that is reported."""
        return state.context

    def tokens(self, state: State, params: Any) -> Scalar:
        """Return the tokens that a step costs on average, in ktok/step."""
        return ctx.inflow(params, self.choice(state.focus, params).wrong)

    def at_rest(self, context: Scalar, progress: Scalar, params: Any) -> OrchestratorState:
        bare = OrchestratorState(None, progress, context)
        return OrchestratorState(self.target(bare, params), progress, context)

    def drift(self, t: Scalar, state: State, params: Any) -> OrchestratorState:
        del t
        choice = self.choice(state.focus, params)
        pace = params.resolution_rate * choice.right
        return OrchestratorState(
            focus=params.focus_rate * (self.target(state, params) - state.focus),
            progress=pace - pace * state.progress,
            context=ctx.inflow(params, choice.wrong)
            - ctx.forgetting(params, choice.normalised_entropy) * state.context,
        )

    def diffusion(self, t: Scalar, state: State, params: Any) -> tuple[OrchestratorState, ...]:
        del t
        choice = self.choice(state.focus, params)
        lottery = safe_sqrt(params.step_size * choice.right * choice.wrong)
        gap = params.focus_noise * self.gap_direction(state.focus)
        tokens = jnp.sqrt(params.step_size) * params.token_noise
        return (
            OrchestratorState(gap, None, None),
            OrchestratorState(
                None,
                lottery * params.resolution_rate * (1.0 - state.progress),
                -lottery * params.error_tokens,
            ),
            OrchestratorState(None, None, tokens),
        )

    def focus_signal(self, params: Any, level: Scalar | float) -> Callable[[State], Scalar]:
        def signal(state: State) -> Scalar:
            h = self.choice(state.focus, params).normalised_entropy
            return jnp.minimum(level - h, self.lead(state.focus, params))

        return signal

    def entropy_trend(self, state: State, params: Any) -> Scalar:
        forces = self.forces(state, params)
        return forces.loading - forces.resolution

    def progress(self, state: State) -> Scalar:
        return state.progress
