"""The null model of an exponential approach."""

from typing import Any, ClassVar

import jax.numpy as jnp

from entropyjax.models.base import Scalar, State
from entropyjax.models.reduced import AbstractReduced, ReducedParams, ReducedState
from entropyjax.models.registry import register
from entropyjax.params import parameter
from entropyjax.params.support import POSITIVE, UNIT


class SaturatingParams(ReducedParams):
    """A start, an end, and how long the way takes."""

    final_normalised_entropy: Any = parameter(0.3, "-", UNIT, "h_inf", "Normalised entropy in the long run.")
    relaxation_time: Any = parameter(5.0, "step", POSITIVE, "tau", "Time in which the way left shrinks e-fold.")


@register("saturating")
class SaturatingEntropy(AbstractReduced):
    """An entropy that nears its end without regard to the context: H = [h_inf + (h(0) - h_inf) e^{-t/tau}] ln N_e."""

    Params: ClassVar[Any] = SaturatingParams

    def drift(self, t: Scalar, state: State, params: Any) -> ReducedState:
        del t
        return ReducedState((params.final_normalised_entropy - state.normalised_entropy) / params.relaxation_time)

    def entropy_trend(self, state: State, params: Any) -> Scalar:
        # At its end it is at rest; rounding there must not turn a fall into a rise.
        left = params.final_normalised_entropy - state.normalised_entropy
        return jnp.where(jnp.abs(left) < 4.0 * jnp.finfo(left.dtype).eps, -1.0, left)
