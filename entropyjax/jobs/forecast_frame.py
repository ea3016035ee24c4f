"""What stands around the variables of a forecast: coordinates, and where it comes from."""

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from entropyjax.inference.draws import DEFAULT, GIVEN, PRIOR, ParameterDraws
from entropyjax.inference.effect import SPREAD
from entropyjax.io import provenance
from entropyjax.io.store import SCHEMA_VERSION
from entropyjax.jobs.advice_data import Moved
from entropyjax.jobs.forecast_data import KIND, OBJECTIVES, QUANTILES
from entropyjax.jobs.forecast_runs import Runs, tasks_of
from entropyjax.models import MODELS
from entropyjax.phase.changes import TOPOLOGY, Change
from entropyjax.results import Failure, Outcome, describe


def rests_on(drawn: ParameterDraws, change: Change) -> str:
    """Return the parameters that the effect leans on and that the fit did not find, with what they rest on."""
    found = [(name, drawn.rests_on(name)) for name in change.leans_on]
    return "; ".join(f"{name} {_WORDS[status]}" for name, status in found if status in _WORDS)


_WORDS = {PRIOR: PRIOR, GIVEN: "is as given", DEFAULT: "is the default"}


def coordinates(drawn: ParameterDraws, moved: Sequence[Moved], times: np.ndarray) -> dict[str, Any]:
    """Return the coordinates of a forecast."""
    specs = type(drawn.params).specs()
    coords: dict[str, Any] = {
        "time": ("time", times, {"units": "step", "long_name": "Steps."}),
        "outcome": ("outcome", [code.name.lower() for code in Outcome], {"meaning": [describe(c) for c in Outcome]}),
        "failure": ("failure", [code.name.lower() for code in Failure]),
        "quantile": ("quantile", list(QUANTILES)),
        "bound": ["lower", "upper"],
    }
    if moved:
        names = [entry[0].parameter for entry in moved]
        units = ["" if name == TOPOLOGY else specs[name].unit for name in names]
        coords |= {
            "objective": list(OBJECTIVES),
            "change": [entry[0].name for entry in moved],
            "parameter": ("change", names),
            "unit": ("change", units),
            "rank": np.arange(1, len(moved) + 1),
        }
    return coords


def attributes(drawn: ParameterDraws, runs: Runs, left_out: list[str], asked: Sequence[Change]) -> dict[str, Any]:
    """Return what a forecast says of where it comes from, and what its parameters rest on."""
    told = {
        "condition": drawn.condition,
        "horizon": runs.horizon,
        "seed": runs.seed,
        "precision": runs.precision,
        "resolved": "chance" if runs.chance else "threshold",
        "criteria": json.dumps({name: float(value) for name, value in vars(runs.criteria).items()}),
    }
    digest = hashlib.sha256(json.dumps([told, [change.name for change in asked], runs.replicates]).encode())
    for column in drawn.columns.values():
        digest.update(np.ascontiguousarray(column).tobytes())
    rests = {name: drawn.rests_on(name) for name in type(drawn.params).specs()}
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": KIND,
        "run_id": digest.hexdigest()[:12],
        **told,
        "model": MODELS.name_of(drawn.model),
        "method": drawn.method,
        "draws": drawn.size,
        "steps_seen": drawn.steps,
        "tasks": len(tasks_of(drawn)),
        "task_spread": float(np.median(drawn.effects.get(SPREAD.name, np.zeros(1)))),
        "unlearnt": json.dumps([name for name, status in rests.items() if status == PRIOR]),
        "rests_on": json.dumps(rests),
        "left_out": json.dumps(left_out),
        "options": json.dumps(dataclasses.asdict(drawn.model)),
        "versions": json.dumps(provenance.versions()),
        "device": json.dumps(provenance.devices()),
        "git_commit": provenance.git_commit(),
    }
