"""What configs/data/context_decay_fit.json holds: parameters, quality of each fit, and what to beware of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from context_decay.fit import LOWER, NAMES, UPPER, CurveFit, accuracy, fit_curve
from context_decay.tables import Array, Table


def make_report(tables: Mapping[str, Table], fits: Mapping[str, CurveFit]) -> dict[str, Any]:
    return {
        "script": "scripts/fit_context_decay.py",
        "tables": "configs/data/context_decay.toml",
        "equation": "ceiling / (1 + (length / (effective_fraction context_window))^dilution_order)",
        "reading": "the benchmark's length stands for the whole load, its accuracy over the ceiling for the "
        "attention left; errors, compaction and the roster do not appear in it",
        "units": {"length, context_window": "ktok", "accuracy, fitted, residual, rmse, ceiling": "percent"},
        "bounds": {name: [_rounded(LOWER[i]), _rounded(UPPER[i])] for i, name in enumerate(NAMES)},
        "fits": {key: _fit_report(table, fits[key]) for key, table in tables.items()},
    }


def _fit_report(table: Table, fit: CurveFit) -> dict[str, Any]:
    everything = fit_curve(table.published, table.context_window) if len(table.check_points) else None
    return {
        "model": table.model,
        "preset": table.preset,
        "benchmark": asdict(table.benchmark),
        "source": table.source,
        "context_window": table.context_window,
        "context_window_source": table.context_window_source,
        "parameters": _parameters(table, fit),
        "half_attention_length": _rounded(fit.values[1] * table.context_window),
        "degrees_of_freedom": fit.degrees_of_freedom,
        "rmse": _rounded(fit.rmse),
        "points": _points(table, table.points, fit),
        "check_points": _points(table, table.check_points, fit),
        # For comparison only: n free, every published point.
        "all_points_fit": everything
        and {"parameters": _parameters(table, everything), "rmse": _rounded(everything.rmse)},
        "remarks": remarks(table, fit),
    }


def _parameters(table: Table, fit: CurveFit) -> dict[str, Any]:
    return {
        name: {
            "value": _rounded(fit.values[i]),
            "standard_error": _rounded(fit.standard_errors[i]),
            "origin": "fitted" if fit.estimated[i] else f"assumption: {table.order_assumption}",
            "on_bound": fit.on_bound[i],
        }
        for i, name in enumerate(NAMES)
    }


def _points(table: Table, points: Array, fit: CurveFit) -> list[dict[str, Any]]:
    fitted = accuracy(points[:, 0], table.context_window, fit.values)
    return [
        {"length": length, "accuracy": measured, "fitted": _rounded(y), "residual": _rounded(measured - y)}
        for (length, measured), y in zip(points.tolist(), fitted, strict=True)
    ]


def remarks(table: Table, fit: CurveFit) -> list[str]:
    """What the numbers of a fit do not say by themselves; the preset's sources repeat it."""
    said = []
    if fit.on_bound[0]:
        said.append("the ceiling ended on its bound of 100%, and the standard errors hold it there")
    if fit.degrees_of_freedom == 0:
        said.append("zero degrees of freedom: the curve interpolates its points, no standard errors")
    if fit.values[1] > 1.0:
        left = 1.0 / (1.0 + fit.values[1] ** -fit.values[2])
        said.append(
            f"above 1: {left:.0%} of the attention is left at the full window, and the half-attention "
            f"length, {fit.values[1] * table.context_window:.0f} ktok, extrapolates beyond it"
        )
    if len(table.check_points):
        length, measured = table.check_points.T
        off = measured - accuracy(length, table.context_window, fit.values)
        said.append(
            f"the accuracies published at {length.min():g} to {length.max():g} ktok, left out of the fit, "
            f"lie {off.min():+.1f} to {off.max():+.1f} points from the curve"
        )
    return said


def _rounded(value: float) -> float | None:
    """More digits than the data hold, few enough to be the same on every machine; no negative zero."""
    return round(float(value), 5) + 0.0 if np.isfinite(value) else None
