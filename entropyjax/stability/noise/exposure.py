"""Escape times from an ensemble that is watched up to a horizon (host arrays)."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.stats import binom, chi2

from entropyjax.stability.noise.plane import NoiseError


class Exposure(NamedTuple):
    """The mean escape time of a cell from events and the time at risk, or of several cells as arrays.

    **Attributes:**

    - `mean_time`: time at risk over events, in steps, the maximum likelihood estimate; infinite without events.
    - `low`, `high`: its interval.
    - `events`, `at_risk`: escapes after the burn-in, and the steps at risk of one, summed over trajectories.
    - `burn_in`: the steps at the start that are left out.
    - `even`: p-value of equally many escapes in either half of the time at risk, as a constant rate has them.
    """

    mean_time: Float[np.ndarray, "..."]
    low: Float[np.ndarray, "..."]
    high: Float[np.ndarray, "..."]
    events: Int[np.ndarray, "..."]
    at_risk: Float[np.ndarray, "..."]
    burn_in: Float[np.ndarray, "..."]
    even: Float[np.ndarray, "..."]


def exposure(
    counts: Int[np.ndarray, "... bins"],
    trials: Int[np.ndarray, "..."],
    horizon: float,
    burn_in: Float[np.ndarray, "..."],
    confidence: float = 0.95,
) -> Exposure:
    """Return the mean of exponential escape times that are censored at a horizon.

        tau = E / D,    2 E / chi2_{2D+2}(upper) <= tau <= 2 E / chi2_{2D}(lower)

    for D escapes in the time E at risk, both after the burn-in, in which the trajectories spread out over the well and
    which a memoryless time does not miss. An escape counts half of its bin as time at risk.

    **Arguments:** `counts`: escapes in equal bins on [0, T]; `trials`: trajectories, escaped or not; `horizon`: T in
    steps; `burn_in`: in steps, taken up to the next edge of a bin; `confidence`: coverage in (0, 1).

    **Raises:** `NoiseError` if the burn-in leaves nothing of the horizon.
    """
    bins = counts.shape[-1]
    width = horizon / bins
    first = np.ceil(np.asarray(burn_in, float) / width - 1e-9).astype(int)
    if np.any(first >= bins):
        raise NoiseError(
            f"horizon = {horizon:g} steps is not longer than the burn-in of {np.max(burn_in):g}; choose a longer one."
        )
    watched = np.arange(bins) >= first[..., None]
    events = np.where(watched, counts, 0)
    left = np.asarray(trials)[..., None] - np.cumsum(counts, axis=-1)
    risk = np.where(watched, width * (left + 0.5 * counts), 0.0)
    total, number = risk.sum(-1), events.sum(-1)
    tail = 0.5 * (1.0 - confidence)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(number > 0, total / number, np.inf)
        high = np.where(number > 0, 2.0 * total / chi2.ppf(tail, 2.0 * np.maximum(number, 1)), np.inf)
        low = 2.0 * total / chi2.ppf(1.0 - tail, 2.0 * (number + 1))
    return Exposure(mean, low, high, number, total, first * width, _evenness(events, risk))


def _evenness(events: np.ndarray, risk: np.ndarray) -> np.ndarray:
    """Return the two-sided p-value of the events in the first half of the time at risk; 1 without events."""
    share = np.cumsum(risk, axis=-1) / np.maximum(risk.sum(-1, keepdims=True), 1e-300)
    early = share <= 0.5
    part = np.where(early, risk, 0.0).sum(-1) / np.maximum(risk.sum(-1), 1e-300)
    number, first = events.sum(-1), np.where(early, events, 0).sum(-1)
    tails = np.minimum(binom.cdf(first, number, part), binom.sf(first - 1, number, part))
    return np.where(number > 0, np.minimum(1.0, 2.0 * tails), 1.0)
