"""Functionals of the reduced choice: one right executor against `rivals` exchangeable others.

With l = ln(rivals) and a = x - l every functional is written in the log-sum-exp form that keeps relative
precision in float32 for |x| of 30 and 1e6 executors. `rivals` is N_e - 1 = phi_s (N - 1), a positive real.
Source: model page, section 2.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Scalar = Float[Array, "..."]


def right_probability(gap: Scalar, rivals: Scalar) -> Scalar:
    """Return q = 1 / (1 + rivals e^{-x}), the probability of the right executor.

    **Arguments:** `gap`: x in nat; `rivals`: N_e - 1.
    """
    return jax.nn.sigmoid(gap - jnp.log(rivals))


def wrong_probability(gap: Scalar, rivals: Scalar) -> Scalar:
    """Return 1 - q without cancellation."""
    return jax.nn.sigmoid(jnp.log(rivals) - gap)


def shannon_entropy(gap: Scalar, rivals: Scalar) -> Scalar:
    """Return H = -q ln q - (1-q) ln((1-q)/rivals) in nat."""
    log_rivals = jnp.log(rivals)
    advantage = gap - log_rivals
    right = jax.nn.sigmoid(advantage) * jax.nn.softplus(-advantage)
    return right + jax.nn.sigmoid(-advantage) * (jax.nn.softplus(advantage) + log_rivals)


def normalised_entropy(gap: Scalar, rivals: Scalar) -> Scalar:
    """Return h = H / ln N_e, 1 when all executors look alike."""
    return shannon_entropy(gap, rivals) / jnp.log1p(rivals)


def collision_probability(gap: Scalar, rivals: Scalar) -> Scalar:
    """Return S = q^2 + (1-q)^2 / rivals; the Renyi-2 entropy is -ln S."""
    return right_probability(gap, rivals) ** 2 + wrong_probability(gap, rivals) ** 2 / rivals
