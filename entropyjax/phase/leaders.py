"""Which of several variants succeeds most often, and which cannot be told from it."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int


class Leaders(NamedTuple):
    """The best variant of every cell by the share of its successes; the variants are along the leading axis.

    **Attributes:**

    - `share`: successes by trials; NaN without trials.
    - `best`: the first variant with the largest share, -1 where no variant has trials.
    - `alike`: whether a variant is the best or cannot be told from it.
    """

    share: Float[np.ndarray, "variant *cells"]
    best: Int[np.ndarray, "*cells"]
    alike: Bool[np.ndarray, "variant *cells"]

    @property
    def tied(self) -> np.ndarray:
        """Whether more than one variant may be the best of a cell."""
        return self.alike.sum(axis=0) > 1


def leaders(successes: np.ndarray, trials: np.ndarray, sigmas: float = 3.0) -> Leaders:
    """Return the best variants and those within `sigmas` standard errors of the difference of two shares from them.

    The error is that of equal shares, sqrt(p (1-p) (1/n_1 + 1/n_2)) with p pooled. With six variants that are all alike
    and 3 standard errors, one is told from the best by chance in fewer than 5% of the cells.
    """
    trials = np.broadcast_to(trials, successes.shape)
    count = np.maximum(trials, 1)
    share = np.where(trials > 0, successes / count, np.nan)
    some = (trials > 0).any(axis=0)
    place = np.argmax(np.where(trials > 0, share, -1.0), axis=0)[None]
    top, size = (np.take_along_axis(values, place, axis=0) for values in (share, count))
    pooled = (share * count + top * size) / (count + size)
    error = np.sqrt(np.maximum(pooled * (1.0 - pooled), 0.0) * (1.0 / count + 1.0 / size))
    alike = np.where(trials > 0, top - share <= sigmas * error, False)
    return Leaders(share, np.where(some, place[0], -1), alike)
