"""Explicit Runge-Kutta methods: a tableau and a step."""

from typing import Any, ClassVar

from jaxtyping import Array, Float

from entropyjax.models import AbstractModel, combine
from entropyjax.solve.method import register
from entropyjax.solve.noise import Draws
from entropyjax.solve.scan import AbstractFixedStep

Scalar = Float[Array, ""]


class AbstractRungeKutta(AbstractFixedStep):
    """Explicit Runge-Kutta method given by its tableau: rows of a, weights b, nodes c."""

    dynamics: ClassVar = "ode"
    a: ClassVar[tuple[tuple[float, ...], ...]]
    b: ClassVar[tuple[float, ...]]
    c: ClassVar[tuple[float, ...]]

    def step(
        self, model: AbstractModel, params: Any, t: Scalar, dt: Scalar, state: Any, slope: Any, draws: Draws
    ) -> Any:
        del draws
        slopes: list[Any] = [slope]
        for node, row in zip(self.c[1:], self.a[1:], strict=True):
            terms = [(weight * dt, slope) for weight, slope in zip(row, slopes, strict=True) if weight != 0.0]
            slopes.append(model.drift(t + node * dt, combine(state, *terms), params))
        terms = [(weight * dt, slope) for weight, slope in zip(self.b, slopes, strict=True) if weight != 0.0]
        return combine(state, *terms)


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
    """The fifth-order method of Tsitouras (Computers & Mathematics with Applications 62, 2011), fixed step."""

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
