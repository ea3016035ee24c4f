"""A predictive check in a few honest lines."""

import json
from typing import Any

import numpy as np
import xarray as xr

UNLIKELY = 0.05
"""A p-value below which the posterior does not foretell what was observed."""

_NOTES = {"errors": ", and an error in a log need not be a wrong dispatch"}


def summarise_predictive(dataset: xr.Dataset) -> str:
    """Return what of the logs the posterior foretells, and what not."""
    attrs = dataset.attrs
    fitted = json.loads(attrs["fitted"])
    lines = [
        f"Predictive check of {attrs['condition']} ({attrs['model']}): {attrs['draws']} logs from the posterior "
        f"({attrs['method']}) of {attrs['runs']} runs each, as long as the observed ones, seed {attrs['seed']}."
    ]
    for place, name in enumerate(map(str, dataset.series.values)):
        note = "" if name in fitted else f"; it was not fitted{_NOTES.get(name, '')}"
        lines.append(f"{_line(dataset.isel(series=place))}{note}.")
    wrong = [str(name) for name in dataset.series.values[dataset.p_value.values < UNLIKELY]]
    lines.append(
        f"The model does not foretell {', '.join(wrong)}: take a forecast from it with that in mind."
        if wrong
        else "Nothing observed is unlikely under the model."
    )
    return "\n".join(lines)


def _line(one: xr.Dataset) -> str:
    seen, (low, high) = one.observed.values, one.predicted_interval.values.T
    there = np.isfinite(seen) & np.isfinite(low)
    inside = int(((seen >= low) & (seen <= high))[there].sum())
    p = float(one.p_value)
    off = seen - one.predicted.values
    side = "above" if np.nansum(off[there]) > 0.0 else "below"
    words = f"{one.meaning.item()}: in the band of 90% at {inside} of {int(there.sum())} steps, p = {p:.2g}"
    return words + (f", mostly {side} it" if p < UNLIKELY else "")


def predictive_record(dataset: xr.Dataset) -> dict[str, Any]:
    """Return what a program may want to know of a predictive check, as JSON values; `null` where nothing is known."""
    series = {
        str(name): {
            "p_value": float(one.p_value),
            "observed": _values(one.observed.values),
            "predicted": _values(one.predicted.values),
            "predicted_interval": [_values(ends) for ends in one.predicted_interval.values],
            "p": _values(one.p.values),
        }
        for name, one in ((name, dataset.sel(series=name)) for name in dataset.series.values)
    }
    return {
        "condition": dataset.attrs["condition"],
        "draws": int(dataset.attrs["draws"]),
        "fitted": json.loads(dataset.attrs["fitted"]),
        "series": series,
    }


def _values(row: np.ndarray) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in row]
