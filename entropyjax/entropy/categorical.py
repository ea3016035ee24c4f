"""Functionals of a full scheduling vector, padded and weighted.

Executor j has the weight w_j in [0, 1]: 1 if it is on the roster, 0 if it is padding, a fraction for the
last one when the effective number of executors is not an integer. With p_j = w_j e^{z_j} / sum_k w_k e^{z_k},

    H = -sum_j p_j ln(p_j / w_j)      S = sum_j p_j^2 / w_j,

which agree with the reduced forms of `entropyjax.entropy.binary` at every real N_e.
"""

import jax.numpy as jnp
from jax.scipy.special import logsumexp
from jaxtyping import Array, Float


def log_density(logits: Float[Array, " n"], weights: Float[Array, " n"]) -> Float[Array, " n"]:
    """Return ln(p_j / w_j) = z_j - ln sum_k w_k e^{z_k}, finite also where w_j = 0.

    The largest logit is taken out of the sum, so that ln p keeps relative precision as p -> 1.
    """
    present = weights > 0.0
    top = jnp.argmax(jnp.where(present, logits, -jnp.inf))
    shifted = jnp.where(present, logits - logits[top], 0.0)
    is_top = jnp.arange(logits.shape[0]) == top
    others = jnp.sum(jnp.where(is_top, 0.0, weights * jnp.exp(shifted)))
    return shifted - jnp.log1p((weights[top] - 1.0) + others)


def scheduling_vector(logits: Float[Array, " n"], weights: Float[Array, " n"]) -> Float[Array, " n"]:
    """Return p, the probability of dispatching each executor; exactly 0 where the weight is 0."""
    return weights * jnp.exp(log_density(logits, weights))


def shannon_entropy(logits: Float[Array, " n"], weights: Float[Array, " n"]) -> Float[Array, ""]:
    """Return H = -sum_j p_j ln(p_j / w_j) in nat."""
    log_p = log_density(logits, weights)
    return -jnp.sum(weights * jnp.exp(log_p) * log_p)


def collision_probability(logits: Float[Array, " n"], weights: Float[Array, " n"]) -> Float[Array, ""]:
    """Return S = sum_j p_j^2 / w_j."""
    return jnp.sum(weights * jnp.exp(2.0 * log_density(logits, weights)))


def covariance(logits: Float[Array, " n"], weights: Float[Array, " n"], values: Float[Array, " n"]) -> Float[Array, ""]:
    """Return Cov_p(z, v), the rate at which a logit drift v lowers the entropy: dH/dt = -Cov_p(z, v).

    Both are taken relative to the likeliest executor, whose terms then vanish: as its p -> 1 nothing cancels.
    """
    p = scheduling_vector(logits, weights)
    top = jnp.argmax(p)
    gap = jnp.where(weights > 0.0, logits - logits[top], 0.0)
    excess = values - values[top]
    return jnp.sum(p * gap * excess) - jnp.sum(p * gap) * jnp.sum(p * excess)


def log_odds(logits: Float[Array, " n"], weights: Float[Array, " n"]) -> Float[Array, ""]:
    """Return ln(p_0 / (1 - p_0)), positive exactly when executor 0 has the majority."""
    return logits[0] - logsumexp(logits[1:], b=weights[1:])
