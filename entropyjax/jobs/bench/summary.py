"""What every tool delivers: means and variances of h at T and of the collapse time, its histogram, the outcomes."""

from typing import Any, NamedTuple

import numpy as np

from entropyjax.ensemble import TIME_BINS, Moments
from entropyjax.jobs.bench.problem import HORIZON
from entropyjax.results import Outcome


class Summary(NamedTuple):
    """Statistics over trajectories that did not fail; `Moments` of h at T and of the collapse time, and counts."""

    entropy: Moments
    collapse: Moments
    outcomes: np.ndarray
    histogram: np.ndarray
    failures: int

    def as_dict(self) -> dict[str, Any]:
        """Return the statistics as they stand in the report."""
        return {
            "trajectories": int(self.outcomes.sum()),
            "failures": int(self.failures),
            "mean_normalised_entropy": float(self.entropy.mean),
            "variance_normalised_entropy": float(self.entropy.variance),
            "mean_collapse_time": float(self.collapse.mean),
            "variance_collapse_time": float(self.collapse.variance),
            "outcomes": {outcome.name.lower(): int(self.outcomes[outcome]) for outcome in Outcome},
            "collapse_histogram": [int(count) for count in self.histogram],
        }


def moments(values: np.ndarray) -> Moments:
    """Return the moments of an array in double precision."""
    mean = values.mean(dtype=np.float64) if values.size else 0.0
    return Moments(values.size, mean, np.sum((values - mean) ** 2, dtype=np.float64))


def from_sums(count: float, total: float, square: float) -> Moments:
    """Return the moments that a count, a sum and a sum of squares describe."""
    mean = total / max(count, 1.0)
    return Moments(count, mean, max(square - count * mean**2, 0.0))


def pooled(parts: Moments) -> Moments:
    """Return the moments of disjoint sets together, whose moments are arrays."""
    count, mean, square = (np.asarray(part, np.float64).ravel() for part in parts)
    total = count.sum()
    whole = np.sum(count * mean) / max(total, 1.0)
    return Moments(total, whole, np.sum(square) + np.sum(count * (mean - whole) ** 2))


def summarise(entropy: np.ndarray, collapse: np.ndarray, outcome: np.ndarray) -> Summary:
    """Return the statistics of single trajectories; those whose end is not finite have failed."""
    good = np.isfinite(entropy)
    times = collapse[good & (collapse <= HORIZON)]
    place = np.minimum((times / HORIZON * TIME_BINS).astype(np.int64), TIME_BINS - 1)
    return Summary(
        moments(entropy[good]),
        moments(times),
        np.bincount(outcome[good].astype(np.int64), minlength=len(Outcome)),
        np.bincount(place, minlength=TIME_BINS),
        int(np.sum(~good)),
    )


def combine(parts: list[Summary]) -> Summary:
    """Return the statistics of disjoint sets of trajectories together."""
    return Summary(
        pooled(Moments(*zip(*(part.entropy for part in parts), strict=True))),
        pooled(Moments(*zip(*(part.collapse for part in parts), strict=True))),
        sum((part.outcomes for part in parts), np.zeros(len(Outcome), np.int64)),
        sum((part.histogram for part in parts), np.zeros(TIME_BINS, np.int64)),
        sum(part.failures for part in parts),
    )
