"""A boundary in a few honest lines."""

import json
from typing import Any

import xarray as xr

_WHERE = {
    "margin": "M = 0 on the fixed points",
    "outcome": "Where the most frequent outcome changes",
}


def trajectories(dataset: xr.Dataset) -> int:
    """Return how many trajectories were run for the boundary, those of its check apart."""
    return int(dataset.failure_count.sum()) if "failure_count" in dataset else 0


def summarise_boundary(dataset: xr.Dataset) -> str:
    """Return what a boundary says, what it took, and how sure it is."""
    config, spent = json.loads(dataset.attrs["config"]), json.loads(dataset.attrs["spent"])
    run, asked = config["run"], config["refine"]
    title = f"{dataset.attrs['title']}: " if dataset.attrs["title"] else ""
    words = asked["of"].replace("_", " ")
    where = _WHERE.get(asked["of"], f"Where the probability of '{words}' is {asked['level']:g}")
    count = trajectories(dataset)
    took = (
        f"{count:,} trajectories ({run['dynamics']}, {run['method']}, {run['precision']}), T = {run['horizon']:g} steps"
    )
    took = f"{took}, seed {run['seed']}" if count else "in closed form, no trajectories"
    over = " and ".join(
        f"{axis['path'].partition('.')[2]} in [{axis['lower']:g}, {axis['upper']:g}]"
        for axis in (asked["x"], asked["y"])
    )
    lines = [f"{title}{where}, over {over}: {took}.", spent["text"]]
    if count:
        failed = count - int(dataset.failure_count.sel(failure="none").sum())
        lines += [f"{failed} trajectories failed and are left out."] if failed else []
        lines += [_step(json.loads(dataset.attrs["step_checks"])[0])]
    return "\n".join(lines)


def _step(report: dict[str, Any]) -> str:
    path = f"Solver path: {report['path']}."
    if not report["checks"]:
        return f"The step was not checked. {path}"
    last = report["checks"][-1]
    line = (
        f"Error of the probability by the step, on the coarse lattice: {last['collapse_error']:.4f} (resolved to "
        f"{last['collapse_uncertainty']:.4f}) at a step of {last['step']:g}. {path}"
    )
    if not report["within_tolerance"]:
        line += (
            f" WARNING: the step's error is above the tolerance {report['tolerance']:g} and the refinements are used "
            "up; lower run.step or raise run.max_refinements."
        )
    return line


def boundary_record(dataset: xr.Dataset) -> dict[str, Any]:
    """Return what a program may want to know of a boundary, as JSON values."""
    spent = json.loads(dataset.attrs["spent"])
    return {
        "of": dataset.attrs["quantity"],
        "segments": dataset.sizes["segment"],
        "band_cells": dataset.sizes["band"],
        "trajectories": trajectories(dataset),
        **{name: value for name, value in spent.items() if name != "text"},
        "step_checks": json.loads(dataset.attrs["step_checks"]),
    }
