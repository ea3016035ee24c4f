"""Runs along the effort: what becomes of ensembles where the equations say that one effort is best."""

import json
from typing import Any

import numpy as np
import xarray as xr

from entropyjax.io.config import SweepConfig, load
from entropyjax.jobs.errors import JobError
from entropyjax.jobs.sweep import Progress, sweep

EFFORT = "params.reasoning_tokens"
_EFFORTS = 13


def run_axes(config: SweepConfig, high: float) -> tuple[np.ndarray, str, np.ndarray]:
    """Return the efforts in ktok/step, the name of the parameter that curves differ in, and its values.

    The name is "" if there is one curve.

    **Raises:** `JobError` for axes that curves cannot show.
    """
    efforts = next((np.array(axis.values, float) for axis in config.axes if axis.path == EFFORT), None)
    if efforts is None:
        # Closer together where the optimum of most orchestrators lies.
        efforts = min(high, 8.0) * np.linspace(0.0, 1.0, _EFFORTS) ** 2
    others = [axis for axis in config.axes if axis.path != EFFORT]
    if len(others) > 1 or any(not axis.path.startswith("params.") for axis in others):
        names = ", ".join(axis.path for axis in others)
        raise JobError(
            f"trap runs over {EFFORT} and at most one more parameter, and this configuration has axes over {names}; "
            "leave some out, all of them with --set axes=[]."
        )
    if not others:
        return np.sort(efforts), "", np.zeros(1)
    return np.sort(efforts), others[0].name, np.array(others[0].values, float)


def runs(
    config: SweepConfig,
    efforts: np.ndarray,
    curve: str,
    cases: np.ndarray,
    replicates: int | None,
    progress: Progress | None,
) -> tuple[dict[str, Any], list[Any]]:
    """Return shares of outcomes along the effort, for each curve, and the report of the step check."""
    axes = [{"path": EFFORT, "values": efforts.tolist()}]
    if curve:
        axes.append({"path": f"params.{curve}", "values": cases.tolist()})
    table = config.to_dict() | {"axes": axes}
    many = [] if replicates is None or config.run.dynamics == "ode" else [f"run.replicates={replicates}"]
    found = sweep(load(table, many), progress=progress)
    dims = ("effort", "curve")
    shape = (len(efforts), len(cases))

    def shown(values: xr.DataArray) -> np.ndarray:
        return values.values.reshape(shape + values.values.shape[found.collapse_probability.ndim :])

    resolved, interval = (found[name].sel(outcome="resolved") for name in ("outcome_probability", "outcome_interval"))
    attrs = {"units": "1", "long_name": "Share of the runs that resolve the task before any collapse."}
    data = {
        "resolved_probability": (dims, shown(resolved), attrs),
        "resolved_interval": ((*dims, "bound"), shown(interval), {"units": "1", "long_name": "Wilson 95% interval."}),
        "collapse_probability": (dims, shown(found.collapse_probability), dict(found.collapse_probability.attrs)),
        "trajectories": (dims, shown(found.trajectories), dict(found.trajectories.attrs)),
    }
    return data, list(json.loads(found.attrs["step_checks"]))
