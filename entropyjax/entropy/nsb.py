"""The estimator of Nemenman, Shafee and Bialek: an entropy under a prior that is nearly flat in entropy.

Given the concentration b of a symmetric Dirichlet prior over K categories, with a_k = n_k + b and A = n + K b,

    ln p(n | b) = ln G(K b) - ln G(A) + sum_k [ln G(a_k) - ln G(b)]
    E[H | b, n] = psi(A + 1) - sum_k a_k/A psi(a_k + 1)

and b has the prior K psi'(K b + 1) - psi'(b + 1), which makes the expected entropy flat in [0, ln K]. The integral over
ln b is a trapezoidal sum, which converges exponentially because the integrand vanishes at both ends.
Source: I. Nemenman, F. Shafee, W. Bialek, NIPS 14, 2001; second moment: D. Wolpert and D. Wolf, Phys. Rev. E 52, 1995.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.scipy.special import digamma, gammaln, logsumexp, polygamma
from jaxtyping import Array, Float, Int

_ENDS = 20.0
"""ln b goes from minus this to plus this; the prior has fallen to 2e-9 there."""
_ROWS = 64


class Posterior(NamedTuple):
    """Mean and standard deviation of the entropy in nat."""

    mean: Float[np.ndarray, "*rows"]
    deviation: Float[np.ndarray, "*rows"]


class Tables(NamedTuple):
    """What a category that was counted n times adds, for some n, of which the first is 0, and each concentration b.

    **Attributes:** `n`; `evidence`: ln G(a) - ln G(b); `first`: a psi(a+1) less that of n = 0.
    """

    n: Float[Array, " numbers"]
    evidence: Float[Array, "numbers nodes"]
    first: Float[Array, "numbers nodes"]


def nsb(counts: np.ndarray | Array, categories: int | None = None) -> Posterior:
    """Return the posterior of the entropy of each row of counts.

    It is not for `jit`, because tables are as long as the largest count, and it is in float64 always, because the
    evidence is a small difference of large numbers. Without counts the result is NaN.

    **Arguments:** `counts`: (..., K), whole numbers; `categories`: K if it is not the number of columns.

    **Raises:** `ValueError` with a sentence: no whole numbers, or fewer categories than were seen.
    """
    table = np.asarray(counts)
    whole = np.asarray(np.rint(table), np.int32)
    if table.ndim == 0 or not np.array_equal(whole, table) or np.any(whole < 0):
        raise ValueError("NSB takes counts, whole numbers of 0 or more along the last axis; drop what is none.")
    k = table.shape[-1] if categories is None else categories
    seen = int(np.max(np.sum(whole > 0, axis=-1), initial=0))
    if k < max(seen, 1):
        raise ValueError(f"{seen} categories were seen among {k}; NSB needs the number of all that are possible.")
    with jax.enable_x64(True):
        nodes = jnp.asarray(concentrations(k))
        numbers, place = np.unique(np.append(0, whole), return_inverse=True)
        rows = place.reshape(-1)[1:].reshape(-1, table.shape[-1])
        # Rows of zeros fill the last batch, so that few sizes are compiled.
        full = jnp.asarray(np.pad(rows, ((0, -len(rows) % _ROWS), (0, 0))))
        found = _posteriors(full, k, nodes, make_tables(numbers, nodes))
    return Posterior(*(np.asarray(values)[: len(rows)].reshape(table.shape[:-1]) for values in found))


def concentrations(categories: int) -> Float[np.ndarray, " nodes"]:
    """Return the values of b that the integral is summed over, closer for more categories, which tell b better."""
    step = min(0.25, 1.0 / np.sqrt(categories))
    return np.exp(np.linspace(-_ENDS, _ENDS, 2 * int(np.ceil(_ENDS / step)) + 1))


def make_tables(numbers: Int[np.ndarray, " numbers"], nodes: Array) -> Tables:
    """Return the tables for counts of these numbers, longer so that few lengths are compiled."""
    length = max(_ROWS, 1 << (len(numbers) - 1).bit_length())
    return _tables(jnp.asarray(np.pad(numbers, (0, length - len(numbers))), nodes.dtype), nodes)


@jax.jit
def _tables(n: Array, b: Array) -> Tables:
    a = n[:, None] + b[None]
    first = a * digamma(a + 1.0)
    return Tables(n, gammaln(a) - gammaln(b)[None], first - first[:1])


def log_prior(b: Array, categories: int | Array) -> Array:
    """Return the logarithm of the prior of ln b, up to a constant: b (K psi'(K b + 1) - psi'(b + 1))."""
    slope = categories * polygamma(1, categories * b + 1.0) - polygamma(1, b + 1.0)
    return jnp.log(b) + jnp.log(jnp.maximum(slope, jnp.finfo(b.dtype).tiny))


def weigh(rows: Int[Array, " k"], categories: int | Array, b: Array, tables: Tables) -> tuple[Array, Array]:
    """Return ln p(n | b) and E[H | b, n] of one row at every b; rows hold places in the tables."""
    total = jnp.sum(tables.n[rows])
    whole = total + categories * b
    evidence = jnp.sum(tables.evidence[rows], axis=0) + gammaln(categories * b) - gammaln(whole)
    first = jnp.sum(tables.first[rows], axis=0) + categories * b * digamma(b + 1.0)
    return evidence, digamma(whole + 1.0) - first / whole


def mean_entropy(rows: Int[Array, " k"], categories: int | Array, b: Array, prior: Array, tables: Tables) -> Array:
    """Return the posterior mean of one row, where the deviation is not wanted; NaN without counts."""
    evidence, mean = weigh(rows, categories, b, tables)
    return jnp.where(jnp.sum(rows) > 0, jnp.sum(jax.nn.softmax(evidence + prior) * mean), jnp.nan)


@partial(jax.jit, static_argnums=1)
def _posteriors(rows: Array, categories: int, b: Array, tables: Tables) -> tuple[Array, Array]:
    prior = log_prior(b, categories)
    a = tables.n[:, None] + b[None]
    psi, slope = digamma(a + 1.0), polygamma(1, a + 2.0)

    def one(row: Array) -> tuple[Array, Array]:
        evidence, mean = weigh(row, categories, b, tables)
        weight = jnp.exp(evidence + prior - logsumexp(evidence + prior))
        average = jnp.sum(weight * mean)
        variance = jnp.sum(weight * (_variance(row, categories, b, (a, psi, slope), mean) + (mean - average) ** 2))
        counted = jnp.sum(row) > 0
        deviation = jnp.sqrt(jnp.maximum(variance, 0.0))
        # At K = 1 rounding would leave a little less than 0.
        average = jnp.maximum(average, 0.0)
        return jnp.where(counted, average, jnp.nan), jnp.where(counted, deviation, jnp.nan)

    return lax.map(one, rows, batch_size=_ROWS)


def _variance(row: Array, categories: int, b: Array, tables: tuple[Array, Array, Array], mean: Array) -> Array:
    """Return Var[H | b, n] at every b.

    `tables` hold a, psi(a+1) and psi'(a+2).

    E[H^2] A (A+1) = sum_(i != j) a_i a_j (d_i d_j - psi'(A+2)) + sum_i a_i (a_i+1) (e_i^2 + psi'(a_i+2) - psi'(A+2)),
    d_i = psi(a_i+1) - psi(A+2) and e_i = psi(a_i+2) - psi(A+2).
    """
    columns = [table[row] for table in tables]
    whole = jnp.sum(columns[0] - b[None], axis=0) + categories * b
    psi, slope = digamma(whole + 2.0), polygamma(1, whole + 2.0)

    def sums(a: Array, psi_a: Array, slope_a: Array) -> list[Array]:
        d, e = psi_a - psi[None], psi_a + 1.0 / (a + 1.0) - psi[None]
        terms = (a * d, (a * d) ** 2, a**2, a * (a + 1.0) * (e**2 + slope_a - slope[None]))
        return [jnp.sum(term, axis=0) for term in terms]

    seen, beyond = sums(*columns), sums(*(table[:1] for table in tables))
    missing = float(categories - row.shape[0])
    first, squares, alike, own = (x + missing * y for x, y in zip(seen, beyond, strict=True))
    second = (first**2 - squares - slope * (whole**2 - alike) + own) / (whole * (whole + 1.0))
    return jnp.maximum(second - mean**2, 0.0)
