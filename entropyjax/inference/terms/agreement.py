"""Which of the runs that share their past choose alike."""

from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp
from jaxtyping import Array, Float

from entropyjax.inference.groups import first_free_step, groups, histories
from entropyjax.inference.terms.base import AbstractTerm, Seen
from entropyjax.inference.units import Units
from entropyjax.records import TraceSet


class Agreement(AbstractTerm):
    """Likelihood of how m runs with a common history part at the next dispatch, whoever is the right executor.

    Of d executors that were seen, n_j times each, with r = N_e - 1 rivals and w = (1-q)/r,

        P = (r)_(d-1) sum_j q^(n_j) w^(m-n_j) + (r)_d w^m,    (r)_k = r (r-1) ... (r-k+1):

    one of them is the right one, or none is. For two runs it is S where they agree and 1 - S where they do not.
    Given the histories the groups choose independently, so that their product is a full likelihood.

    **Attributes:** `counts`: n_j, zeros behind.
    """

    counts: Float[Any, "rows seen"]
    name: ClassVar[str] = "agreement"
    agreeing: ClassVar[bool] = True

    @classmethod
    def of(cls, traces: TraceSet, units: Units, free: int | None = None) -> "Agreement | None":
        """Return the rows of a set of runs from step `free` on, or `None` if there are none."""
        shared = groups(traces, histories(traces))
        free = first_free_step(shared) if free is None else free
        kept = shared.step >= free
        if not kept.any():
            return None
        counts = -np.sort(-shared.counts[kept], axis=1)
        counts = counts[:, : int((counts > 0).sum(axis=1).max())]
        unit = units.of_run[shared.run[kept]]
        return cls(unit, unit, shared.step[kept], np.ones(kept.sum()), counts)

    def log_likelihood(self, seen: Seen) -> Float[Array, "rows nodes"]:
        counts = jnp.asarray(self.counts, seen.gap.dtype)[:, None, :]
        size = counts.sum(axis=-1)
        right, wrong = seen.log_right, seen.log_wrong - jnp.log(seen.rivals)
        among = counts * right[..., None] + (size[..., None] - counts) * wrong[..., None]
        among = logsumexp(jnp.where(counts > 0.0, among, -jnp.inf), axis=-1)
        distinct = (counts > 0.0).sum(axis=-1).astype(counts.dtype)
        one, none = (_log_falling(seen.rivals, distinct - left, counts.shape[-1]) for left in (1, 0))
        among, unseen = among + one, size * wrong + none
        # Both are finite, which the library's sum of two exponentials does not rely on, at several times the price.
        most = jnp.maximum(among, unseen)
        return most + jnp.log(jnp.exp(among - most) + jnp.exp(unseen - most))

    @property
    def count(self) -> Float[Array, " rows"]:
        return self.counts.sum(axis=-1) - 1.0


def _log_falling(rivals: Array, factors: Array, most: int) -> Array:
    """Return ln of r (r-1) ... over a number of factors; a factor that is not positive counts as hardly any chance."""
    place = jnp.arange(most, dtype=rivals.dtype)[None, :]
    each = jnp.log(jnp.maximum(rivals - place, 1e-30))
    return jnp.sum(jnp.where(place < factors, each, 0.0), axis=-1, keepdims=True)
