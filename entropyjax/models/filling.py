"""Reduced models whose context fills up, by what the steps of the task bring (model page, section 6)."""

from typing import Any, ClassVar

from entropyjax.models import context as ctx
from entropyjax.models.base import Scalar, State
from entropyjax.models.orchestrator import AbstractOrchestrator
from entropyjax.models.reduced import AbstractReduced, ReducedParams
from entropyjax.params import OrchestratorParams, shared


class FillingParams(ReducedParams):
    """The parameters of the context, as orchestrators have them."""

    context_window: Any = shared(OrchestratorParams, "context_window")
    effective_fraction: Any = shared(OrchestratorParams, "effective_fraction")
    system_tokens: Any = shared(OrchestratorParams, "system_tokens")
    roster_tokens: Any = shared(OrchestratorParams, "roster_tokens")
    executor_tokens: Any = shared(OrchestratorParams, "executor_tokens")
    reasoning_tokens: Any = shared(OrchestratorParams, "reasoning_tokens")
    compaction_rate: Any = shared(OrchestratorParams, "compaction_rate")
    initial_context: Any = shared(OrchestratorParams, "initial_context")


class AbstractFilling(AbstractReduced):
    """A reduced model that the load L of the window drives, over a context that fills up by itself:

        dc/dt = tau_e + tau_r - delta0 c

    It does not know of the choice, so that no error costs tokens.
    """

    observables: ClassVar[Any] = AbstractReduced.observables | {
        name: AbstractOrchestrator.observables[name] for name in ("load", "context", "tokens")
    }

    def load(self, state: State, params: Any) -> Scalar:
        """Return L, the effective fill of the window."""
        return ctx.load(params, state.context)

    def context(self, state: State) -> Scalar:
        """Return c in ktok."""
        return state.context

    def tokens(self, state: State, params: Any) -> Scalar:
        """Return tau_e + tau_r in ktok/step."""
        del state
        return ctx.clean_inflow(params)

    def context_drift(self, state: State, params: Any) -> Scalar:
        """Return dc/dt in ktok/step."""
        return ctx.clean_inflow(params) - params.compaction_rate * state.context
