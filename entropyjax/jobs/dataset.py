"""From statistics to a labelled `xarray.Dataset` with units."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from entropyjax.ensemble import (
    TIME_BINS,
    Ensemble,
    Statistics,
    cognitive_horizon,
    histogram_quantile,
    wilson_interval,
)
from entropyjax.io import provenance
from entropyjax.io.config import Axis, SweepConfig
from entropyjax.io.store import SCHEMA_VERSION
from entropyjax.jobs.variants import split_axes
from entropyjax.params import replace
from entropyjax.results import Failure, Outcome, describe
from entropyjax.stability import has_margin_window, margin_window

_EVENTS = ("focus", "collapse", "resolution")
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


class Variable(NamedTuple):
    """One variable of one variant: dimensions behind those of the cells, values, unit and meaning."""

    dims: tuple[str, ...]
    values: np.ndarray
    unit: str
    doc: str


def variables(ensemble: Ensemble, cells: Statistics) -> dict[str, Variable]:
    """Return what is reported of one variant, each with a leading axis of cells."""
    trials = cells.outcomes.sum(axis=-1)
    # A cell whose trajectories all failed has no share, rather than one of 0.
    share = np.where(trials[:, None] > 0, cells.outcomes / np.maximum(trials, 1)[:, None], np.nan)
    bounds = wilson_interval(cells.outcomes, np.broadcast_to(trials[:, None], cells.outcomes.shape))
    collapsed = Outcome.COLLAPSED
    out = {
        "trajectories": Variable((), trials, "1", "Trajectories that did not fail."),
        "outcome_count": Variable(("outcome",), cells.outcomes, "1", "Trajectories by outcome."),
        "outcome_probability": Variable(("outcome",), share, "1", "Share of each outcome; NaN if all failed."),
        "outcome_interval": Variable(("outcome", "bound"), bounds, "1", "Wilson 95% interval of the share."),
        "collapse_probability": Variable((), share[:, collapsed], "1", "Share that collapsed; NaN if all failed."),
        "collapse_interval": Variable(("bound",), bounds[:, collapsed], "1", "Wilson 95% interval of it."),
        "cognitive_horizon": Variable((), _horizon(ensemble, cells), "step", "First minimum of mean H; inf if none."),
        "failure_count": Variable(("failure",), cells.failures, "1", "Trajectories by failure code."),
        "projection_count": Variable((), cells.projections, "1", "Steps projected onto the state's domain."),
        "projected_count": Variable((), cells.projected, "1", "Trajectories projected at least once."),
    }
    return out | _times(ensemble, cells, trials) | _series(ensemble, cells)


def _times(ensemble: Ensemble, cells: Statistics, trials: np.ndarray) -> dict[str, Variable]:
    """Return means and quantiles of event times; a single trajectory's time is exact, quantiles are binned."""
    out = {}
    horizon = float(ensemble.grid.horizon)
    for event in _EVENTS if ensemble.model.has_progress() else _EVENTS[:2]:
        moments = getattr(cells, f"{event}_time")
        mean = np.where(moments.count > 0, moments.mean, np.inf)
        out[f"{event}_time_mean"] = Variable((), mean, "step", f"Mean time of {event} where it happened, else inf.")
        if event == "focus":
            continue
        counts = getattr(cells, f"{event}_histogram")
        quantiles = [histogram_quantile(counts, trials, horizon, level) for level in QUANTILES]
        if ensemble.replicates == 1:
            quantiles = [mean] * len(QUANTILES)
        doc = f"Time by which a share of all trajectories had the {event}; inf if it never did."
        out[f"{event}_time_quantile"] = Variable(("quantile",), np.stack(quantiles, -1), "step", doc)
        doc = f"Trajectories by time of {event}."
        out[f"{event}_time_histogram"] = Variable(("time_bin",), counts, "1", doc)
    return out


def _series(ensemble: Ensemble, cells: Statistics) -> dict[str, Variable]:
    out = {}
    for name, moments in cells.observables.items():
        item = ensemble.model.observables[name]
        square = item.unit if item.unit == "-" else f"({item.unit})^2"
        mean = np.where(moments.count > 0, moments.mean, np.nan)
        out[f"mean_{name}"] = Variable(("time",), mean, item.unit, f"Mean of {item.symbol}. {item.doc}")
        out[f"variance_{name}"] = Variable(("time",), moments.variance, square, f"Variance of {item.symbol}.")
        out["alive_count"] = Variable(("time",), moments.count.astype(np.int64), "1", "Trajectories not failed yet.")
    return out


def _horizon(ensemble: Ensemble, cells: Statistics) -> np.ndarray:
    """Return t_h: exact for single ODE trajectories, else that of the ensemble mean of H."""
    if not ensemble.noisy and ensemble.replicates == 1:
        exact = cells.horizon_time
        return np.where(exact.count > 0, exact.mean, np.inf)
    if "entropy" not in cells.observables:
        return np.full(ensemble.n_cells, np.inf)
    entropy = cells.observables["entropy"]
    error = np.sqrt(entropy.variance / np.maximum(entropy.count, 1))
    times = np.asarray(ensemble.grid.times(), float)
    return cognitive_horizon(times, entropy.mean, error)


def margin_curve(config: SweepConfig, ensemble: Ensemble) -> np.ndarray | None:
    """Return the window in ktok at which M = 0 on the fixed points, for each cell, or `None`.

    None if the sweep has no axes over N and W, draws a population, or its model has no such curve.
    """
    names = {axis.name for axis in split_axes(config)[1]}
    if config.population or not {"n_agents", "context_window"} <= names or not has_margin_window(ensemble.model):
        return None
    params = replace(ensemble.constants, {k: v.astype(ensemble.dtype) for k, v in ensemble.cells.items()})
    params = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (ensemble.n_cells,)), params)
    return np.asarray(jax.vmap(lambda lane: margin_window(lane, ensemble.model))(params), float)


def assemble(
    config: SweepConfig, parts: Sequence[dict[str, Variable]], ensemble: Ensemble, report: Sequence[Any]
) -> xr.Dataset:
    """Return the dataset of a sweep from its variants' variables.

    **Arguments:** `parts`: for each variant in order; `ensemble`: one of them, for the shared time grid;
    `report`: the variants' step checks, as JSON values.
    """
    variant, swept = split_axes(config)
    order = [axis.name for axis in config.axes]
    stacked = [axis.name for axis in (*variant, *swept)]
    shape = tuple(len(axis.values) for axis in (*variant, *swept))
    data = {}
    for name in dict.fromkeys(key for part in parts for key in part):
        if not all(name in part for part in parts):
            continue
        first = parts[0][name]
        values = np.stack([part[name].values for part in parts])
        array = xr.DataArray(
            values.reshape((*shape, *first.values.shape[1:])),
            dims=(*stacked, *first.dims),
            attrs={"units": first.unit, "long_name": first.doc},
        )
        data[name] = array.transpose(*order, *first.dims)
    if "margin_window" in data:
        data["margin_window"] = data["margin_window"].isel(context_window=0, drop=True)
    dataset = xr.Dataset(data, coords=_coordinates(config, ensemble))
    dataset.attrs = attributes(config, report)
    models = [axis.name for axis in config.axes if axis.name == "model" or _changes_model(axis)]
    # A model of no task resolves nothing, so that there is nothing to be the best at.
    if len(models) == 1 and "resolution_time_mean" in data:
        # Runs without noise differ or do not; others within 3 standard errors are not told apart.
        levels = {config.run.dynamics, *(v for axis in config.axes if axis.path == "run.dynamics" for v in axis.values)}
        certain = levels == {"ode"} and not config.population
        dataset.attrs |= {"model_axis": models[0], "sigmas": 0.0 if certain else 3.0}
    return dataset


def _changes_model(axis: Axis) -> bool:
    return any(case.model for case in (axis.cases or {}).values())


def _coordinates(config: SweepConfig, ensemble: Ensemble) -> dict[str, Any]:
    out: dict[str, Any] = {}
    specs = type(ensemble.constants).specs()
    for axis in config.axes:
        plain = all(isinstance(v, (int, float, str)) and not isinstance(v, bool) for v in axis.values)
        values = list(axis.values) if plain else [json.dumps(v) for v in axis.values]
        spec = specs.get(axis.name) if axis.path.startswith("params.") else None
        attrs = {"path": axis.path}
        if spec is not None:
            attrs |= {"units": spec.unit, "long_name": spec.doc, "symbol": spec.symbol}
        out[axis.name] = (axis.name, values, attrs)
        if axis.path == "params.resolution_rate" and np.min(np.array(values, float)) > 0.0:
            length = -np.log(float(config.criteria.progress_tolerance)) / np.array(values)
            doc = "Time that a task takes when every dispatch is right, -ln(s_tol) / kappa."
            out["task_length"] = (axis.name, length, {"units": "step", "long_name": doc})
    horizon = float(ensemble.grid.horizon)
    times = np.linspace(0.0, horizon, ensemble.grid.intervals + 1)
    middles = (np.arange(TIME_BINS) + 0.5) * horizon / TIME_BINS
    out["time"] = ("time", times, {"units": "step", "long_name": "Time."})
    out["time_bin"] = ("time_bin", middles, {"units": "step", "long_name": "Middle of a bin of event times."})
    out["outcome"] = ("outcome", [item.name.lower() for item in Outcome], {"meaning": [describe(i) for i in Outcome]})
    out["failure"] = ("failure", [item.name.lower() for item in Failure], {"meaning": [describe(i) for i in Failure]})
    out["quantile"] = ("quantile", list(QUANTILES), {"units": "1"})
    out["bound"] = ("bound", ["lower", "upper"])
    return out


def attributes(config: SweepConfig, report: Sequence[Any]) -> dict[str, Any]:
    """Return what every result says of where it comes from; `report`: the step checks, as JSON values."""
    return {
        "schema_version": SCHEMA_VERSION,
        "run_id": config.run_id,
        "title": config.title or "",
        "config": json.dumps(config.to_dict()),
        "seed": config.run.seed,
        "step_checks": json.dumps(list(report)),
        "versions": json.dumps(provenance.versions()),
        "device": json.dumps(provenance.devices()),
        "xla_flags": provenance.xla_flags(),
        "git_commit": provenance.git_commit(),
    }
