"""The job that maps phases over two parameters, with the curves of folds, and what was simulated laid over."""

import json
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from entropyjax.io.config import RefineAxis, SweepConfig
from entropyjax.jobs.dataset import attributes
from entropyjax.jobs.errors import JobError
from entropyjax.params import replace
from entropyjax.results import Phase
from entropyjax.stability import ContinuationError, FoldSet, Lens, folds_over, phases

KIND = "map"
"""Value of the attribute `kind` of a dataset that holds a map of phases."""


def map_phases(config: SweepConfig, over: xr.Dataset | None = None) -> xr.Dataset:
    """Return phases and focus margins over the two axes of [refine], and the folds between them, in float64.

    **Arguments:** `over`: the result of a sweep or a boundary over the same two parameters, to be drawn over the map.

    **Raises:** `JobError` if the axes are no parameters, or `over` has others.
    """
    assert config.refine is not None
    axes = config.refine.axes
    for axis in axes:
        if not axis.path.startswith("params."):
            raise JobError(f"{axis.path} moves no fixed point; map phases over two parameters.")
    laid = {} if over is None else _laid_over(over, axes)
    model = config.model.build()
    levels = [_middles(axis, config.refine.resolution) for axis in axes]
    with jax.enable_x64(True):
        params = model.params(**config.params)
        plane = dict(zip((axis.name for axis in axes), np.meshgrid(*levels, indexing="ij"), strict=True))
        model = model.sized({name: getattr(params, name) for name in type(params).specs()} | plane)
        found = phases(model, replace(params, {name: jnp.asarray(values) for name, values in plane.items()}))
        found = jax.tree.map(np.asarray, found)
        folds, sentence = _folds(config.model.build(), params, axes)
    names = tuple(axis.name for axis in axes)
    docs = {
        "label": "Phase code: " + ", ".join(f"{one.value} {one.name.lower()}" for one in Phase) + ".",
        "margin": "Focus margin of the fixed point with the least context; NaN where there is none.",
        "certified": "Whether interval arithmetic has proven that no fixed point is missing.",
    }
    units = {"margin": "nat"}
    data: dict[str, Any] = {
        name: (names, getattr(found, name), {"units": units.get(name, "1"), "long_name": doc})
        for name, doc in docs.items()
    }
    specs = type(params).specs()
    for axis, values in zip(axes, levels, strict=True):
        spec = specs[axis.name]
        about = {"path": axis.path, "units": spec.unit, "symbol": spec.symbol, "long_name": spec.doc}
        data[axis.name] = (axis.name, values, about | {"scale": axis.scale})
    dataset = xr.Dataset(data | _fold_table(folds, names) | laid)
    own = {name: float(getattr(params, name)) for name in names}
    dataset.attrs = attributes(config, []) | {"kind": KIND, "axes": list(names), "own": json.dumps(own)}
    dataset.attrs |= {"folds": str(folds), "missing": json.dumps([*folds.missing, *sentence])}
    return dataset


def _middles(axis: RefineAxis, count: int) -> np.ndarray:
    """Return the middles of the cells that an axis is cut into."""
    shares = (np.arange(count) + 0.5) / count
    if axis.scale == "log":
        return axis.lower * (axis.upper / axis.lower) ** shares
    return axis.lower + (axis.upper - axis.lower) * shares


def _folds(model: Any, params: Any, axes: tuple[RefineAxis, RefineAxis]) -> tuple[FoldSet, list[str]]:
    lenses = [Lens(axis.name, axis.lower, axis.upper, log=axis.scale == "log") for axis in axes]
    try:
        return folds_over(model, params, *lenses), []
    except ContinuationError as error:
        return FoldSet((), ()), [f"No curves of folds: {error}"]


def _fold_table(folds: FoldSet, names: tuple[str, ...]) -> dict[str, Any]:
    """Return the points of the curves, and of their cusps, as columns; a curve ends where its number changes."""
    number = np.repeat(np.arange(len(folds.curves)), [len(curve) for curve in folds.curves])
    out: dict[str, Any] = {"fold_curve": ("fold", number.astype(int))}
    for name in names:
        parts = [curve.parameters[name] for curve in folds.curves]
        out[f"fold_{name}"] = ("fold", np.concatenate([np.zeros(0), *parts]))
        out[f"cusp_{name}"] = ("cusp", np.array([cusp.parameters[name] for cusp in folds.cusps], float))
    return out


def _laid_over(over: xr.Dataset, axes: tuple[RefineAxis, RefineAxis]) -> dict[str, Any]:
    """Return what a result has to be drawn over the map: the segments of a boundary, or collapse probabilities."""
    names = [axis.name for axis in axes]
    if over.attrs.get("kind") == "boundary" and set(over.attrs["axes"]) == set(names):
        about = {"long_name": _line(over)}
        return {f"over_{n}": (("segment", "end"), over[f"segment_{n}"].values, about) for n in names}
    if "collapse_probability" in over and set(over["collapse_probability"].dims) == set(names):
        p = over["collapse_probability"].transpose(*names)
        dims = tuple(f"over_{name}" for name in names)
        columns = {dim: (dim, over[name].values.astype(float)) for dim, name in zip(dims, names, strict=True)}
        return columns | {"over_probability": (dims, p.values, {"long_name": "simulated collapse probability"})}
    have = over.attrs.get("axes") or [str(dim) for dim in over.get("collapse_probability", xr.DataArray(0.0)).dims]
    raise JobError(
        f"The result to lay over is over {' and '.join(map(str, have)) or 'no axes'}, and the map over "
        f"{' and '.join(names)}; give --x and --y for those, or another result."
    )


def _line(over: xr.Dataset) -> str:
    """Return the legend of a boundary; one of certain outcomes has no level."""
    what, level = over.attrs["quantity"].replace("_", " "), float(over.attrs["level"])
    if what == "margin":
        return "M = 0, by refinement"
    return f"simulated,\np({what}) = {level:g}" if np.isfinite(level) else f"simulated,\nchange of '{what}'"


def _shares(dataset: xr.Dataset) -> dict[str, float]:
    codes, counts = np.unique(dataset["label"].values, return_counts=True)
    return {
        Phase(int(code)).name.lower(): float(n) / dataset["label"].size for code, n in zip(codes, counts, strict=True)
    }


def summarise_map(dataset: xr.Dataset) -> str:
    """Return what the map shows in a few lines."""
    names = dataset.attrs["axes"]
    size = " x ".join(f"{dataset.sizes[name]} {name}" for name in names)
    shares = ", ".join(f"{name.replace('_', ' ')} {share:.1%}" for name, share in _shares(dataset).items())
    certified = float(dataset["certified"].mean())
    proven = "all certified" if certified == 1.0 else f"{certified:.2%} certified"
    lines = [f"Phases on {size} points in float64: {shares}; {proven}."]
    lines += [dataset.attrs["folds"]] if dataset.attrs["folds"] else ["No folds here."]
    return "\n".join([*lines, *(f"PARTIAL: {sentence}" for sentence in json.loads(dataset.attrs["missing"]))])


def map_record(dataset: xr.Dataset) -> dict[str, Any]:
    """Return what a program may want to know of a map, as JSON values."""
    names = dataset.attrs["axes"]
    cusps = zip(*(dataset[f"cusp_{name}"].values.tolist() for name in names), strict=True)
    return {
        "axes": list(names),
        "points": int(dataset["label"].size),
        "shares": _shares(dataset),
        "certified": float(dataset["certified"].mean()),
        "cusps": [dict(zip(names, cusp, strict=True)) for cusp in cusps],
        "missing": json.loads(dataset.attrs["missing"]),
        "partial": bool(json.loads(dataset.attrs["missing"])),
    }
