"""From the endings of paired runs to the variables of an advice."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from entropyjax.ensemble import without_sampling
from entropyjax.jobs.forecast_data import ENDS, OBJECTIVES, between, described
from entropyjax.phase.changes import Change
from entropyjax.phase.ranking import rank_shares

Moved = tuple[Change, np.ndarray, np.ndarray]
"""A change, and the values of its parameter before and after it by draw; NaN where it has no parameter."""

_VARIABLES: Mapping[str, tuple[tuple[str, ...], str, str]] = {
    "effect_by_draw": (("draw",), "1", "What the change adds to the share of the outcome, by draw."),
    "effect": ((), "1", "Mean over the posterior of what the change adds to the share of the outcome."),
    "effect_interval": (("bound",), "1", "90% interval of it over the posterior."),
    "effect_error": ((), "1", "Standard error of the mean effect by the number of runs."),
    "gain_per_tenth": ((), "1", "Gain for each 10% that the parameter is moved."),
    "effect_per_unit": ((), "1 per unit", "Effect for each unit of the parameter."),
    "rank_share": (("rank",), "1", "Share of the draws in which the change has the rank by gain per 10%."),
}


def advice(
    base: Float[np.ndarray, "draws halves outcomes"],
    after: Float[np.ndarray, "changes draws halves outcomes"],
    moved: Sequence[Moved],
) -> dict[str, Any]:
    """Return the variables over objectives and changes: effects, effects by unit, and ranks.

    **Arguments:** `base`, `after`: shares of outcomes without and with each change.
    """
    before, then = np.stack([entry[1] for entry in moved]), np.stack([entry[2] for entry in moved])
    found = []
    for codes, sign in OBJECTIVES.values():
        places = [int(code) for code in codes]
        found.append(_judged((after - base)[..., places].sum(axis=-1), sign, before, then))
    out: dict[str, Any] = {
        name: (("objective", "change", *dims), np.stack([one[name] for one in found]), described(unit, doc))
        for name, (dims, unit, doc) in _VARIABLES.items()
    }
    out["before"] = ("change", np.median(before, axis=-1), described("", "Median of the parameter as it is."))
    out["after"] = ("change", np.median(then, axis=-1), described("", "Median of the parameter after the change."))
    return out


def _judged(
    halves: Float[np.ndarray, "changes draws halves"],
    sign: float,
    before: Float[np.ndarray, "changes draws"],
    then: Float[np.ndarray, "changes draws"],
) -> dict[str, np.ndarray]:
    """Return the variables by one objective, whose gain is `sign` times the effect."""
    effect, noise = between(halves)
    relative = np.abs(then - before) / np.where(before != 0.0, np.abs(before), np.nan)
    tenth = _over(sign * effect, 10.0 * relative)
    counted = np.asarray(np.isfinite(tenth).all(axis=-1))
    ranks = np.where(counted[:, None], np.zeros(len(tenth)), np.nan)
    if counted.any():
        ranks[np.ix_(counted, np.arange(counted.sum()))] = rank_shares(tenth[counted])
    return {
        "effect_by_draw": effect,
        "effect": effect.mean(axis=-1),
        "effect_interval": np.moveaxis(np.quantile(without_sampling(effect, noise), ENDS, axis=-1), 0, -1),
        "effect_error": np.sqrt(noise / effect.shape[-1]),
        "gain_per_tenth": tenth.mean(axis=-1),
        "effect_per_unit": _over(effect, then - before).mean(axis=-1),
        "rank_share": ranks,
    }


def _over(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Return a ratio that is 0 where nothing was moved."""
    return np.where(denominator == 0.0, 0.0, numerator / np.where(denominator == 0.0, 1.0, denominator))
