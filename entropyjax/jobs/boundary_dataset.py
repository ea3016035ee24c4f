"""From a boundary to a labelled `xarray.Dataset` with units, and to a few lines."""

import json
from typing import Any

import numpy as np
import xarray as xr

from entropyjax.ensemble import Ensemble
from entropyjax.io.config import SweepConfig
from entropyjax.jobs.dataset import attributes
from entropyjax.phase import Boundary
from entropyjax.results import Failure, Outcome

KIND = "boundary"
"""Value of the attribute `kind` of a dataset that holds a boundary."""


def boundary_dataset(
    config: SweepConfig, ensemble: Ensemble, found: Boundary, counts: np.ndarray | None, report: dict[str, Any]
) -> xr.Dataset:
    """Return the dataset of a boundary.

    **Arguments:** `counts`: outcomes and failures of each point, `None` if no trajectories were run; `report`: of the
    step check, as JSON values.
    """
    assert config.refine is not None
    data: dict[str, Any] = {
        "label": ("point", found.label, {"units": "1", "long_name": "Side or class of the point; -1 if all failed."}),
        "decided": ("point", found.decided, {"units": "1", "long_name": "Whether noise leaves no doubt of the label."}),
        "value": ("point", found.value, {"units": "1", "long_name": "What the boundary is a level of."}),
        "error": ("point", found.error, {"units": "1", "long_name": "Standard error of the value."}),
        "batches": ("point", found.batches, {"units": "1", "long_name": "Batches computed at the point."}),
    }
    if counts is not None:
        outcomes, failures = counts[:, : len(Outcome)], counts[:, len(Outcome) :]
        doc = "Trajectories of the point by outcome."
        data["outcome_count"] = (("point", "outcome"), outcomes, {"units": "1", "long_name": doc})
        doc = "Trajectories of the point by failure code."
        data["failure_count"] = (("point", "failure"), failures, {"units": "1", "long_name": doc})
    names = [axis.name for axis in config.refine.axes]
    doc = "Label of each finest cell; -2 in the band."
    data["region"] = (tuple(f"cell_{name}" for name in names), found.regions.astype(np.int16), {"long_name": doc})
    specs = type(ensemble.constants).specs()
    for place, axis in enumerate(config.refine.axes):
        spec = specs.get(axis.name) if axis.path.startswith("params.") else None
        attrs = {"path": axis.path, "units": spec.unit if spec else "1", "scale": axis.scale}
        attrs |= {"long_name": spec.doc, "symbol": spec.symbol} if spec else {}
        n = axis.name
        data[f"point_{n}"] = ("point", found.points[:, place], attrs)
        data[f"segment_{n}"] = (("segment", "end"), found.segments[:, :, place], attrs)
        band = np.stack([found.band_lower[:, place], found.band_upper[:, place]], axis=1)
        data[f"band_{n}"] = (("band", "bound"), band, attrs)
        middles = np.arange(found.lattice.resolution) + 0.5
        data[f"cell_{n}"] = (f"cell_{n}", found.lattice.values(np.stack([middles] * 2, axis=-1))[:, place], attrs)
    dataset = xr.Dataset(data, coords={"bound": ["lower", "upper"], **_codes(counts)})
    dataset.attrs = attributes(config, [report]) | {"kind": KIND, "axes": names, "spent": json.dumps(_spent(found))}
    dataset.attrs |= {"quantity": config.refine.of, "level": found.level}
    return dataset


def _codes(counts: np.ndarray | None) -> dict[str, Any]:
    if counts is None:
        return {}
    return {"outcome": [item.name.lower() for item in Outcome], "failure": [item.name.lower() for item in Failure]}


def _spent(found: Boundary) -> dict[str, Any]:
    """Return what the boundary took, against a uniform grid."""
    return {
        "text": str(found),
        "points": len(found.number),
        "lattice_points": found.lattice.size,
        "batches": found.solves,
        "most_batches": found.most,
        "check_batches": found.check_batches,
        "check": found.check._asdict() if found.check else None,
    }
