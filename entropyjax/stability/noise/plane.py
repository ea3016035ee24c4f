"""Diffusions on the plane, and the one that an orchestrator makes of its focus and its context."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from entropyjax.models import AbstractModel
from entropyjax.params import replace

Point = Float[Array, " 2"]
Matrix = Float[Array, "2 2"]


class NoiseError(ValueError):
    """A question about noise that has no answer as asked; the message says what to change."""


class Plane(NamedTuple):
    """The diffusion dz = b(z) dt + sigma(z) dW (Ito), by its `drift` b and its `covariance` a = sigma sigma^T."""

    drift: Callable[[Point], Point]
    covariance: Callable[[Point], Matrix]


def scaled_noise(params: Any, scale: Any) -> Any:
    """Return the parameters with every noise `scale` times as strong, so that a becomes scale^2 a.

    sigma_x -> scale sigma_x and epsilon -> scale^2 epsilon: the noise of dispatches and tokens goes with sqrt(epsilon).
    """
    changes = {"focus_noise": params.focus_noise * scale, "step_size": params.step_size * scale**2}
    return replace(params, changes)


def frozen(params: Any) -> Any:
    """Return the parameters with kappa = 0: s stays at s(0), and the noise acts on (x, c) alone."""
    return replace(params, {"resolution_rate": 0.0 * jnp.asarray(params.resolution_rate)})


def plane_of(model: AbstractModel, params: Any) -> Plane:
    """Return the diffusion on z = (x, c), in nat and ktok, that a model makes with s held at s(0).

    **Raises:** `NoiseError` for a model with more than one focus or context.
    """
    rest = model.initial_state(params)
    zero = jnp.zeros((), jnp.result_type(rest.focus))
    if jnp.ndim(rest.focus) or jnp.ndim(rest.context):
        raise NoiseError(
            f"{type(model).__name__} has {jnp.size(rest.focus)} logits and {jnp.size(rest.context)} contexts; escape "
            "is worked out for one of each: take a model on the gap x, such as the star or the mesh."
        )

    def at(point: Point) -> Any:
        return rest._replace(focus=point[0], context=point[1])

    def pair(tangent: Any) -> Point:
        focus, context = (jnp.zeros_like(zero) if part is None else part for part in (tangent.focus, tangent.context))
        return jnp.stack([jnp.asarray(focus, rest.focus.dtype), jnp.asarray(context, rest.focus.dtype)])

    def covariance(point: Point) -> Matrix:
        columns = jnp.stack([pair(column) for column in model.diffusion(zero, at(point), frozen(params))])
        return columns.T @ columns

    return Plane(lambda point: pair(model.drift(zero, at(point), frozen(params))), covariance)
