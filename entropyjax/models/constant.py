"""The null model of no change."""

from typing import Any, ClassVar

import jax.numpy as jnp

from entropyjax.models.base import Scalar, State
from entropyjax.models.reduced import AbstractReduced, ReducedParams, ReducedState
from entropyjax.models.registry import register
from entropyjax.params import parameter
from entropyjax.params.support import UNIT


class ConstantParams(ReducedParams):
    """The entropy that stays."""

    initial_normalised_entropy: Any = parameter(0.3, "-", UNIT, "h(0)", "Normalised entropy at the start.")


@register("constant")
class ConstantEntropy(AbstractReduced):
    """An entropy that neither work nor context changes: H = h(0) ln N_e at every step."""

    Params: ClassVar[Any] = ConstantParams

    def drift(self, t: Scalar, state: State, params: Any) -> ReducedState:
        del t, params
        return ReducedState(jnp.zeros_like(state.normalised_entropy))
