"""Simulate one orchestrator: an ensemble in one cell, with a few whole paths."""

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
import xarray as xr

from entropyjax.io.config import ConfigError, SweepConfig, load
from entropyjax.io.store import check_target, write_result
from entropyjax.jobs.build import build_ensemble
from entropyjax.jobs.engine import make_engine
from entropyjax.jobs.sweep import Progress, sweep
from entropyjax.models import MODELS, AbstractModel
from entropyjax.params import AbstractParams
from entropyjax.solve import Grid


def simulate(
    source: AbstractModel | str | os.PathLike | Mapping[str, Any] | SweepConfig,
    params: AbstractParams | Mapping[str, float] | None = None,
    *,
    paths: int = 16,
    overrides: Sequence[str] = (),
    out: str | os.PathLike | None = None,
    progress: Progress | None = None,
    **run: Any,
) -> xr.Dataset:
    """Run an ensemble of one orchestrator and return its statistics.

    **Arguments:**

    - `source`: a model, or a configuration (TOML path, mapping or `SweepConfig`) without axes.
    - `params`: the model's parameters, or some of them by name, the rest at their defaults; only with a model.
    - `paths`: how many whole trajectories to return beside the statistics, as `path_<observable>`.
    - `overrides`: texts `dotted.path=value`, only with a configuration.
    - `out`: path of a zarr store to write.
    - `progress`: callback for long runs.
    - `run`: entries of the configuration's `[run]` table by name: `dynamics`, `replicates`, `horizon`, `seed`,
      `precision`, `step`, ...

    **Returns:** a dataset over time, outcomes and paths.

    **Raises:** `ConfigError` and others as `sweep` does; and `ConfigError` too if the configuration has axes.
    """
    if isinstance(source, type) and issubclass(source, AbstractModel):
        raise ConfigError([f"simulate takes a model object; write {source.__name__}() for {source.__name__}."])
    if isinstance(source, AbstractModel):
        source = model_config(source, params)
    elif params is not None:
        raise ConfigError(["params goes with a model object; a configuration has its own [params] table."])
    given = source.to_dict() if isinstance(source, SweepConfig) else source
    given_texts = [overrides] if isinstance(overrides, str) else overrides
    texts = [*given_texts, *(f"run.{name}={_toml(value)}" for name, value in run.items())]
    config = load(given, texts)
    if config.axes:
        names = ", ".join(axis.path for axis in config.axes)
        raise ConfigError(
            [f"simulate takes one orchestrator, and this configuration has axes over {names}; use sweep."]
        )
    if config.refine is not None:
        raise ConfigError(["simulate takes one orchestrator, and this configuration has [refine]; use sweep."])
    if out is not None:
        check_target(out)
    dataset = sweep(config, progress=progress)
    dataset = dataset.merge(_paths(config, dataset, paths)) if paths else dataset
    if out is not None:
        write_result(dataset, out)
    return dataset


def model_config(model: AbstractModel, params: AbstractParams | Mapping[str, float] | None) -> dict[str, Any]:
    """Return the configuration of a model object and its parameters."""
    values = params if isinstance(params, AbstractParams) else model.params(**(params or {}))
    names = type(values).specs()
    table = {"name": MODELS.name_of(model), **vars(model)}
    return {"model": table, "params": {name: float(getattr(values, name)) for name in names}}


def _toml(value: Any) -> str:
    return json.dumps(value.item() if isinstance(value, np.generic) else value, default=str)


def _paths(config: SweepConfig, dataset: xr.Dataset, count: int) -> xr.Dataset:
    """Return the first trajectories' observables at the save times, at the step that the run settled on."""
    steps = json.loads(dataset.attrs["step_checks"])[0]["steps_per_interval"]
    with jax.enable_x64(config.run.precision == "float64"):
        ensemble = build_ensemble(config)
        grid = Grid(ensemble.grid.horizon, ensemble.grid.intervals, steps)
        found = make_engine(config).paths(dataclasses.replace(ensemble, grid=grid), 0, count)
    observables = ensemble.model.observables
    return xr.Dataset(
        {
            f"path_{name}": (
                ("path", "time"),
                values,
                {"units": observables[name].unit, "long_name": f"{observables[name].symbol} of single trajectories."},
            )
            for name, values in found.items()
        }
    )
