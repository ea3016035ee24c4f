"""Reduced models: h moves by itself, without a logit gap of its own behind it (model page, section 6)."""

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp

from entropyjax.entropy import Choice, binary, gap_at
from entropyjax.models import context as ctx
from entropyjax.models.base import AbstractModel, Interval, Observable, Scalar, State
from entropyjax.models.orchestrator import CHOICE, AbstractOrchestrator
from entropyjax.params import AbstractParams, OrchestratorParams, parameter, shared
from entropyjax.params.support import UNIT


class ReducedParams(AbstractParams):
    """What the entropy of a choice needs beside h: N_e = 1 + phi_s (N - 1), and h at the start."""

    n_agents: Any = shared(OrchestratorParams, "n_agents")
    roster_similarity: Any = shared(OrchestratorParams, "roster_similarity")
    initial_normalised_entropy: Any = parameter(1.0, "-", UNIT, "h(0)", "Normalised entropy at the start.")


class ReducedState(NamedTuple):
    """State of one lane: `normalised_entropy` h = H / ln N_e, a pure number."""

    normalised_entropy: Any


def _reduced_observables() -> dict[str, Observable]:
    out = {
        name: Observable(symbol, unit, doc, lambda m, y, p, field=field: getattr(m.choice(y, p), field))
        for name, (symbol, unit, doc, field) in CHOICE.items()
    }
    evaluate: dict[str, Callable[..., Scalar]] = {
        "normalised_entropy": lambda m, y, p: m.normalised_entropy(y),
        "entropy": lambda m, y, p: m.normalised_entropy(y) * jnp.log1p(ctx.rivals(p)),
        "focus": lambda m, y, p: m.gap(y, p),
    }
    known = out | {"focus": AbstractOrchestrator.observables["focus"]}
    # H does not need the gap, whose equation takes 26 evaluations to solve.
    return out | {name: known[name]._replace(evaluate=function) for name, function in evaluate.items()}


class AbstractReduced(AbstractModel):
    """A model of h alone: deterministic, of no task, and the same for every roster.

    A component of the state is h and not H, so that its bounds 0 and 1 and the parameters hold for every N. Where the
    equation leaves [0, 1] the drift does not know, and what is observed is h at the nearer end.

    The choice is closed on one gap: x >= 0 is where the entropy of the star's choice is H. So the probability q of the
    right executor and the collision probability S exist as the star's do.
    """

    Params: ClassVar[Any] = ReducedParams
    domain: ClassVar[Any] = ReducedState(Interval(0.0, 1.0))
    observables: ClassVar[Any] = _reduced_observables()

    def initial_state(self, params: Any) -> State:
        return ReducedState(params.initial_normalised_entropy)

    def normalised_entropy(self, state: State) -> Scalar:
        """Return h in [0, 1]."""
        h = state.normalised_entropy
        # Unlike those of clip, its slopes at 0 and 1 themselves are 1.
        return jnp.where(h < 0.0, 0.0, jnp.where(h > 1.0, 1.0, h))

    def gap(self, state: State, params: Any) -> Scalar:
        """Return the x >= 0 in nat at which the star's choice has this entropy; see `gap_at` for h near 0 and 1."""
        return gap_at(self.normalised_entropy(state), ctx.rivals(params))

    def choice(self, state: State, params: Any) -> Choice:
        """Return the functionals of the choice on the gap."""
        return binary.choice(self.gap(state, params), ctx.rivals(params))

    def focus_signal(self, params: Any, level: Scalar | float) -> Callable[[State], Scalar]:
        # x > 0 wherever h < 1.
        return lambda state: level - state.normalised_entropy

    def entropy_trend(self, state: State, params: Any) -> Scalar:
        # No drift of these models depends on t by itself.
        h = state.normalised_entropy
        return self.drift(jnp.zeros_like(h), state, params).normalised_entropy
