"""Ito methods for non-commutative noise: Euler-Maruyama and the weak second-order RI6."""

from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from entropyjax.models import AbstractModel, combine
from entropyjax.solve.method import register
from entropyjax.solve.noise import Draws
from entropyjax.solve.scan import AbstractFixedStep
from entropyjax.solve.settle import settle

Scalar = Float[Array, ""]


@register("euler_maruyama")
class EulerMaruyama(AbstractFixedStep):
    """Euler-Maruyama: weak order 1, strong order 1/2 (Kloeden & Platen 1992, section 10.2)."""

    dynamics: ClassVar = "sde"
    order: ClassVar[float] = 1.0
    stability: ClassVar[float] = 2.0

    def step(
        self, model: AbstractModel, params: Any, t: Scalar, dt: Scalar, state: Any, slope: Any, draws: Draws
    ) -> Any:
        del slope
        drift = model.drift(t, state, params)
        columns = model.diffusion(t, state, params)
        root = jnp.sqrt(dt)
        noise = [(root * xi, column) for xi, column in zip(draws.normals, columns, strict=False)]
        return combine(state, (dt, drift), *noise)


@register("ri6")
class RI6(AbstractFixedStep):
    """RI6 of Roessler (SIAM J. Numer. Anal. 47, 2009): weak order 2 for non-commutative Ito noise.

    Every Wiener process k has two pairs of extra stages: at Y + a dt +- b_k sqrt(dt), and at Y +- the other
    processes' columns weighted with the approximate iterated integrals I_(k,l). Columns that do not depend
    on the state cost nothing: their stages are dead code to the compiler.
    """

    dynamics: ClassVar = "sde"
    order: ClassVar[float] = 2.0
    stability: ClassVar[float] = 2.0

    def step(
        self, model: AbstractModel, params: Any, t: Scalar, dt: Scalar, state: Any, slope: Any, draws: Draws
    ) -> Any:
        del slope
        root = jnp.sqrt(dt)
        drift, columns = settle((model.drift(t, state, params), model.diffusion(t, state, params)))
        size = len(columns)
        wiener = [root * xi for xi in draws.normals[:size]]
        predictor = settle(combine(state, (dt, drift)))
        corrected = model.drift(t + dt, combine(predictor, *zip(wiener, columns, strict=True)), params)
        terms: list[tuple[Any, Any]] = [(0.5 * dt, drift), (0.5 * dt, corrected)]
        for k in range(size):
            own_plus = model.diffusion(t + dt, combine(predictor, (root, columns[k])), params)[k]
            own_minus = model.diffusion(t + dt, combine(predictor, (-root, columns[k])), params)[k]
            others = [
                (_iterated(k, other, wiener, draws.signs, root) / root, columns[other])
                for other in range(size)
                if other != k
            ]
            cross_plus = model.diffusion(t, combine(state, *others), params)[k]
            cross_minus = model.diffusion(t, combine(state, *[(-w, b) for w, b in others]), params)[k]
            spread = 0.25 * (wiener[k] ** 2 - dt) / root
            # beta1 and beta3 weight b_k(Y) by 1/2 and -1/2: it drops out.
            terms += [
                (0.25 * wiener[k] + spread, own_plus),
                (0.25 * wiener[k] - spread, own_minus),
                (0.25 * wiener[k] + 0.5 * root, cross_plus),
                (0.25 * wiener[k] - 0.5 * root, cross_minus),
            ]
        return combine(state, *terms)


def _iterated(k: int, other: int, wiener: list[Scalar], signs: tuple[Scalar, ...], root: Scalar) -> Scalar:
    """Return the approximation of the iterated Ito integral I_(k, other), k != other."""
    product = wiener[k] * wiener[other]
    area = -root * root * signs[k] if k < other else root * root * signs[other]
    return 0.5 * (product + area)
