"""Exception-Handling F1 as the public code has it: the strategy at the first exception, right or wrong."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from entropyjax.iwg.strategy import strategy_of


def exception_handling(plans: Sequence[str], actions: Sequence[str]) -> Float[np.ndarray, " runs"]:
    """Return 1 where gold recovery and action, in words, are of one strategy, else 0; 1 without a gold recovery."""
    pairs = zip(plans, actions, strict=True)
    return np.array([float(not plan or strategy_of(plan) == strategy_of(action)) for plan, action in pairs])
