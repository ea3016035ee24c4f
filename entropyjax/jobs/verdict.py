"""What a forecast's ranking of changes comes to, and the whole forecast as a record."""

import json
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from entropyjax.phase.changes import TOPOLOGY
from entropyjax.phase.ranking import DECIDED

MATTERS = 0.01
"""Change of a probability from which on it matters."""

_SIGMAS = 3.0


class Verdict(NamedTuple):
    """What the ranking of changes comes to.

    **Attributes:** `objective`: by which they are ranked; `order`: places of the changes of parameters, the best first;
    `helping`: those that matter and are a gain in 95% of the posterior; `decided`: whether the first is the best by
    gain per 10% in `DECIDED` of the draws; `best`: share of the draws in which each is.
    """

    objective: str
    order: tuple[int, ...]
    helping: tuple[int, ...]
    decided: bool
    best: tuple[float, ...]


def objective_of(dataset: xr.Dataset) -> str:
    """Return by what changes are ranked: by being out of focus, or by success where that hardly ever happens."""
    lost = dataset.outcome_probability.sel(outcome=["collapsed", "never_focused"]).sum()
    return "unfocused" if float(lost) >= MATTERS else "resolved"


def verdict(dataset: xr.Dataset) -> Verdict:
    """Return what the ranking of the changes of a forecast comes to."""
    objective = dataset.attrs["objective"]
    one = dataset.sel(objective=objective)
    gain = one.gain_per_tenth.values
    ranked = [int(place) for place in np.argsort(-gain) if np.isfinite(gain[place])]
    best = np.nan_to_num(one.rank_share.values[:, 0])
    helping = tuple(place for place in ranked if _helps(one, place, objective))
    decided = bool(helping and ranked[0] in helping and best[ranked[0]] >= DECIDED)
    return Verdict(objective, tuple(ranked), helping, decided, tuple(best.tolist()))


def _helps(one: xr.Dataset, place: int, objective: str) -> bool:
    sign = 1.0 if objective == "resolved" else -1.0
    ends = sign * one.effect_interval.values[place]
    mean, error = sign * float(one.effect[place]), float(one.effect_error[place])
    return bool(min(ends) >= 0.0 and mean >= max(MATTERS, _SIGMAS * error))


def topologies(dataset: xr.Dataset) -> list[int]:
    """Return the places of the changes of the topology, which have no size and so no rank by it."""
    return [place for place, name in enumerate(dataset.parameter.values) if name == TOPOLOGY]


def forecast_record(dataset: xr.Dataset) -> dict[str, Any]:
    """Return what a program may want to know of a forecast, as JSON values."""
    record: dict[str, Any] = {
        "condition": dataset.attrs["condition"],
        "horizon": int(dataset.attrs["horizon"]),
        "draws": int(dataset.attrs["draws"]),
        "runs": int(dataset.outcome_count.sum()),
        "outcomes": {
            str(name): {
                "probability": float(dataset.outcome_probability.sel(outcome=name)),
                "posterior": dataset.outcome_posterior.sel(outcome=name).values.tolist(),
                "simulation": dataset.outcome_simulation.sel(outcome=name).values.tolist(),
            }
            for name in dataset.outcome.values
        },
        "hangs_on": _correlations(dataset),
        "cognitive_horizon": _finite(dataset.cognitive_horizon),
        "rests_on": json.loads(dataset.attrs["rests_on"]),
        "left_out": json.loads(dataset.attrs["left_out"]),
    }
    if "effect" not in dataset:
        return record
    found = verdict(dataset)
    names = [str(name) for name in dataset.change.values]
    record["advice"] = {
        "objective": found.objective,
        "decided": found.decided,
        "helping": [names[place] for place in found.helping],
        "changes": {names[p]: _change(dataset, p, found) for p in (*found.order, *topologies(dataset))},
    }
    return record


def _correlations(dataset: xr.Dataset) -> dict[str, float]:
    if "hangs_on" not in dataset:
        return {}
    return dict(zip(map(str, dataset.varied.values), dataset.hangs_on.values.tolist(), strict=True))


def _change(dataset: xr.Dataset, place: int, found: Verdict) -> dict[str, Any]:
    one = dataset.isel(change=place)
    effects = {
        str(name): {
            "effect": float(one.effect.sel(objective=name)),
            "interval": one.effect_interval.sel(objective=name).values.tolist(),
            "gain_per_tenth": _finite(one.gain_per_tenth.sel(objective=name)),
            "effect_per_unit": _finite(one.effect_per_unit.sel(objective=name)),
        }
        for name in dataset.objective.values
    }
    return {"effects": effects, "best_share": found.best[place], "rests_on": str(one.rests_on.item())}


def _finite(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
