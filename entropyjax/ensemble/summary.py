"""What a user reads off a cell's statistics: intervals, quantiles and the cognitive horizon (host arrays)."""

from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.special import ndtr, ndtri


def wilson_interval(
    successes: Int[np.ndarray, "..."], trials: Int[np.ndarray, "..."], confidence: float = 0.95
) -> Float[np.ndarray, "... 2"]:
    """Return Wilson's score interval of a proportion (Wilson, JASA 22, 1927); [0, 1] without trials.

    **Arguments:** `successes`, `trials`: counts of equal shape; `confidence`: coverage in (0, 1).
    """
    z = ndtri(0.5 + 0.5 * confidence)
    n = np.maximum(np.asarray(trials, float), 1.0)
    share = np.asarray(successes, float) / n
    centre = (share + z**2 / (2.0 * n)) / (1.0 + z**2 / n)
    half = z / (1.0 + z**2 / n) * np.sqrt(share * (1.0 - share) / n + z**2 / (4.0 * n**2))
    # Rounding must not leave a share of 0 or 1 outside its interval.
    low = np.where(share <= 0.0, 0.0, centre - half)
    high = np.where(share >= 1.0, 1.0, centre + half)
    bounds = np.stack([low, high], axis=-1)
    empty = np.asarray(trials)[..., None] == 0
    return np.where(empty, [0.0, 1.0], np.clip(bounds, 0.0, 1.0))


def without_sampling(values: Float[np.ndarray, "... draws"], variance: Float[np.ndarray, "..."]) -> Any:
    """Return estimates moved towards their mean until they vary by as much as what they estimate does.

    Estimates vary by what is estimated and by sampling; the former is their variance less that of sampling. Such
    moved estimates keep mean and variance of what is estimated (Louis, JASA 79, 1984), so that their quantiles do too
    where both are about normal.

    **Arguments:** `variance`: of sampling, the mean over draws.
    """
    mean = values.mean(axis=-1, keepdims=True)
    total = values.var(axis=-1, keepdims=True, ddof=min(1, values.shape[-1] - 1))
    kept = np.maximum(total - np.asarray(variance)[..., None], 0.0) / np.where(total > 0.0, total, 1.0)
    return mean + np.sqrt(kept) * (values - mean)


def histogram_quantile(
    counts: Int[np.ndarray, "... bins"], trials: Int[np.ndarray, "..."], horizon: float, level: float
) -> Float[np.ndarray, "..."]:
    """Return the time by which the share `level` of all trajectories had the event; inf if it never did.

    Linear within a bin, so exact to T / bins.

    **Arguments:** `counts`: events in equal bins on [0, T]; `trials`: trajectories, with the event or without.
    """
    wanted = level * np.asarray(trials, float)
    reached = np.cumsum(counts, axis=-1)
    bins = counts.shape[-1]
    place = np.argmax(reached >= wanted[..., None], axis=-1)
    inside = np.take_along_axis(counts, place[..., None], -1)[..., 0]
    before = np.take_along_axis(reached, place[..., None], -1)[..., 0] - inside
    time = horizon / bins * (place + (wanted - before) / np.maximum(inside, 1))
    happened = (reached[..., -1] >= wanted) & (np.asarray(trials) > 0) & (inside > 0)
    return np.where(happened, time, np.inf)


def cognitive_horizon(
    times: Float[np.ndarray, " K"],
    mean: Float[np.ndarray, "... K"],
    error: Float[np.ndarray, "... K"],
    significance: float = 3.0,
) -> Float[np.ndarray, "..."]:
    """Return the time of the first local minimum of the ensemble mean of H.

    A rise counts once it exceeds the least value so far by more than sampling noise would between any two
    save times (Bonferroni), so that noise makes no minimum. 0 if H rises from the start, inf if it still
    falls at the horizon. A parabola through the three points around the minimum refines it between save
    times.

    **Arguments:** `mean`, `error`: mean of H in nat and its standard error at the `times`; `significance`: of
    the whole curve, as a number of standard errors.
    """
    shape = mean.shape[:-1]
    flat, flat_error = mean.reshape(-1, mean.shape[-1]), error.reshape(-1, mean.shape[-1])
    rows = np.arange(len(flat))
    choices = max(len(times) * (len(times) - 1) // 2, 1)
    width = -ndtri(ndtr(-significance) / choices)
    least = np.zeros(len(flat), int)
    found = np.zeros(len(flat), bool)
    for place in range(1, len(times)):
        margin = width * np.hypot(flat_error[:, place], flat_error[rows, least])
        # Rounding of a float32 mean must not look like a rise where there is no sampling error.
        margin = margin + 1e-6 * (1.0 + np.abs(flat[:, place]))
        found |= flat[:, place] > flat[rows, least] + margin
        lower = ~found & (flat[:, place] < flat[rows, least])
        least = np.where(lower, place, least)
    vertex = np.array([_vertex(times, row, place) for row, place in zip(flat, least, strict=True)])
    return np.where(found, vertex, np.inf).reshape(shape)


def _vertex(times: np.ndarray, values: np.ndarray, place: int) -> float:
    """Return the place of the minimum of the parabola through three equidistant points around `place`."""
    if place in (0, len(times) - 1):
        return float(times[place])
    before, here, after = values[place - 1 : place + 2]
    bend = before - 2.0 * here + after
    shift = 0.5 * (before - after) / bend if bend > 0.0 else 0.0
    return float(times[place] + np.clip(shift, -0.5, 0.5) * (times[1] - times[0]))
