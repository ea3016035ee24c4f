"""Mean first passage times of diffusions on a line, and that of an orchestrator whose focus is fast."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import lax

from entropyjax.models import AbstractModel
from entropyjax.params import cast
from entropyjax.stability.equilibria import equilibria
from entropyjax.stability.noise.basis import basis
from entropyjax.stability.noise.plane import frozen, plane_of
from entropyjax.stability.rest import check_rest

_DEGREE = 9

Function = Callable[[Any], Any]
"""Called as f(y) on an array, elementwise."""


def mean_passage(drift: Function, variance: Function, wall: Any, start: Any, target: Any, panels: int = 256) -> Any:
    """Return the mean time in which dy = F(y) dt + sqrt(a(y)) dW (Ito) first gets from `start` to `target`.

        T = integral_start^target u(y) dy,    u(y) = integral_wall^y 2 / a(z) exp(-integral_z^y 2 F / a) dz

    for wall <= start < target, and its mirror image (Gardiner, Handbook of Stochastic Methods, section 5.2.7). It is
    worked out as du/dy = (2 - 2 F u) / a, which overflows only where T does. Batch it with `jax.vmap`.

    **Arguments:** `drift`, `variance`: F and a; `wall`: where paths are reflected, on the other side of `start` than
    `target`; `panels`: pieces of the line on either side of `start`, with a polynomial of degree 9 on each.
    """
    start = jnp.asarray(start)
    level, _ = _through(drift, variance, wall, start, jnp.zeros_like(start), panels)
    return _through(drift, variance, start, target, level, panels)[1]


def _through(drift: Function, variance: Function, low: Any, high: Any, level: Any, panels: int) -> tuple[Any, Any]:
    """Return u at `high` and the integral of u from `low`, where u = `level`."""
    parts = basis(_DEGREE, jnp.result_type(level))
    width = (high - low) / panels
    size = jnp.abs(width)

    def panel(state: Any, number: Any) -> tuple[Any, None]:
        level, total = state
        place = low + width * (number + parts.nodes)
        spread = variance(place)
        growth = parts.integral @ (-2.0 * width * drift(place) / spread)
        kernel = parts.integral * jnp.exp(growth[:, None] - growth[None, :])
        inside = level * jnp.exp(growth) + kernel @ (2.0 * size / spread)
        return (inside[-1], total + size * (parts.integral[-1] @ inside)), None

    numbers = jnp.arange(panels, dtype=parts.nodes.dtype)
    (level, total), _ = lax.scan(panel, (level, jnp.zeros_like(level)), numbers)
    return level, total


def fast_focus_passage(model: AbstractModel, params: Any, *, dtype: Any = None) -> Any:
    """Return the mean time in steps from the focused fixed point to the collapsed one at kappa = 0 for alpha >> delta0.

    The focus then stays at rest at u(c), and the context is a diffusion on a line, dc = F(c) dt + sqrt(a_cc) dW, whose
    passage time is known exactly. What is left out is of order delta0 / alpha and sigma_x^2 / alpha. NaN where there
    are not two stable fixed points.
    """
    check_rest(model)
    params = cast(frozen(params), jnp.result_type(float) if dtype is None else jnp.dtype(dtype))
    contexts = equilibria(model, params, dtype=dtype).state.context
    plane = plane_of(model, params)

    def at(context: Any) -> Any:
        return jnp.stack([model.at_rest(context, params.initial_progress, params).focus, context])

    def drift(contexts: Any) -> Any:
        return jnp.stack([plane.drift(at(context))[1] for context in contexts])

    def variance(contexts: Any) -> Any:
        return jnp.stack([plane.covariance(at(context))[1, 1] for context in contexts])

    return mean_passage(drift, variance, 0.0 * contexts[0], contexts[0], contexts[2])
