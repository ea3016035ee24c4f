"""A result in a few honest lines."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from entropyjax.jobs import (
    boundary_dataset,
    boundary_summary,
    branches,
    fit_data,
    fit_summary,
    forecast_data,
    forecast_summary,
    phase_map,
    predictive_series,
    predictive_summary,
    trace_entropy,
    trap_data,
    trap_summary,
    verdict,
)
from entropyjax.jobs.contest import is_contest, summarise_contest
from entropyjax.results import Failure

_KINDS: Mapping[str, tuple[Callable[[xr.Dataset], str], Callable[[xr.Dataset], dict[str, Any]]]] = {
    boundary_dataset.KIND: (boundary_summary.summarise_boundary, boundary_summary.boundary_record),
    branches.KIND: (branches.summarise_branches, branches.branches_record),
    phase_map.KIND: (phase_map.summarise_map, phase_map.map_record),
    trap_data.KIND: (trap_summary.summarise_trap, trap_summary.trap_record),
    fit_data.KIND: (fit_summary.summarise_fit, fit_summary.fit_record),
    forecast_data.KIND: (forecast_summary.summarise_forecast, verdict.forecast_record),
    predictive_series.KIND: (predictive_summary.summarise_predictive, predictive_summary.predictive_record),
    trace_entropy.KIND: (trace_entropy.summarise_entropy, trace_entropy.entropy_record),
}
"""Summary and record of datasets by the attribute `kind`; others are sweeps."""

_NO_TASK = "There is a model here that follows no task: its runs are never resolved, whatever they do."


def summarise(dataset: xr.Dataset) -> str:
    """Return what a result says, with its sampling and discretisation errors, in a few lines."""
    if dataset.attrs.get("kind") in _KINDS:
        return _KINDS[dataset.attrs["kind"]][0](dataset)
    config = json.loads(dataset.attrs["config"])
    lines = [_headline(dataset, config), _outcomes(dataset), _errors(dataset)]
    lines += [] if "resolution_time_mean" in dataset else [_NO_TASK]
    lines += summarise_contest(dataset) if is_contest(dataset) else []
    failed = int(dataset.failure_count.sum() - dataset.failure_count.sel(failure="none").sum())
    if failed:
        codes = [f.name.lower() for f in Failure if f is not Failure.NONE]
        parts = [f"{int(dataset.failure_count.sel(failure=code).sum())} {code}" for code in codes]
        lines.append(f"{failed} trajectories failed and are left out: {', '.join(parts)}.")
    projected = int(dataset.projected_count.sum())
    if projected:
        share = projected / max(int(dataset.trajectories.sum()), 1)
        lines.append(f"{share:.0%} of the trajectories were projected onto s in [0, 1] or c >= 0 at least once.")
    reports = json.loads(dataset.attrs["step_checks"])
    paths = dict.fromkeys(report["path"] for report in reports if "path" in report)
    lines.append(f"Solver path: {'; '.join(paths)}.")
    return "\n".join(lines)


def record(dataset: xr.Dataset) -> dict[str, Any]:
    """Return what a program may want to know of a result, as JSON values."""
    if dataset.attrs.get("kind") in _KINDS:
        return _KINDS[dataset.attrs["kind"]][1](dataset)
    counts = dataset.outcome_count.sum([d for d in dataset.outcome_count.dims if d != "outcome"])
    return {
        "trajectories": int(dataset.failure_count.sum()),
        "outcomes": {str(name): int(counts.sel(outcome=name)) for name in counts.outcome.values},
        "failures": int(dataset.failure_count.sum() - dataset.failure_count.sel(failure="none").sum()),
        "step_checks": json.loads(dataset.attrs["step_checks"]),
    }


def _headline(dataset: xr.Dataset, config: dict[str, Any]) -> str:
    run = config["run"]
    names = [str(name) for name in dataset.collapse_probability.dims]
    size = " x ".join(f"{dataset.sizes[name]} {name}" for name in names)
    cells = f"{size} cells" if size else "one cell"
    title = f"{dataset.attrs['title']}: " if dataset.attrs["title"] else ""
    # What an axis varies is told by its values; a method belongs to the dynamics.
    varied = {axis["path"]: "/".join(map(str, axis["values"])) for axis in config["axes"]}
    shown = [str(varied.get(f"run.{key}", run[key])) for key in ("dynamics", "method", "precision")]
    if "run.dynamics" in varied:
        del shown[1]
    return (
        f"{title}{int(dataset.failure_count.sum()):,} trajectories ({', '.join(shown)}) over {cells}, "
        f"T = {run['horizon']:g} steps, seed {varied.get('run.seed', run['seed'])}."
    )


def _outcomes(dataset: xr.Dataset) -> str:
    counts = dataset.outcome_count.sum([d for d in dataset.outcome_count.dims if d != "outcome"])
    total = max(int(counts.sum()), 1)
    shares = {str(name): float(counts.sel(outcome=name)) / total for name in counts.outcome.values}
    parts = [f"{name.replace('_', ' ')} {share:.1%}" for name, share in shares.items()]
    line = "Outcomes: " + ", ".join(parts) + "."
    if dataset.collapse_probability.ndim == 0 and int(dataset.trajectories) > 1:
        low, high = dataset.collapse_interval.values
        line += f" Collapse probability in [{low:.3f}, {high:.3f}] (Wilson 95%)."
    if dataset.collapse_probability.ndim == 0:
        line += f" Cognitive horizon {float(dataset.cognitive_horizon):.3g} steps."
    return line


def _errors(dataset: xr.Dataset) -> str:
    """Return the sampling error and the discretisation error of the reported statistics, side by side."""
    p, n = dataset.collapse_probability, np.maximum(dataset.trajectories, 1)
    sampling = float(np.sqrt((p * (1.0 - p) / n).mean()))
    line = f"Errors of the collapse probability (rms over cells): sampling {sampling:.4f}"
    reports = [report for report in json.loads(dataset.attrs["step_checks"]) if report["checks"]]
    if not reports:
        return line + "; the step was not checked."
    last = [report["checks"][-1] for report in reports]
    worst = max(last, key=lambda check: check["collapse_error"])
    entropy = max(check["entropy_error"] for check in last)
    line += f", step {worst['collapse_error']:.4f} (resolved to {worst['collapse_uncertainty']:.4f})"
    line += f"; of mean h: step {entropy:.4f}."
    step = min(check["step"] for check in last)
    refined = sum(len(report["checks"]) - 1 for report in reports)
    line += f" The step is {step:g}" + (f", halved {refined} time(s)." if refined else ".")
    if not all(report["within_tolerance"] for report in reports):
        tolerance = reports[0]["tolerance"]
        line += (
            f" WARNING: the step's error is above the tolerance {tolerance:g} and the refinements are used up; "
            "lower run.step or raise run.max_refinements."
        )
    return line
