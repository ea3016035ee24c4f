"""Estimators of an entropy from counts of what was chosen, each row for itself.

Rows are vectors of counts n_k of K categories with the sum n; columns of zeros change nothing. Entropies are in nat. A
row without counts has no estimate and gives NaN; a single count gives the entropy 0, and no collision probability.
Source: model page, section "From logs".
"""

from collections.abc import Callable

import jax.numpy as jnp
from jax.scipy.special import xlogy
from jaxtyping import Array, Float

Counts = Float[Array, "*rows k"]
Estimates = Float[Array, "*rows"]

Estimator = Callable[[Counts], Estimates]
"""Called as estimator(counts)."""


def plug_in(counts: Counts) -> Estimates:
    """Return -sum_k (n_k/n) ln(n_k/n), the entropy of the observed shares; low by about (K-1)/(2n)."""
    total = jnp.sum(counts, axis=-1)
    share = counts / _positive(total)[..., None]
    return _where_counted(total, -jnp.sum(xlogy(share, share), axis=-1))


def miller_madow(counts: Counts) -> Estimates:
    """Return the plug-in entropy + (K_seen - 1)/(2n), with the number of categories that were seen.

    Source: G. Miller, Note on the bias of information estimates, 1955.
    """
    total = jnp.sum(counts, axis=-1)
    seen = jnp.sum((counts > 0.0).astype(counts.dtype), axis=-1)
    return plug_in(counts) + 0.5 * (seen - 1.0) / _positive(total)


def chao_shen(counts: Counts) -> Estimates:
    """Return the coverage-adjusted Horvitz-Thompson estimate -sum_k s_k ln s_k / (1 - (1 - s_k)^n), s_k = C n_k/n.

    C = 1 - f_1/n is Good and Turing's coverage with f_1 categories seen once; where all were seen once f_1 = n - 1
    stands for it. Source: A. Chao and T.-J. Shen, Environ. Ecol. Stat. 10, 2003.
    """
    total = jnp.sum(counts, axis=-1)
    once = jnp.sum((counts == 1.0).astype(counts.dtype), axis=-1)
    once = jnp.where(once == total, total - 1.0, once)
    positive = _positive(total)
    share = (1.0 - once / positive)[..., None] * counts / positive[..., None]
    # ln 0 at a share of 1 is right: such a category is seen for certain.
    seen = -jnp.expm1(positive[..., None] * jnp.log1p(-share))
    terms = xlogy(share, share) / jnp.where(share > 0.0, seen, 1.0)
    return _where_counted(total, -jnp.sum(terms, axis=-1))


def collision(counts: Counts) -> Estimates:
    """Return sum_k n_k (n_k - 1) / (n (n - 1)), the share of pairs that agree.

    It is unbiased for S = sum_k p_k^2 at every n > 1, and NaN without a pair.
    """
    total = jnp.sum(counts, axis=-1)
    pairs = total * (total - 1.0)
    agreeing = jnp.sum(counts * (counts - 1.0), axis=-1)
    return jnp.where(pairs > 0.0, agreeing / jnp.where(pairs > 0.0, pairs, 1.0), jnp.nan)


def renyi2(counts: Counts) -> Estimates:
    """Return H_2 = -ln of the share of pairs that agree; infinite if none does."""
    return -jnp.log(collision(counts))


def conditional(joint: Counts, given: Float[Array, "*rows m"], estimator: Estimator) -> Estimates:
    """Return H(A | B) = H(A, B) - H(B), both by the same estimator.

    **Arguments:** `joint`: counts of pairs (a, b); `given`: counts of b among the same observations.
    """
    return estimator(joint) - estimator(given)


def _positive(total: Estimates) -> Estimates:
    return jnp.where(total > 0.0, total, 1.0)


def _where_counted(total: Estimates, values: Estimates) -> Estimates:
    return jnp.where(total > 0.0, values, jnp.nan)
