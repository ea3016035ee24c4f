"""The job that estimates the entropies of recorded runs."""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jax
import numpy as np
import xarray as xr

from entropyjax.inference import SERIES, TraceEntropy, trace_entropy
from entropyjax.io import provenance
from entropyjax.io.store import SCHEMA_VERSION
from entropyjax.jobs.errors import JobError
from entropyjax.records import TraceSet
from entropyjax.traces import Problems, read_traces

KIND = "entropy"
"""Value of the attribute `kind` of a dataset that holds entropies of traces."""

BY = ("system", "orchestrator")
"""What runs can be told apart by."""

ALL = "all"

Progress = Callable[[int, int, str], None]
"""Called as progress(done, total, what)."""


def entropy_of_traces(
    paths: str | os.PathLike | Iterable[str | os.PathLike],
    format: str | None = None,
    *,
    by: str | None = None,
    replicates: int = 10_000,
    seed: int = 0,
    problems: Problems | None = None,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Return the entropies of recorded runs over their steps, with intervals by a bootstrap over tasks.

    **Arguments:**

    - `paths`, `format`, `problems`: as in `read_traces`.
    - `by`: "system" or "orchestrator" for one group of runs each; by default all runs are one.
    - `replicates`: of the bootstrap; 0 for none.
    - `progress`: callback for reading and for the bootstrap.

    **Returns:** a dataset over groups and steps: each of `entropyjax.inference.SERIES` with `_error` and `_interval`,
    and `count_<name>`.

    **Raises:** `TraceError`, `InferenceError` or `JobError` with a sentence each.
    """
    if by is not None and by not in BY:
        raise JobError(f"Runs cannot be told apart by '{by}'; take one of {', '.join(BY)}.")
    traces = read_traces(paths, format, problems=problems, progress=progress)
    return entropy_of_runs(traces, by=by, replicates=replicates, seed=seed, progress=progress)


def entropy_of_runs(
    traces: TraceSet,
    *,
    by: str | None = None,
    replicates: int = 10_000,
    seed: int = 0,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Return the entropies of runs that are read already, as `entropy_of_traces` does of files."""
    found = {}
    for number, (name, runs) in enumerate(_groups(traces, by)):
        key = jax.random.fold_in(jax.random.key(seed), number) if replicates else None
        found[name] = trace_entropy(runs, key, replicates=replicates, progress=_named(progress, name))
    return entropy_dataset(found, _attributes(traces, by, replicates, seed))


def _named(progress: Progress | None, name: str) -> Progress | None:
    if progress is None or name == ALL:
        return progress
    return lambda done, total, what: progress(done, total, f"{what} of {name}")


def _groups(traces: TraceSet, by: str | None) -> Iterator[tuple[str, TraceSet]]:
    if by is None:
        yield ALL, traces
        return
    column = getattr(traces, by)
    for code, name in enumerate(getattr(traces, f"{by}s")):
        runs = traces.select(column == code)
        if np.any(runs.agent >= 0):
            yield name, runs


def entropy_dataset(found: dict[str, TraceEntropy], attrs: dict[str, Any]) -> xr.Dataset:
    """Return the entropies of groups of runs as one dataset, NaN behind the last step of a group."""
    if not found:
        raise JobError("No group of these runs has a dispatch; read others.")
    entries, data = list(found.values()), {}
    steps = max(len(one.counts["runs"]) for one in entries)
    for name, series in SERIES.items():
        meaning = {"units": series.unit, "long_name": series.doc, "count": f"count_{series.rests_on}"}
        error = {"units": series.unit, "long_name": f"Standard error of {name} by a bootstrap over tasks."}
        data[name] = (("group", "step"), _stack([one.estimates[name] for one in entries], steps), meaning)
        data[f"{name}_error"] = (("group", "step"), _stack([one.errors[name] for one in entries], steps), error)
        error = error | {"long_name": f"95% interval of {name} by a bootstrap over tasks."}
        ends = _stack([one.intervals[name] for one in entries], steps)
        data[f"{name}_interval"] = (("group", "step", "bound"), ends, error)
    for name in entries[0].counts:
        values = np.nan_to_num(_stack([one.counts[name] for one in entries], steps)).astype(np.int64)
        data[f"count_{name}"] = (("group", "step"), values, {"units": "1", "long_name": name.replace("_", " ")})
    data["free_step"] = ("group", [one.free for one in entries], {"units": "step", "long_name": "First free step."})
    data["repeats"] = ("group", [one.repeats for one in entries], {"long_name": "Whether any task has repeats."})
    data["steps"] = ("group", [len(one.counts["runs"]) for one in entries], {"units": "step"})
    coords = {
        "group": ("group", list(found), {"long_name": f"Runs by {attrs['by']}."}),
        "step": ("step", np.arange(steps), {"units": "step", "symbol": "t", "long_name": "Decision."}),
        "bound": ["lower", "upper"],
    }
    return xr.Dataset(data, coords, attrs)


def _stack(rows: list[np.ndarray], steps: int) -> np.ndarray:
    """Return rows of different lengths as one array, filled with NaN."""
    return np.stack([_filled(np.asarray(row, float), steps) for row in rows])


def _filled(row: np.ndarray, steps: int) -> np.ndarray:
    width = ((0, steps - len(row)), *((0, 0) for _ in row.shape[1:]))
    return np.pad(row, width, constant_values=np.nan)


def _attributes(traces: TraceSet, by: str | None, replicates: int, seed: int) -> dict[str, Any]:
    names = (traces.agents, traces.tasks, traces.systems, traces.orchestrators, traces.run_id.tolist())
    asked = {"by": by or ALL, "replicates": replicates, "seed": seed}
    digest = hashlib.sha256(json.dumps([names, asked]).encode())
    for column in (traces.task, traces.system, traces.orchestrator, traces.offsets, traces.turn, traces.agent):
        digest.update(np.ascontiguousarray(column).tobytes())
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": KIND,
        "run_id": digest.hexdigest()[:12],
        **asked,
        "traces": str(traces),
        "versions": json.dumps(provenance.versions()),
        "device": json.dumps(provenance.devices()),
        "git_commit": provenance.git_commit(),
    }


def entropies(dataset: xr.Dataset) -> dict[str, TraceEntropy]:
    """Return the entropies that a dataset holds, by group."""
    out = {}
    for name in dataset.group.values:
        one = dataset.sel(group=name)
        one = one.isel(step=slice(0, int(one.steps)))
        counts = [str(v) for v in one.data_vars if str(v).startswith("count_")]
        out[str(name)] = TraceEntropy(
            estimates={series: one[series].values for series in SERIES},
            errors={series: one[f"{series}_error"].values for series in SERIES},
            intervals={series: one[f"{series}_interval"].values for series in SERIES},
            counts={name.removeprefix("count_"): one[name].values.astype(float) for name in counts},
            free=int(one.free_step),
            repeats=bool(one.repeats),
            replicates=int(dataset.attrs["replicates"]),
        )
    return out


def summarise_entropy(dataset: xr.Dataset) -> str:
    """Return what the runs say of their entropy, group by group."""
    lines = [dataset.attrs["traces"]]
    for name, found in entropies(dataset).items():
        lines += [f"{name}:"] * (name != ALL) + [str(found)]
    return "\n".join(lines)


def entropy_record(dataset: xr.Dataset) -> dict[str, Any]:
    """Return what a program may want to know of the entropies, as JSON values; `null` where nothing is known."""
    return {
        "by": dataset.attrs["by"],
        "replicates": int(dataset.attrs["replicates"]),
        "groups": {name: _record(found) for name, found in entropies(dataset).items()},
    }


def _record(found: TraceEntropy) -> dict[str, Any]:
    series = {
        name: {
            "estimate": _values(found.estimates[name]),
            "error": _values(found.errors[name]),
            "interval": [_values(ends) for ends in found.intervals[name]],
        }
        for name in SERIES
        if np.isfinite(found.estimates[name]).any()
    }
    counts = {name: values.astype(int).tolist() for name, values in found.counts.items()}
    return {"free_step": found.free, "repeats": found.repeats, "counts": counts, "series": series}


def _values(row: np.ndarray) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in row]
