"""The job of the Reasoning Trap: the best effort over two parameters and the task's length, and runs beside it."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from entropyjax.io.config import SweepConfig, load
from entropyjax.io.store import check_target, write_result
from entropyjax.jobs.dataset import attributes
from entropyjax.jobs.errors import JobError
from entropyjax.jobs.sweep import Progress
from entropyjax.jobs.trap_data import KIND, curve_data, map_data, point_data
from entropyjax.jobs.trap_runs import run_axes, runs
from entropyjax.jobs.trap_scope import MapAxis, Scope
from entropyjax.params import replace
from entropyjax.results import describe
from entropyjax.results.codes import Effort
from entropyjax.stability import ReasoningTrap, TaskSuccess, reasoning_trap, with_task_length

X = MapAxis("n_agents", 2.0, 64.0, log=True)
Y = MapAxis("context_window", 24.0, 384.0, log=True)


def trap(
    source: str | os.PathLike | Mapping[str, Any] | SweepConfig,
    *,
    x: MapAxis = X,
    y: MapAxis = Y,
    high: float = 16.0,
    replicates: int | None = None,
    overrides: Sequence[str] = (),
    out: str | os.PathLike | None = None,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Return where the Reasoning Trap lies for an orchestrator: by the equations, and by runs along the effort.

    The equations give the effort tau_r with the largest s(T) of the ODE over the plane of `x` and `y`, at five lengths
    of the task, 1/8 to twice that of the configuration, with T in proportion. The runs are those of the configuration
    over its axes `params.reasoning_tokens` and at most one more, and without such axes over 13 efforts.

    **Arguments:**

    - `source`: path of a TOML file, a mapping of the same form, or a `SweepConfig`.
    - `x`, `y`: the parameters of the plane.
    - `high`: largest effort that is looked at, in ktok/step.
    - `replicates`: runs of each effort, by default those of the configuration; 0 for none.
    - `overrides`: texts `dotted.path=value`.
    - `out`: path of the zarr store to write.
    - `progress`: callback for the runs.

    **Raises:** `ConfigError`, `StoreError` or `JobError` with a sentence each.
    """
    config = load(source.to_dict() if isinstance(source, SweepConfig) else source, overrides)
    if out is not None:
        check_target(out)
    scope = Scope.of(config, x, y, high)
    efforts, curve, cases = run_axes(config, high)
    if progress is not None:
        progress(0, 0, "searching the best efforts")
    with jax.enable_x64(True):
        found = _found(scope, curve, cases)
        data = map_data(scope, found.pop("map")) | point_data(scope, **found.pop("here"))
        data |= curve_data(scope, efforts, curve, cases, **found)
    report: list[Any] = []
    if replicates != 0:
        simulated, report = runs(config, efforts, curve, cases, replicates, progress)
        data |= simulated
    dataset = xr.Dataset(data)
    dataset.attrs = attributes(config, report) | {"kind": KIND, "axes": [x.name, y.name], "curve": curve}
    dataset.attrs |= {"high": high, "patience": scope.patience, "present_length": scope.length}
    dataset.attrs |= {
        "present_effort": float(scope.params.reasoning_tokens),
        "gain": float(scope.params.reasoning_gain),
    }
    dataset.attrs |= {"progress_tolerance": scope.tolerance, "initial_progress": float(scope.params.initial_progress)}
    dataset.attrs["meaning"] = [describe(code) for code in Effort]
    if out is not None:
        write_result(dataset, out)
    return dataset


def _found(scope: Scope, curve: str, cases: np.ndarray) -> dict[str, Any]:
    """Return the traps of the map, of the curves over the task's length, and of the point and its variations.

    All points are one batch, so that one program is compiled.
    """
    objective = TaskSuccess(scope.model, scope.patience, scope.tolerance)
    across, up, lengths = np.meshgrid(scope.x.values, scope.y.values, scope.lengths, indexing="ij")
    case, span = np.meshgrid(cases, scope.spans, indexing="ij")
    here, changes = scope.variations()
    parts = {
        "map": {scope.x.name: across, scope.y.name: up, "length": lengths},
        "spans": {curve: case, "length": span} if curve else {"length": span},
        "here": here | {"length": np.full(len(changes), scope.length)},
    }
    flat = [_params(scope, columns) for columns in parts.values()]
    batch = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *flat)
    every = reasoning_trap(batch, objective, high=scope.high, dtype=jnp.float64)
    if not np.isfinite(np.asarray(every.value)).any():
        raise JobError("No effort gives a finite success at any point; check the parameters, or use a smaller --high.")
    ends = np.cumsum([columns["length"].size for columns in parts.values()])[:-1]
    split = [np.split(np.asarray(leaf), ends) for leaf in every]
    traps = {
        name: ReasoningTrap(*(leaf[place].reshape(columns["length"].shape) for leaf in split))
        for place, (name, columns) in enumerate(parts.items())
    }
    return traps | {"here": {"trap": traps["here"], "changes": changes}, "objective": objective}


def _params(scope: Scope, columns: dict[str, np.ndarray]) -> Any:
    """Return the orchestrator's parameters with columns for some of them, and with the task's length for kappa."""
    values = {name: jnp.asarray(column.ravel(), jnp.float64) for name, column in columns.items()}
    params = with_task_length(scope.params, values.pop("length"), scope.tolerance)
    size = next(iter(columns.values())).size
    return jax.tree.map(lambda leaf: jnp.broadcast_to(jnp.asarray(leaf, jnp.float64), (size,)), replace(params, values))
