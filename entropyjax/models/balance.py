"""The entropy balance: the task takes entropy away at one rate, the load of the window puts it back at another."""

from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from entropyjax.models import context as ctx
from entropyjax.models.base import Interval, Scalar, State
from entropyjax.models.filling import AbstractFilling, FillingParams
from entropyjax.models.orchestrator import AbstractOrchestrator, Forces
from entropyjax.models.registry import register
from entropyjax.params import parameter
from entropyjax.params.support import NON_NEGATIVE


class BalanceParams(FillingParams):
    """The parameters of the context, and the two rates."""

    focusing_rate: Any = parameter(0.5, "1/step", NON_NEGATIVE, "a", "Rate at which work on the task takes entropy.")
    loading_rate: Any = parameter(
        0.5, "1/step", NON_NEGATIVE, "b_c", "Rate at which a window of load 1 brings the entropy up to ln N_e."
    )


class BalanceState(NamedTuple):
    """State of one lane: `normalised_entropy` h, `context` c in ktok."""

    normalised_entropy: Any
    context: Any


@register("balance")
class EntropyBalance(AbstractFilling):
    """The balance of two forces that are linear in H, over a context that fills up by itself:

        dH/dt = -a H + b_c L (ln N_e - H)     R = a H,   C_f = b_c L (ln N_e - H)
        dc/dt = tau_e + tau_r - delta0 c

    h stays in [0, 1]. At a constant load the balance relaxes exponentially, as `held_entropy` says.
    """

    Params: ClassVar[Any] = BalanceParams
    domain: ClassVar[BalanceState] = BalanceState(Interval(0.0, 1.0), Interval(0.0, float("inf")))
    observables: ClassVar[Any] = AbstractFilling.observables | {
        name: AbstractOrchestrator.observables[name] for name in ("resolution", "loading")
    }

    def initial_state(self, params: Any) -> BalanceState:
        return BalanceState(params.initial_normalised_entropy, params.initial_context)

    def drift(self, t: Scalar, state: State, params: Any) -> BalanceState:
        del t
        h, pressure = state.normalised_entropy, params.loading_rate * self.load(state, params)
        return BalanceState(
            pressure - (params.focusing_rate + pressure) * h,
            self.context_drift(state, params),
        )

    def forces(self, state: State, params: Any) -> Forces:
        """Return R = a H and C_f = b_c L (ln N_e - H) in nat/step."""
        h, most = state.normalised_entropy, jnp.log1p(ctx.rivals(params))
        pressure = params.loading_rate * self.load(state, params)
        return Forces(params.focusing_rate * h * most, pressure * (1.0 - h) * most)


def resting_entropy(params: Any, load: float | Float[Array, "..."]) -> Float[Array, "..."]:
    """Return H_inf = b_c L ln N_e / (a + b_c L) in nat, at which the balance rests at a load that stays.

    Without either force (a = 0, b_c L = 0) every H rests, and this one is 0.

    **Arguments:** `params`: `BalanceParams`; `load`: L.
    """
    pressure = params.loading_rate * load
    rate = params.focusing_rate + pressure
    return pressure / jnp.where(rate > 0.0, rate, 1.0) * jnp.log1p(ctx.rivals(params))


def held_entropy(params: Any, load: float | Float[Array, "..."], t: float | Float[Array, "..."]) -> Float[Array, "..."]:
    """Return H(t) = H_inf + (H(0) - H_inf) e^{-(a + b_c L) t} in nat, the balance at a load that stays.

    **Arguments:** `params`: `BalanceParams`; `load`: L; `t`: time in steps.
    """
    rest = resting_entropy(params, load)
    start = params.initial_normalised_entropy * jnp.log1p(ctx.rivals(params))
    return rest + (start - rest) * jnp.exp(-(params.focusing_rate + params.loading_rate * load) * t)
