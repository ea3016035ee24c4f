"""Rankings of what was drawn: which of several is the best, and how sure that is."""

import numpy as np
from jaxtyping import Float

DECIDED = 0.9
"""Share of the draws in which something must be the best for a ranking to be decided."""


def rank_shares(gains: Float[np.ndarray, "things draws"]) -> Float[np.ndarray, "things ranks"]:
    """Return the share of the draws in which each thing has each rank, the largest gain the first one.

    Things that are equal share their ranks.
    """
    ahead = (gains[None, :, :] > gains[:, None, :]).sum(axis=1)
    alike = (gains[None, :, :] == gains[:, None, :]).sum(axis=1)
    ranks = np.arange(len(gains))[:, None]
    there = (ahead[:, None, :] <= ranks) & (ranks < (ahead + alike)[:, None, :])
    return (there / alike[:, None, :]).mean(axis=-1)
