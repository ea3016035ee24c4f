"""Explicit Runge-Kutta methods: a tableau and a step."""

from collections.abc import Callable
from typing import Any, ClassVar

import jax
from jaxtyping import Array, Float

from entropyjax.models import AbstractModel, combine
from entropyjax.solve.method import register
from entropyjax.solve.noise import Draws
from entropyjax.solve.scan import AbstractFixedStep
from entropyjax.solve.settle import settle

Scalar = Float[Array, ""]
Drift = Callable[[Scalar, Any], Any]
"""Called as drift(t, state): dy/dt."""


class AbstractRungeKutta(AbstractFixedStep):
    """Explicit Runge-Kutta method given by its tableau: rows of a, weights b, nodes c."""

    dynamics: ClassVar = "ode"
    a: ClassVar[tuple[tuple[float, ...], ...]]
    b: ClassVar[tuple[float, ...]]
    c: ClassVar[tuple[float, ...]]

    @classmethod
    def slopes(cls, drift: Drift, t: Scalar, dt: Scalar, state: Any, slope: Any) -> list[Any]:
        """Return the drift at every stage of a step, the first of which is `slope`."""
        slopes: list[Any] = [slope]
        for node, row in zip(cls.c[1:], cls.a[1:], strict=True):
            terms = weigh(row, dt, slopes)
            inside = combine(state, *terms)
            # A single product is computed again in no time.
            inside = settle(inside) if len(terms) > 1 else inside
            slopes.append(settle(drift(t + node * dt, inside)))
        return slopes

    def step(
        self, model: AbstractModel, params: Any, t: Scalar, dt: Scalar, state: Any, slope: Any, draws: Draws
    ) -> Any:
        del draws
        slopes = self.slopes(lambda t, state: model.drift(t, state, params), t, dt, state, slope)
        return combine(state, *weigh(self.b, dt, slopes))


def weigh(weights: tuple[float, ...], dt: Scalar, slopes: list[Any]) -> list[tuple[Scalar, Any]]:
    """Return the terms dt * weight * slope that `combine` adds up, those of weight zero left out."""
    return [(weight * dt, slope) for weight, slope in zip(weights, slopes, strict=True) if weight != 0.0]


def increment(weights: tuple[float, ...], dt: Scalar, slopes: list[Any]) -> Any:
    """Return dt times the weighted sum of the slopes."""
    (first, slope), *others = weigh(weights, dt, slopes)
    return combine(jax.tree.map(lambda leaf: first * leaf, slope), *others)


@register("rk4")
class RK4(AbstractRungeKutta):
    """The classical fourth-order method of Kutta (1901)."""

    order: ClassVar[float] = 4.0
    stability: ClassVar[float] = 2.78
    a: ClassVar = ((), (0.5,), (0.0, 0.5), (0.0, 0.0, 1.0))
    b: ClassVar = (1 / 6, 1 / 3, 1 / 3, 1 / 6)
    c: ClassVar = (0.0, 0.5, 0.5, 1.0)


@register("tsit5")
class Tsit5(AbstractRungeKutta):
    """The fifth-order method of Tsitouras (Computers & Mathematics with Applications 62, 2011), fixed step.

    The embedded fourth-order method and the interpolant have the drift at the end of the step as their
    seventh stage.

    **Attributes:**

    - `error`: b less the weights of the embedded method.
    - `bump`: weights of u^2 (1-u)^2 in the fourth-order interpolant at the place u of a step, where the rest is
      the cubic of Hermite (they are the factors of u^4 in section 4 of the paper).
    """

    order: ClassVar[float] = 5.0
    stability: ClassVar[float] = 3.1
    a: ClassVar = (
        (),
        (0.161,),
        (-0.008480655492356989, 0.335480655492357),
        (2.8971530571054935, -6.359448489975075, 4.3622954328695815),
        (5.325864828439257, -11.748883564062828, 7.4955393428898365, -0.09249506636175525),
        (
            5.86145544294642,
            -12.92096931784711,
            8.159367898576159,
            -0.071584973281401,
            -0.028269050394068383,
        ),
    )
    b: ClassVar = (
        0.09646076681806523,
        0.01,
        0.4798896504144996,
        1.379008574103742,
        -3.290069515436081,
        2.324710524099774,
    )
    c: ClassVar = (0.0, 0.161, 0.327, 0.9, 0.9800255409045097, 1.0)
    error: ClassVar[tuple[float, ...]] = (
        0.0017800110522257714,
        0.0008164344596567469,
        -0.007880878010261995,
        0.1447110071732629,
        -0.5823571654525552,
        0.45808210592918697,
        -1 / 66,
    )
    bump: ClassVar[tuple[float, ...]] = (
        -1.0530884977290216,
        0.1017,
        2.4906272856512528,
        -16.548102889244903,
        47.37952196281928,
        -34.87065786149661,
        2.5,
    )
