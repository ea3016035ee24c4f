"""Branches from a dataset, to be drawn again."""

import json
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from entropyjax.plots.bifurcation import bifurcation_diagram, fold_curves
from entropyjax.plots.errors import PlotError
from entropyjax.stability import Branch, End, Quantity, SpecialPoint

_NONE = np.zeros((0, 0))


def branch_figure(dataset: xr.Dataset, ax: Axes | None = None, *, y: str | None = None) -> Axes:
    """Draw the branches that a dataset holds: over one parameter with stability, over two as curves.

    **Arguments:** `dataset`: of `entropyjax continue`; `y`: what to draw over one parameter, q by default.

    **Raises:** `PlotError` if it holds no branches, or an unknown `y`.
    """
    if dataset.attrs.get("kind") != "branches":
        raise PlotError("The dataset holds no branches; make one with entropyjax continue.")
    branches = branches_of(dataset)
    if len(dataset.attrs["axes"]) > 1:
        return fold_curves(branches, ax)
    default = dataset.attrs.get("shown") or "right_probability"
    known = branches[0].columns
    return bifurcation_diagram(branches, ax, y=y or (default if default in known else next(iter(known))))


def shown(dataset: xr.Dataset, y: str | None) -> xr.Dataset:
    """Return the dataset with `y` as what its figure shows.

    **Raises:** `PlotError` if it has no such column.
    """
    if y is not None and y not in dataset.attrs["columns"]:
        known = ", ".join(dataset.attrs["columns"])
        raise PlotError(f"'{y}' is nothing that the branches have; show one of {known}.")
    return dataset if y is None else dataset.assign_attrs(shown=y)


def branches_of(dataset: xr.Dataset) -> list[Branch]:
    """Return the branches of a dataset without what their continuation alone needs."""
    ends = json.loads(dataset.attrs["ends"])
    return [_branch(dataset, number, kind, ends[number]) for number, kind in enumerate(dataset.attrs["kinds"])]


def _branch(dataset: xr.Dataset, number: int, kind: str, ends: list[dict[str, Any]]) -> Branch:
    rows = np.flatnonzero(dataset["branch"].values == number)
    part = dataset.isel(point=rows, special=np.flatnonzero(dataset["special_branch"].values == number))
    axes, columns = part.attrs["axes"], part.attrs["columns"]
    quantities = {
        name: Quantity(part[name].attrs["symbol"], part[name].attrs["units"])
        for name in (*axes, *columns)
        if "symbol" in part[name].attrs
    }
    still = np.zeros(len(rows))
    return Branch(
        kind=kind,
        parameters={name: part[name].values for name in axes},
        state=None,
        columns={name: part[name].values for name in columns},
        quantities=quantities,
        eigenvalues=part["eigenvalue_real"].values + 1j * part["eigenvalue_imag"].values,
        unstable=part["unstable"].values,
        omega=part["omega"].values,
        arclength=part["arclength"].values,
        steps=still,
        iterations=still.astype(int),
        residuals=still,
        special=tuple(_special(part.isel(special=k), axes, columns) for k in range(part.sizes["special"])),
        ends=(End(**ends[0]), End(**ends[1])),
        points=_NONE,
        tangents=_NONE,
    )


def _special(row: xr.Dataset, axes: list[str], columns: list[str]) -> SpecialPoint:
    before = int(row["special_before"])
    low, high = (float(end) for end in row["special_interval"].values)
    return SpecialPoint(
        kind=str(row["special_kind"].item()),
        status=str(row["special_status"].item()),
        parameters={name: float(row[f"special_{name}"]) for name in axes},
        state=None,
        interval=(low, high),
        between=(before, before + 1),
        residual=0.0,
        omega=float(row["special_omega"]),
        eigenvalues=_NONE[0:0].ravel(),
        columns={name: float(row[f"special_{name}"]) for name in columns},
        point=_NONE.ravel(),
        tangent=_NONE.ravel(),
        jacobian=_NONE,
    )
