"""The best of several models in every cell of a sweep: as a table, and in a few lines."""

import csv
import itertools
import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from entropyjax.phase import Leaders, leaders

SURVIVES = 0.5
"""Share of resolved runs from which a model survives in a cell."""


def is_contest(dataset: xr.Dataset) -> bool:
    """Return whether a sweep has an axis over models."""
    return "model_axis" in dataset.attrs


def contest(dataset: xr.Dataset) -> tuple[tuple[str, ...], Leaders]:
    """Return the axes of the cells, and which model resolves the most runs in each."""
    name = dataset.attrs["model_axis"]
    resolved = dataset.outcome_count.sel(outcome="resolved")
    names = tuple(str(dim) for dim in resolved.dims if dim != name)
    counts, trials = (values.transpose(name, *names).values for values in (resolved, dataset.trajectories))
    return names, leaders(counts, trials, dataset.attrs["sigmas"])


def contest_rows(dataset: xr.Dataset) -> list[dict[str, Any]]:
    """Return a row for each cell: its values, the best model, its share with its interval, who is not told from it.

    `best` is empty where no model resolves half of its runs. The task's length -ln(s_tol) / kappa stands beside kappa.
    """
    names, found = contest(dataset)
    model = dataset[dataset.attrs["model_axis"]]
    interval = dataset.outcome_interval.sel(outcome="resolved").transpose(model.name, *names, "bound").values
    rows = []
    for cell in itertools.product(*(range(dataset.sizes[name]) for name in names)):
        place = int(found.best[cell])
        row = {name: dataset[name].values[i].item() for name, i in zip(names, cell, strict=True)}
        if "resolution_rate" in row:
            row["task_length"] = _length(dataset, row["resolution_rate"])
        survives = place >= 0 and found.share[place][cell] >= SURVIVES
        others = [str(model.values[i]) for i in np.flatnonzero(found.alike[(slice(None), *cell)]) if i != place]
        row |= {
            "best": str(model.values[place]) if survives else "",
            "resolved": float(found.share[place][cell]) if place >= 0 else math.nan,
            "lower": float(interval[place][cell][0]),
            "upper": float(interval[place][cell][1]),
            "not_told_apart": "; ".join(others),
        }
        rows.append(row)
    return rows


def write_contest(dataset: xr.Dataset, path: str | os.PathLike) -> Path:
    """Write the rows as CSV."""
    rows, target = contest_rows(dataset), Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return target


def summarise_contest(dataset: xr.Dataset) -> list[str]:
    """Return in how many cells each model survives, leads alone, or may lead; for each value of a third axis."""
    names, found = contest(dataset)
    model = dataset[dataset.attrs["model_axis"]]
    split = next((name for name in names if name == "resolution_rate"), None)
    if split is None:
        return _lines(found, model.values, "")
    place, lines = names.index(split), []
    for i, value in enumerate(dataset[split].values):
        part = Leaders(*(np.take(item, i, axis=item.ndim - len(names) + place) for item in found))
        lines += _lines(part, model.values, f"Tasks of {_length(dataset, value):.3g} steps: ")
    return lines


def _lines(found: Leaders, models: np.ndarray, before: str) -> list[str]:
    survives = np.nan_to_num(found.share) >= SURVIVES
    some = survives.any(axis=0)
    alone = some & ~found.tied
    counts = [
        (survives[i].sum(), (alone & (found.best == i)).sum(), (some & found.alike[i]).sum())
        for i in range(len(models))
    ]
    parts = [f"{name} {' / '.join(map(str, count))}" for name, count in zip(models, counts, strict=True)]
    return [
        f"{before}cells of {some.size} in which it survives / is the best / may be the best: {'; '.join(parts)}. "
        f"In {(some & found.tied).sum()} several may be the best, in {(~some).sum()} none survives."
    ]


def _length(dataset: xr.Dataset, rate: float) -> float:
    tolerance = json.loads(dataset.attrs["config"])["criteria"]["progress_tolerance"]
    return -math.log(tolerance) / rate if rate > 0.0 else math.inf
