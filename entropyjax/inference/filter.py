"""What the dispatches of a run say of the noise of its gap: an assumed-density filter."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

FAR = math.sqrt(3.0)
"""Outer ones of three points, at weights of 1/6, 2/3 and 1/6, that hold a normal's moments up to the fifth."""


class Noise(NamedTuple):
    """How the noise of a gap goes on: n <- rho n + kick xi from one decision to the next.

    **Attributes:** `memory`: rho = e^{-alpha}; `kick`: its standard deviation over a step in nat.
    """

    memory: Float[Array, ""]
    kick: Float[Array, ""]


def foresee(
    gap: Float[Array, "steps nodes"], rivals: Float[Array, ""], wrong: Float[Array, " steps"], noise: Noise
) -> tuple[Float[Array, "steps nodes"], Float[Array, "steps nodes"]]:
    """Return mean and deviation of the gap at each decision of a run, given its dispatches before.

    Errors come with a gap that is low by its noise, which lasts, and with a context that grows by them: without the
    filter the context is blamed for both. The noise is kept normal: after each dispatch its mean and variance are those
    of the product with the chance of what was seen, on three points (Minka, 2001, assumed-density filtering).

    **Arguments:** `gap`: without noise; `wrong`: 1 or 0, NaN where it is not known.
    """

    def step(carry: tuple[Array, Array], here: tuple[Array, Array]) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        mean, variance = carry
        x, missed = here
        # At the start nothing is random, and a root of nothing has no derivative.
        spread = jnp.where(variance > 0.0, jnp.sqrt(jnp.where(variance > 0.0, variance, 1.0)), 0.0)
        sign = jnp.where(missed > 0.5, -1.0, 1.0).astype(x.dtype)
        low, centre, high = (
            jax.nn.sigmoid(sign * (x + mean + point * spread - jnp.log(rivals))) for point in (-FAR, 0.0, FAR)
        )
        total = low + 4.0 * centre + high
        shift, second = FAR * (high - low) / total, 3.0 * (high + low) / total
        told = ~jnp.isnan(missed)
        after = mean + jnp.where(told, shift * spread, 0.0)
        left = variance * jnp.where(told, second - shift**2, 1.0)
        return (noise.memory * after, noise.memory**2 * left + noise.kick**2), (x + mean, spread)

    still = jnp.zeros_like(gap[0])
    return lax.scan(step, (still, still), (gap, wrong))[1]
