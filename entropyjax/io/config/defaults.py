"""Defaults that depend on other keys, and what a change of the dynamics resets."""

import math
from collections.abc import Collection, Mapping
from typing import Any

from entropyjax.io.config.axes import Case
from entropyjax.io.config.tables import ModelConfig, RunConfig
from entropyjax.io.config.values import plain, put, split
from entropyjax.models import MODELS
from entropyjax.params import nearest
from entropyjax.solve import DEFAULT_METHOD

_RUN = {name: field.default for name, field in RunConfig.model_fields.items()}
_LONGEST = 1e9
_MOST_INTERVALS = 1024
_MODEL = ModelConfig.model_fields["name"].default


def fill(data: dict[str, Any]) -> dict[str, Any]:
    """Return `data` with the keys whose default depends on others; an axis gives its first value."""
    model = data.get("model", {})
    if isinstance(model, dict) and "name" not in model:
        data = {**data, "model": {"name": _first(data, "model.name", list(MODELS), _MODEL), **model}}
    run = data.get("run", {})
    if not isinstance(run, dict):
        return data
    dynamics = run.get("dynamics", _first(data, "run.dynamics", DEFAULT_METHOD, _dynamics(data)))
    known = dynamics if isinstance(dynamics, str) and dynamics in DEFAULT_METHOD else _RUN["dynamics"]
    wanted = {
        "dynamics": dynamics,
        "method": DEFAULT_METHOD[known],
        "step": None if known == "agents" else _RUN["step"],
        "replicates": 1 if _lone(known, data) else _RUN["replicates"],
    }
    horizon = run.get("horizon", _RUN["horizon"])
    if isinstance(horizon, (int, float)) and not isinstance(horizon, bool) and 0.0 < horizon < _LONGEST:
        steps = max(1, round(horizon))
        wanted["save_intervals"] = math.ceil(steps / math.ceil(steps / _MOST_INTERVALS))
    # A null, which only a mapping can hold, is the same as an absent key.
    given = {key: value for key, value in run.items() if value is not None}
    return {**data, "run": {**wanted, **given}}


def change(data: dict[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return `data` with the values at dotted paths set, and without axes over those paths.

    New dynamics reset what belongs to the old ones and is not among `values`: the method, the step to or
    from agents, and the replicates to or from an ODE without a population.
    """
    if "run.dynamics" in values:
        data = without_stale(data, values["run.dynamics"])
    axes = data.get("axes")
    axes = axes if isinstance(axes, tuple) else ()
    varied = {path_of(axis): axis for axis in axes if isinstance(axis, dict)}
    for path, value in values.items():
        cases = varied.get(path, {}).get("cases")
        data = put(data, split(path), plain(value)) if cases is None else _case(path, cases, value).onto(data)
    if axes:
        kept = (axis for axis in axes if not (isinstance(axis, dict) and path_of(axis) in values))
        data = {**data, "axes": tuple(kept)}
    return data


def _case(path: str, cases: Mapping[str, Any], name: Any) -> Case:
    """Return one of the cases of an axis.

    **Raises:** `LookupError` if there is none of this name.
    """
    if name not in cases:
        raise LookupError(f"{name!r} is not a case of '{path}'; {nearest(str(name), cases)}")
    return Case.model_validate(cases[name])


def without_stale(data: dict[str, Any], dynamics: Any) -> dict[str, Any]:
    """Return `data` without the keys of [run] that belong to other dynamics than the new ones."""
    run = data.get("run")
    if not isinstance(run, dict):
        return data
    old = run.get("dynamics", _dynamics(data))
    if dynamics == old:
        return data
    stale = {"method"}
    stale |= {"step"} if "agents" in (old, dynamics) else set()
    stale |= {"replicates"} if _lone(old, data) or _lone(dynamics, data) else set()
    return {**data, "run": {key: value for key, value in run.items() if key not in stale}}


def _dynamics(data: dict[str, Any]) -> str:
    """Return the dynamics of a model unless told otherwise: the SDE where it has noise."""
    model = data.get("model", {})
    name = model.get("name", _MODEL) if isinstance(model, dict) else _MODEL
    quiet = isinstance(name, str) and name in MODELS and not MODELS.get(name).has_noise()
    return "ode" if quiet else _RUN["dynamics"]


def _lone(dynamics: Any, data: dict[str, Any]) -> bool:
    """Whether all replicates of a cell would be the same trajectory."""
    return dynamics == "ode" and not data.get("population")


def _first(data: dict[str, Any], path: str, known: Collection[str], default: str) -> str:
    """Return the first value of the axis over `path`, if there is one and it is known."""
    axes = data.get("axes")
    for axis in axes if isinstance(axes, tuple) else ():
        if isinstance(axis, dict) and path_of(axis) == path:
            values = axis.get("values")
            first = values[0] if isinstance(values, tuple) and values else default
            return first if isinstance(first, str) and first in known else default
    return default


def path_of(axis: dict[str, Any]) -> str | None:
    """Return the path of an axis as it is written, if it has one."""
    path = axis.get("path")
    return path if isinstance(path, str) else None
