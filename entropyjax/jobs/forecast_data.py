"""From the endings of runs to the variables of a forecast."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.stats import rankdata

from entropyjax.ensemble import Endings, cognitive_horizon, wilson_interval, without_sampling
from entropyjax.inference.draws import LEVEL, ParameterDraws
from entropyjax.results import Outcome

KIND = "forecast"
"""Value of the attribute `kind` of a dataset that holds a forecast."""

OBJECTIVES: Mapping[str, tuple[tuple[Outcome, ...], float]] = {
    "unfocused": ((Outcome.COLLAPSED, Outcome.NEVER_FOCUSED), -1.0),
    "collapsed": ((Outcome.COLLAPSED,), -1.0),
    "resolved": ((Outcome.RESOLVED,), 1.0),
}
"""Outcomes that changes are judged by, and whether more of them is a gain.

A system that never focuses does not collapse, so that the share that collapses alone would praise what ruins it.
"""

ENDED = ("collapsed", "resolved")
"""Endings that have a time."""

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

ENDS = 0.5 * (1.0 + np.array([-1.0, 1.0]) * LEVEL)
"""Levels of the ends of an interval."""


def shares(endings: Endings) -> Float[np.ndarray, "cases draws halves outcomes"]:
    """Return the share of each outcome in each half of the runs of a draw; its tasks count alike."""
    counts = endings.outcomes.sum(axis=-2)
    trials = counts.sum(axis=-1, keepdims=True)
    return np.where(trials > 0, counts / np.maximum(trials, 1), np.nan)


def between(
    halves: Float[np.ndarray, "... draws halves"],
) -> tuple[Float[np.ndarray, "... draws"], Float[np.ndarray, "..."]]:
    """Return the mean of both halves of the runs, and the part of its variance between draws that is the runs' own."""
    return halves.mean(axis=-1), ((halves[..., 0] - halves[..., 1]) ** 2).mean(axis=-1) / 4.0


def interval(values: Float[np.ndarray, "... draws"], noise: Any) -> Float[np.ndarray, "... 2"]:
    """Return the interval of 90% over the posterior, the runs' own chance taken off."""
    return np.moveaxis(np.quantile(without_sampling(values, noise), ENDS, axis=-1), 0, -1)


def outlook(endings: Endings, times: Float[np.ndarray, " times"]) -> dict[str, Any]:
    """Return the variables of the system as it is, from its own endings, without an axis of cases."""
    halves = shares(endings)
    share, noise = between(np.moveaxis(halves, -1, 0))
    counts = endings.outcomes.sum(axis=(0, 1, 2))
    total = np.broadcast_to(counts.sum(), counts.shape)
    kept = np.clip(interval(share, noise), 0.0, 1.0)
    data: dict[str, Any] = {
        "outcome_count": ("outcome", counts, described("1", "Runs by outcome.")),
        "outcome_probability": ("outcome", share.mean(axis=-1), described("1", "Mean over the posterior.")),
        "outcome_posterior": (("outcome", "bound"), kept, described("1", "90% interval over the posterior.")),
        "outcome_simulation": (
            ("outcome", "bound"),
            wilson_interval(counts, total, LEVEL),
            described("1", "90% interval of the mean by Wilson: what the number of runs leaves open."),
        ),
        "outcome_by_draw": (("outcome", "draw"), share, described("1", "Share of the runs of each draw.")),
        "failure_count": ("failure", endings.failures.sum(axis=(0, 1, 2)), described("1", "Runs by failure code.")),
    }
    return data | _curves(endings) | _times(endings, times) | _entropy(endings, times)


def hanging(by_draw: Float[np.ndarray, " draws"], draws: ParameterDraws) -> dict[str, Any]:
    """Return on which parameters a share hangs over the posterior: rank correlations, and what was learnt of each."""
    columns = {name: draws.columns[name] for name in draws.varying}
    columns |= {name: column for name, column in draws.effects.items() if np.ptp(column) > 0.0}
    if not columns or np.ptp(by_draw) == 0.0:
        return {}
    ranks = rankdata(np.stack([by_draw, *columns.values()]), axis=1)
    widths = [draws.widths.get(name, np.nan) for name in columns]
    doc = "Rank correlation of the collapse probability with the parameter over the posterior."
    return {
        "varied": ("varied", list(columns), {"long_name": "Parameters that differ between draws."}),
        "hangs_on": ("varied", np.corrcoef(ranks)[0, 1:], described("1", doc)),
        "width_over_prior": ("varied", widths, described("1", "Width of the interval over that of the prior.")),
    }


def _curves(endings: Endings) -> dict[str, Any]:
    """Return which share has collapsed, and has been resolved, by each time."""
    trials = np.maximum(endings.outcomes.sum(axis=(-2, -1)), 1)
    data = {}
    for name in ENDED:
        halves = np.cumsum(getattr(endings, name).sum(axis=-2), axis=-1) / trials[..., None]
        share, noise = between(np.moveaxis(halves, -1, 0))
        ends = np.clip(interval(share, noise), 0.0, 1.0)
        words = f"Share of the runs that have {'collapsed' if name == 'collapsed' else 'been resolved'} by then"
        data[f"{name}_by"] = ("time", share.mean(axis=-1), described("1", f"{words}, mean over the posterior."))
        data[f"{name}_by_interval"] = (("time", "bound"), ends, described("1", f"{words}, 90% interval."))
    return data


def _times(endings: Endings, times: np.ndarray) -> dict[str, Any]:
    """Return when the runs that collapse, and those that are resolved, do so."""
    data = {}
    for name in ENDED:
        counts = getattr(endings, name).sum(axis=(0, 1, 2))
        reached = np.cumsum(counts)
        place = [int(np.searchsorted(reached, level * reached[-1])) for level in QUANTILES]
        found = np.where(reached[-1] > 0, times[np.minimum(place, len(times) - 1)], np.nan)
        data[f"{name}_time_quantile"] = (
            "quantile",
            found,
            described("step", f"Step by which a share of the runs that end {name} have done so; NaN if none do."),
        )
        data[f"{name}_time_count"] = ("time", counts, described("1", f"Runs that end {name}, by the time of it."))
    return data


def _entropy(endings: Endings, times: np.ndarray) -> dict[str, Any]:
    """Return the mean of H over runs and its first minimum, of all runs together and by draw."""
    moments = endings.observables["entropy"]
    mean = moments.mean.mean(axis=(1, 2))
    variance = (moments.variance / np.maximum(moments.count, 1)).sum(axis=(1, 2))
    error = np.sqrt(variance) / (moments.mean.shape[1] * moments.mean.shape[2])
    whole = cognitive_horizon(times, mean.mean(axis=0), np.sqrt((error**2).sum(axis=0)) / len(mean))
    each = cognitive_horizon(times, mean, error)
    ends = np.quantile(each, ENDS, method="inverted_cdf")
    return {
        "mean_entropy": ("time", mean.mean(axis=0), described("nat", "Mean of H over the posterior.")),
        "mean_entropy_interval": (
            ("time", "bound"),
            np.quantile(mean, ENDS, axis=0).T,
            described("nat", "90% interval over the posterior."),
        ),
        "cognitive_horizon": ((), float(whole), described("step", "First minimum of the mean of H; inf if none.")),
        "cognitive_horizon_interval": ("bound", ends, described("step", "90% interval over the posterior.")),
        "cognitive_horizon_none": ((), float(np.isinf(each).mean()), described("1", "Share of the draws without one.")),
    }


def described(unit: str, doc: str) -> dict[str, str]:
    """Return the attributes of a variable."""
    return {"units": unit, "long_name": doc}
