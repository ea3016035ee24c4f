"""The job that checks a posterior by the logs that it foretells: as many runs, of the same tasks and lengths."""

import hashlib
import json
import os
from typing import Any

import jax
import numpy as np
import xarray as xr

from entropyjax.inference.course import has_agents
from entropyjax.inference.draws import DEFAULT, ParameterDraws
from entropyjax.inference.groups import first_free_step, groups, histories
from entropyjax.inference.posterior import Posterior
from entropyjax.inference.units import units
from entropyjax.io import provenance
from entropyjax.io.store import SCHEMA_VERSION
from entropyjax.jobs.errors import JobError
from entropyjax.jobs.forecast_runs import runnable
from entropyjax.jobs.posterior_draws import draws_of
from entropyjax.jobs.predictive_logs import foretold_logs
from entropyjax.jobs.predictive_series import KIND, SERIES, predictive_data, series_of
from entropyjax.models import MODELS
from entropyjax.models.gap import AbstractGapOrchestrator
from entropyjax.records import TraceSet


def predictive_check(
    source: Posterior | ParameterDraws | xr.Dataset | str | os.PathLike,
    traces: TraceSet,
    condition: int | str = 0,
    *,
    draws: int = 200,
    seed: int = 0,
    first: int | None = None,
) -> xr.Dataset:
    """Return where what was observed lies among what the posterior foretells, with posterior predictive p-values.

    From each draw agents make logs of as many runs of as many tasks, each as long as in the logs, with a task effect of
    their own where one was fitted. Of both the same is computed, step by step: the share of pairs with a common history
    that agree, the tokens that a step adds, the share of errors, the share of runs that have succeeded.

    **Arguments:** `source`, `condition`: as in `forecast`; `draws`: logs that are simulated at most; `first`: first
    step at which runs can differ, by default told from the logs; all before it dispatch alike.

    **Raises:** `JobError` for a model without logs, or runs without the condition, and others with a sentence each.
    """
    drawn = draws_of(source, condition).thinned(draws)
    if not isinstance(drawn.model, AbstractGapOrchestrator) or not has_agents(drawn.model):
        name = type(drawn.model).__name__
        raise JobError(f"{name} has no agents that choose by one gap, so it makes no logs to compare; fit the star.")
    drawn = runnable(drawn)[0]
    seen = _of_condition(traces, drawn.condition)
    free = first_free_step(groups(seen, histories(seen))) if first is None else first
    with jax.enable_x64(True):
        made, done = foretold_logs(drawn, seen, free, seed)
    foretold = series_of(made, made.task // len(np.unique(seen.task)), done, free)
    last = (seen.place == seen.lengths[seen.run] - 1) & (seen.success[seen.run] == 1)
    observed = series_of(seen, np.zeros(len(seen), int), last, free)
    names = [name for name in SERIES if _comparable(name, drawn, seen)]
    data = predictive_data(observed, foretold, names)
    coords = {
        "series": names,
        "step": ("step", np.arange(observed["agreement"].shape[1]), {"units": "step", "long_name": "Decision."}),
        "bound": ["lower", "upper"],
    }
    return xr.Dataset(data, coords, _attributes(drawn, seen, free, seed, names))


def _of_condition(traces: TraceSet, condition: str) -> TraceSet:
    """Return the runs of a condition, those of a task together."""
    found = units(traces)
    if condition not in found.conditions.names:
        names = "; ".join(found.conditions.names)
        raise JobError(
            f"These runs have no condition '{condition}'; they have {names}. Give the runs that were fitted."
        )
    rows = np.flatnonzero(found.condition[found.of_run] == found.conditions.names.index(condition))
    return traces.select(rows[np.argsort(traces.task[rows], kind="stable")])


def _comparable(name: str, drawn: ParameterDraws, seen: TraceSet) -> bool:
    """Return whether the logs say something of a series, and the posterior too."""
    if not SERIES[name].known(seen):
        return False
    return name != "success" or drawn.rests_on("resolution_rate") != DEFAULT


def _attributes(drawn: ParameterDraws, seen: TraceSet, free: int, seed: int, names: list[str]) -> dict[str, Any]:
    told = {"condition": drawn.condition, "seed": seed, "free": free, "draws": drawn.size}
    digest = hashlib.sha256(json.dumps([told, seen.run_id.tolist()]).encode())
    for column in drawn.columns.values():
        digest.update(np.ascontiguousarray(column).tobytes())
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": KIND,
        "run_id": digest.hexdigest()[:12],
        **told,
        "model": MODELS.name_of(drawn.model),
        "method": drawn.method,
        "runs": len(seen),
        "fitted": json.dumps([name for name in names if SERIES[name].term in drawn.observed]),
        "traces": str(seen),
        "versions": json.dumps(provenance.versions()),
        "device": json.dumps(provenance.devices()),
        "git_commit": provenance.git_commit(),
    }
