"""The mesh: N alike agents that hand the turn to each other, each of which has seen a share of the messages."""

from typing import Any, ClassVar

from entropyjax.models.base import AbstractModel, Observable, Scalar, State
from entropyjax.models.orchestrator import OrchestratorState
from entropyjax.models.registry import register
from entropyjax.models.star import Star
from entropyjax.params import OrchestratorParams, parameter, replace
from entropyjax.params.support import UNIT

STAR = Star()

SEEN = ("evidence", "executor_tokens", "reasoning_tokens", "reasoning_scale", "error_tokens", "token_noise")
"""Parameters of which one agent has its share: the evidence, and all tokens. The scale of reasoning goes with it, for
an agent's reasoning is as good as ever."""


class MeshParams(OrchestratorParams):
    """The orchestrator's parameters, and how much of what is said reaches everybody."""

    sharing: Any = parameter(0.5, "-", UNIT, "phi", "Share of the messages that reach every agent instead of one.")


def _seen(item: Observable) -> Observable:
    """Return an observable of the star as one agent of the mesh has it."""
    return item._replace(evaluate=lambda model, state, params: item.evaluate(STAR, state, model.nodes(params)))


@register("mesh")
class Mesh(AbstractModel):
    """N alike agents, of which each may keep the turn or hand it to any other; (x, c) is the mean agent's:

        w     = phi + (1 - phi) / N                        share of the messages that an agent has seen
        dx/dt = alpha (w Delta_eff m - x)
        ds/dt = kappa q (1 - s)
        dc/dt = w (tau_e + tau_r + chi (1 - q)) - (delta0 + delta1 h) c

    This is the star, noise and agents included, with the evidence and every inflow of tokens times w. At phi = 1 it is
    the star's trajectory at N times the tokens; at phi = 0 the evidence is Delta / N, by construction.
    """

    Params: ClassVar[Any] = MeshParams
    domain: ClassVar[OrchestratorState] = Star.domain
    observables: ClassVar[Any] = {
        **{name: _seen(item) for name, item in Star.observables.items()},
        "tokens": Observable(
            "tau", "ktok/step", "Tokens that all agents take up in a step.", lambda m, y, p: m.tokens(y, p)
        ),
    }
    reported: ClassVar[tuple[str, ...]] = ("tokens",)

    def share(self, params: Any) -> Scalar:
        """Return w, the share of all messages that one agent has seen."""
        return params.sharing + (1.0 - params.sharing) / params.n_agents

    def nodes(self, params: Any) -> Any:
        """Return the parameters of the star that one agent is."""
        share = self.share(params)
        return replace(params, {name: share * getattr(params, name) for name in SEEN})

    def tokens(self, state: State, params: Any) -> Scalar:
        """Return N w (tau_e + tau_r + chi (1 - q)) in ktok/step."""
        return params.n_agents * STAR.tokens(state, self.nodes(params))

    def initial_state(self, params: Any) -> OrchestratorState:
        return STAR.initial_state(params)

    def at_rest(self, context: Scalar, progress: Scalar, params: Any) -> OrchestratorState:
        return STAR.at_rest(context, progress, self.nodes(params))

    def drift(self, t: Scalar, state: State, params: Any) -> OrchestratorState:
        return STAR.drift(t, state, self.nodes(params))

    def diffusion(self, t: Scalar, state: State, params: Any) -> tuple[OrchestratorState, ...]:
        return STAR.diffusion(t, state, self.nodes(params))

    def focus_signal(self, params: Any, level: Any) -> Any:
        return STAR.focus_signal(self.nodes(params), level)

    def entropy_trend(self, state: State, params: Any) -> Scalar:
        return STAR.entropy_trend(state, self.nodes(params))

    def progress(self, state: State) -> Scalar:
        return STAR.progress(state)
