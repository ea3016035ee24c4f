"""A fit in a few honest lines."""

import json
import math
from typing import Any

import xarray as xr

from entropyjax.inference.draws import WIDE
from entropyjax.models import MODELS


def summarise_fit(dataset: xr.Dataset) -> str:
    """Return what a fit says: estimates with intervals, what the data did not teach, and what was held out."""
    attrs = dataset.attrs
    lines = [
        attrs["traces"],
        f"Fit of {attrs['model']} ({attrs['scheme']}) to {attrs['observed']}, context {attrs['context']}, "
        f"{attrs['courses']}: {_mean(dataset.log_likelihood, dataset.decisions):.4f} nat per decision over "
        f"{float(dataset.decisions.sum()):,.0f} decisions.",
    ]
    width = max(len(str(label)) for label in dataset.label.values)
    lines += [_row(dataset, str(label), width) for label in dataset.label.values]
    lines.append(f"Medians and 90% intervals of the posterior ({attrs['method']}), beside the prior's.")
    silent = [str(label) for label in dataset.label.values if contraction(dataset, str(label)) > WIDE]
    if silent:
        lines.append(f"Hardly anything was learnt of {', '.join(silent)}: there the posterior is the prior.")
    lines += [*attrs["identifiability"].split("\n"), attrs["starts"]]
    if not attrs["converged"]:
        lines.append("The best start did not converge: take its numbers as no maximum; allow more starts.")
    for what, words in (("tasks", "held-out tasks"), ("steps", "held-out steps")):
        scores, decisions = dataset[f"held_{what}"], dataset[f"held_{what}_decisions"]
        if bool(scores.notnull().any()):
            kept = scores.notnull()
            lines.append(
                f"On {words}: {_mean(scores.where(kept, 0.0), decisions.where(kept, 0.0)):.4f} nat per decision over "
                f"{float(decisions.where(kept, 0.0).sum()):,.0f} decisions."
            )
    return "\n".join(lines)


def contraction(dataset: xr.Dataset, label: str) -> float:
    """Return the width of the posterior's interval over the prior's, on the scale of the fit."""
    low, high = dataset.place_interval.sel(label=label).values
    return float(0.5 * (high - low))


def _row(dataset: xr.Dataset, label: str, width: int) -> str:
    one = dataset.sel(label=label)
    (low, high), (below, above) = one.interval.values, one.prior_interval.values
    spec = MODELS.get(dataset.attrs["model"]).Params.specs().get(label.split("[", maxsplit=1)[0])
    unit = f" {spec.unit}" if spec is not None and spec.unit != "-" else ""
    found = f"{float(one.estimate):.3g} [{low:.3g}, {high:.3g}]{unit}"
    return f"  {label:{width}}  {found} (prior [{below:.3g}, {above:.3g}])"


def _mean(scores: xr.DataArray, decisions: xr.DataArray) -> float:
    total = float(decisions.sum())
    return float(scores.sum()) / total if total else math.nan


def fit_record(dataset: xr.Dataset) -> dict[str, Any]:
    """Return what a program may want to know of a fit, as JSON values; `null` where nothing is known."""
    attrs = dataset.attrs
    estimates = {
        str(label): {
            "estimate": float(dataset.estimate.sel(label=label)),
            "maximum": float(dataset.maximum.sel(label=label)),
            "interval": dataset.interval.sel(label=label).values.tolist(),
            "prior_interval": dataset.prior_interval.sel(label=label).values.tolist(),
            "width_over_prior": contraction(dataset, str(label)),
        }
        for label in dataset.label.values
    }
    held = {}
    for what in ("tasks", "steps"):
        kept = dataset[f"held_{what}"].notnull()
        scores, decisions = dataset[f"held_{what}"].where(kept, 0.0), dataset[f"held_{what}_decisions"].where(kept, 0.0)
        held[what] = _mean(scores, decisions) if bool(kept.any()) else None
    return {
        "model": attrs["model"],
        "observed": attrs["observed"].split(", "),
        "context": attrs["context"],
        "scheme": attrs["scheme"],
        "method": attrs["method"],
        "converged": bool(attrs["converged"]),
        "identifiability": attrs["identifiability"].split("\n"),
        "log_likelihood": float(dataset.log_likelihood.sum()),
        "decisions": float(dataset.decisions.sum()),
        "held_out": held,
        "estimates": estimates,
        "fixed": json.loads(attrs["fixed"]),
    }
