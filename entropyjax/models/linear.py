"""The null model of a straight line."""

from typing import Any, ClassVar

from entropyjax.models.base import Interval, Scalar, State
from entropyjax.models.reduced import AbstractReduced, ReducedParams, ReducedState
from entropyjax.models.registry import register
from entropyjax.params import parameter
from entropyjax.params.support import REAL, UNIT


class LinearParams(ReducedParams):
    """A start and a slope."""

    initial_normalised_entropy: Any = parameter(0.2, "-", UNIT, "h(0)", "Normalised entropy at the start.")
    entropy_slope: Any = parameter(0.005, "1/step", REAL, "r", "Change of the normalised entropy in a step.")


@register("linear")
class LinearEntropy(AbstractReduced):
    """An entropy that changes by the same amount in every step: H = (h(0) + r t) ln N_e.

    The line goes on beyond [0, 1]; what is observed of it stays at the end that it has passed.
    """

    Params: ClassVar[Any] = LinearParams
    domain: ClassVar[ReducedState] = ReducedState(Interval(-float("inf"), float("inf")))

    def drift(self, t: Scalar, state: State, params: Any) -> ReducedState:
        del t, state
        return ReducedState(params.entropy_slope)
