"""Damped entropy: an entropy that swings about what the load of the window calls for."""

from typing import Any, ClassVar, NamedTuple

from entropyjax.models import context as ctx
from entropyjax.models.base import Interval, Scalar, State
from entropyjax.models.filling import AbstractFilling, FillingParams
from entropyjax.models.registry import register
from entropyjax.params import OrchestratorParams, parameter, shared
from entropyjax.params.support import NON_NEGATIVE, POSITIVE, REAL

INF = float("inf")


class DampedParams(FillingParams):
    """The parameters of the context and of its dilution, and those of the oscillator."""

    dilution_order: Any = shared(OrchestratorParams, "dilution_order")
    natural_frequency: Any = parameter(
        0.5, "1/step", POSITIVE, "omega_0", "Angular frequency of the entropy if nothing damped it."
    )
    damping_ratio: Any = parameter(0.3, "-", NON_NEGATIVE, "zeta", "Damping over that at which it no longer swings.")
    initial_trend: Any = parameter(0.0, "1/step", REAL, "h'(0)", "Slope of the normalised entropy at the start.")


class DampedState(NamedTuple):
    """State of one lane: `normalised_entropy` h, its `rate` dh/dt in 1/step, `context` c in ktok."""

    normalised_entropy: Any
    rate: Any
    context: Any


@register("damped")
class DampedEntropy(AbstractFilling):
    """A damped oscillator about the entropy that the load calls for, over a context that fills up by itself:

        H'' + 2 zeta omega_0 H' + omega_0^2 (H - H_eq) = 0,   H_eq = ln N_e L^n / (1 + L^n)
        dc/dt = tau_e + tau_r - delta0 c

    H_eq = (1 - m) ln N_e: the share of the most possible entropy is the share of attention that the context takes, by
    the curve that the star has. It is 0 for an empty window and ln N_e for an overfull one. A swing may leave
    [0, ln N_e]; what is observed of it stays at the end that it has passed.
    """

    Params: ClassVar[Any] = DampedParams
    domain: ClassVar[DampedState] = DampedState(Interval(-INF, INF), Interval(-INF, INF), Interval(0.0, INF))

    def initial_state(self, params: Any) -> DampedState:
        return DampedState(params.initial_normalised_entropy, params.initial_trend, params.initial_context)

    def drift(self, t: Scalar, state: State, params: Any) -> DampedState:
        del t
        frequency = params.natural_frequency
        excess = state.normalised_entropy - ctx.inattention(params, self.load(state, params))
        return DampedState(
            state.rate,
            -frequency * (2.0 * params.damping_ratio * state.rate + frequency * excess),
            self.context_drift(state, params),
        )
