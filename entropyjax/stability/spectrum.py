"""The spectrum of a fixed point, in closed form."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from entropyjax.models import AbstractModel
from entropyjax.results import Kind


class Spectrum(NamedTuple):
    """Eigenvalues of the Jacobian at a fixed point, and the slope F', all in 1/step.

    `pair` holds those of focus and context along a last axis, the one with the larger real part first;
    `relaxation` is -alpha, the eigenvalue of every other direction of the focus; `progress` is that of s, -kappa q.
    """

    pair: Any
    relaxation: Any
    progress: Any
    slope: Any


def spectrum(model: AbstractModel, state: Any, params: Any) -> Spectrum:
    """Return the spectrum at a fixed point.

    The focus relaxes at one rate alpha to a target u(s, c), so the Jacobian is -alpha in every direction of the focus
    but u' = du/dc, and on (u', c) it is

        | -alpha   alpha |    d = the slope of dc/dt by c at fixed focus,   trace = -alpha + d,
        |   k        d   |    k = its slope by the focus along u',          determinant = -alpha F',   F' = d + k.

    s acts on focus and context, and nothing acts on it where s = 1 or kappa = 0.
    """
    zero = jnp.zeros((), jnp.result_type(state.context))

    def slope_of(component: str, along: str, tangent: Any) -> Any:
        def drift(part: Any) -> Any:
            return getattr(model.drift(zero, state._replace(**{along: part}), params), component)

        at = getattr(state, along)
        return jax.jvp(drift, (at,), (tangent,))[1]

    ones = jax.tree.map(jnp.ones_like, state)
    _, push = jax.jvp(
        lambda context: model.at_rest(context, state.progress, params).focus, (state.context,), (ones.context,)
    )
    fall = slope_of("focus", "focus", ones.focus)
    relaxation = fall if jnp.ndim(fall) == jnp.ndim(state.context) else fall[..., 0]
    damping = slope_of("context", "context", ones.context)
    coupling = slope_of("context", "focus", push)
    progress = slope_of("progress", "progress", ones.progress)
    return Spectrum(_pair(relaxation, damping, coupling), relaxation, progress, damping + coupling)


def _pair(relaxation: Any, damping: Any, coupling: Any) -> Any:
    """Return the eigenvalues of the 2 x 2 block, the smaller one without cancellation."""
    half = 0.5 * (relaxation + damping)
    bend = jnp.square(0.5 * (relaxation - damping)) - relaxation * coupling
    root, turn = jnp.sqrt(jnp.maximum(bend, 0.0)), jnp.sqrt(jnp.maximum(-bend, 0.0))
    large = half - root
    determinant = relaxation * (damping + coupling)
    # The trace is negative, so `large` does not cancel.
    small = determinant / jnp.where(large == 0.0, 1.0, large)
    first, second = (jnp.where(bend >= 0.0, part, half) for part in (small, large))
    return jax.lax.complex(jnp.stack([first, second], -1), jnp.stack([turn, -turn], -1))


def kind(at: Spectrum, stable: Any) -> Any:
    """Return the `Kind` of a fixed point: with a negative trace, F' < 0 is stable and F' > 0 a saddle."""
    spiral = jnp.any(jnp.imag(at.pair) != 0.0)
    return jnp.where(stable, jnp.where(spiral, Kind.STABLE_SPIRAL, Kind.STABLE_NODE), Kind.SADDLE)
