"""The job that follows fixed points over one parameter, or folds and Hopf points over two."""

import json
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
import xarray as xr

from entropyjax.io.config import SweepConfig
from entropyjax.jobs.dataset import attributes
from entropyjax.jobs.errors import JobError
from entropyjax.stability import Branch, Lens, bifurcation_branches, continue_hopf, folds_over, from_model
from entropyjax.stability.diagram import bounded, fitted, inside

KIND = "branches"
"""Value of the attribute `kind` of a dataset that holds branches."""


def continue_branches(config: SweepConfig, x: Lens, y: Lens | None = None) -> xr.Dataset:
    """Return every branch of fixed points over `x`; with `y` every curve of folds and Hopf points in both.

    Curves of Hopf points start from those over `x` at the configuration's own `y`. A population plays no part: fixed
    points are those of `[params]`.

    **Raises:** `ContinuationError` or `JobError` with a sentence each.
    """
    model = config.model.build()
    with jax.enable_x64(True):
        params = model.params(**config.params)
        diagram = bifurcation_branches(model, params, x)
        branches, missing = list(diagram.branches), list(diagram.missing)
        if y is not None:
            folds = folds_over(model, params, x, y)
            missing += folds.missing
            branches = [*folds.curves, *_hopf_curves(model, params, branches, x, y)]
            if not branches:
                where = f"{x.name} in [{x.lower:g}, {x.upper:g}] and {y.name} in [{y.lower:g}, {y.upper:g}]"
                raise JobError(f"No fold and no Hopf point was found over {where}; look at a larger interval.")
    return branch_dataset(config, branches, missing)


def _hopf_curves(model: Any, params: Any, branches: Sequence[Branch], x: Lens, y: Lens) -> list[Branch]:
    x, y = bounded(params, x), bounded(params, y)
    here = inside(params, x, y)
    fitting = fitted(model, here, x, y)
    points = [point for branch in branches for point in branch.of_kind("hopf")]
    return [continue_hopf(from_model(fitting, here, x), point, y) for point in points]


def branch_dataset(config: SweepConfig, branches: Sequence[Branch], missing: Sequence[str]) -> xr.Dataset:
    """Return branches as one table with a row a point, and a second one of their special points."""
    first = branches[0]
    numbers = np.repeat(np.arange(len(branches)), [len(branch) for branch in branches])
    joined = {
        **{name: np.concatenate([b.parameters[name] for b in branches]) for name in first.parameters},
        **{name: np.concatenate([b.columns[name] for b in branches]) for name in first.columns},
    }
    data: dict[str, Any] = {name: ("point", values, _attributes(first, name)) for name, values in joined.items()}
    data["branch"] = ("point", numbers, {"long_name": "Number of the branch."})
    values = np.concatenate([branch.eigenvalues for branch in branches])
    for part in ("real", "imag"):
        column = np.ascontiguousarray(getattr(values, part))
        data[f"eigenvalue_{part}"] = (("point", "eigenvalue"), column, {"units": "1/step"})
    for name, unit, doc in (
        ("unstable", "1", "Eigenvalues with a positive real part, those held at 0 apart."),
        ("omega", "1/step", "Frequency along Hopf points."),
        ("arclength", "1", "Along the branch, in scaled units."),
    ):
        column = np.concatenate([getattr(branch, name) for branch in branches])
        data[name] = ("point", column, {"units": unit, "long_name": doc})
    data |= _special(branches)
    dataset = xr.Dataset(data)
    ends = [[end._asdict() for end in branch.ends] for branch in branches]
    partial = bool(missing) or any(branch.partial for branch in branches)
    dataset.attrs = attributes(config, []) | {
        "kind": KIND,
        "axes": list(first.parameters),
        "columns": list(first.columns),
        "kinds": [branch.kind for branch in branches],
        "ends": json.dumps(ends),
        "missing": json.dumps(list(missing)),
        "partial": int(partial),
        "text": "\n".join([*map(str, branches), *(f"partial: {sentence}" for sentence in missing)]),
    }
    return dataset


def _attributes(branch: Branch, name: str) -> dict[str, str]:
    quantity = branch.quantities.get(name)
    return {"symbol": quantity.symbol, "units": quantity.unit} if quantity else {}


def _special(branches: Sequence[Branch]) -> dict[str, Any]:
    rows = [(number, point) for number, branch in enumerate(branches) for point in branch.special]
    out: dict[str, Any] = {
        "special_branch": [number for number, _ in rows],
        "special_kind": [point.kind for _, point in rows],
        "special_status": [point.status for _, point in rows],
        "special_before": [point.between[0] for _, point in rows],
        "special_omega": [point.omega for _, point in rows],
    }
    for name in branches[0].parameters:
        out[f"special_{name}"] = [point.parameters[name] for _, point in rows]
    for name in branches[0].columns:
        out[f"special_{name}"] = [point.columns[name] for _, point in rows]
    words = ("special_kind", "special_status")
    columns = {name: np.array(v, dtype="U32" if name in words else None) for name, v in out.items()}
    data: dict[str, Any] = {name: ("special", column) for name, column in columns.items()}
    intervals = np.array([point.interval for _, point in rows]).reshape(-1, 2)
    return data | {"special_interval": (("special", "bound"), intervals)}


def summarise_branches(dataset: xr.Dataset) -> str:
    """Return what was followed, where it bifurcates and why it ends."""
    config = json.loads(dataset.attrs["config"])
    title = f"{dataset.attrs['title']}: " if dataset.attrs["title"] else ""
    lines = [f"{title}{config['model']['name']}, {dataset.sizes['point']} points on {len(dataset.attrs['kinds'])} "]
    lines[0] += "curve(s), in float64." if len(dataset.attrs["axes"]) > 1 else "branch(es), in float64."
    if config["population"]:
        lines.append(f"The population of {', '.join(config['population'])} plays no part: these are of [params].")
    if dataset.attrs["partial"]:
        lines.append("PARTIAL: there may be more than what follows; the lines below say where.")
    return "\n".join([*lines, dataset.attrs["text"]])


def branches_record(dataset: xr.Dataset) -> dict[str, Any]:
    """Return what a program may want to know of branches, as JSON values."""
    names = [str(name) for name in dataset.data_vars if str(name).startswith("special_")]
    table = {name: dataset[name].values.tolist() for name in names}
    rows = [
        {name.removeprefix("special_"): values[k] for name, values in table.items()}
        for k in range(dataset.sizes.get("special", 0))
    ]
    return {
        "axes": list(dataset.attrs["axes"]),
        "points": dataset.sizes["point"],
        "special": rows,
        "ends": json.loads(dataset.attrs["ends"]),
        "missing": json.loads(dataset.attrs["missing"]),
        "partial": bool(dataset.attrs["partial"]),
    }
