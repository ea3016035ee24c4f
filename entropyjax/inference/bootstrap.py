"""The bootstrap over tasks: how often each is drawn, and what the replicates say."""

import jax
import numpy as np
from jaxtyping import Array, Float

LEVEL = 0.95
_DEFINED = 0.95
"""Share of the replicates that must have an estimate for the interval to be given."""


def task_weights(key: Array, replicates: int, tasks: int) -> Float[np.ndarray, "replicates tasks"]:
    """Return how often each replicate draws each task: multinomial, the sum that of the tasks."""
    drawn = np.asarray(jax.random.randint(key, (replicates, tasks), 0, tasks))
    cells = drawn + tasks * np.arange(replicates)[:, None]
    return np.bincount(cells.ravel(), minlength=replicates * tasks).reshape(replicates, tasks).astype(float)


def spread(
    values: Float[np.ndarray, "replicates steps"], estimate: Float[np.ndarray, " steps"] | None = None
) -> tuple[Float[np.ndarray, " steps"], Float[np.ndarray, "steps 2"]]:
    """Return the deviation and the interval of each column, over its finite entries.

    The interval goes from percentile to percentile. A task that is drawn twice brings no new choice, so that replicates
    of an entropy are lower than the estimate as the estimate is lower than the truth; with `estimate` the interval is
    moved by that bias and lies about the estimate.
    """
    if not len(values):
        return np.full(values.shape[1], np.nan), np.full((values.shape[1], 2), np.nan)
    finite = np.isfinite(values)
    count = finite.sum(axis=0)
    enough = count >= _DEFINED * len(values)
    size = np.maximum(count, 1)
    mean = np.where(finite, values, 0.0).sum(axis=0) / size
    square = np.where(finite, (np.where(finite, values, 0.0) - mean) ** 2, 0.0).sum(axis=0)
    deviation = np.sqrt(square / np.maximum(count - 1, 1))
    ordered = np.sort(np.where(finite, values, np.inf), axis=0)
    # An interval never reaches what stands in for them.
    ordered = np.where(np.isfinite(ordered), ordered, 0.0)
    bias = np.zeros_like(mean) if estimate is None else mean - np.where(np.isfinite(estimate), estimate, np.nan)
    ends = [_at(ordered, 0.5 * (1.0 + side * LEVEL) * (size - 1)) - bias for side in (-1, 1)]
    return np.where(enough, deviation, np.nan), np.where(enough[:, None], np.stack(ends, axis=1), np.nan)


def _at(ordered: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Return the value at a place between entries of each sorted column."""
    low = np.floor(place).astype(int)
    columns = np.arange(ordered.shape[1])
    below, above = ordered[low, columns], ordered[np.minimum(low + 1, len(ordered) - 1), columns]
    return np.where(place > low, below + (place - low) * (above - below), below)
