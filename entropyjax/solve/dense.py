"""Dense output: the state inside a step of Tsitouras' method, from the stages that the step has anyway."""

from typing import Any, NamedTuple

import jax
from jaxtyping import Array, Float

from entropyjax.models import combine
from entropyjax.solve.runge_kutta import Tsit5, increment

Scalar = Float[Array, ""]


class Interpolant(NamedTuple):
    """A quartic in the place u of a step, 0 at its start and 1 at its end, component by component:

        y(u) = y0 + u (y1 - y0) + u (1-u) [(1-u) (dt f0 - y1 + y0) - u (dt f1 - y1 + y0) + u (1-u) bump]

    It is the cubic of Hermite through the states and drifts at both ends, and the `bump` of fourth order that
    the stages add. In this form rounding stays small where the weights of single stages are large.
    """

    state: Any
    change: Any
    rise: Any
    fall: Any
    bump: Any

    def at(self, place: Scalar) -> Any:
        """Return the state at `place`."""
        left = 1.0 - place
        inner = place * left
        return combine(
            self.state,
            (place, self.change),
            (inner * left, self.rise),
            (-inner * place, self.fall),
            (inner * inner, self.bump),
        )


def interpolant(state: Any, end: Any, slopes: list[Any], dt: Scalar) -> Interpolant:
    """Return the interpolant of a step, of fourth order in dt and once continuously differentiable.

    **Arguments:** `state`, `end`: at the start and at the end; `slopes`: the drift at the stages and at the end.
    """
    change = jax.tree.map(lambda a, b: b - a, state, end)

    def beyond(slope: Any) -> Any:
        return jax.tree.map(lambda here, whole: dt * here - whole, slope, change)

    return Interpolant(state, change, beyond(slopes[0]), beyond(slopes[-1]), increment(Tsit5.bump, dt, slopes))
