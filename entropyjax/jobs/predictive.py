"""The job that checks a posterior by the logs that it foretells: as many runs, of the same tasks and lengths."""

import dataclasses
import hashlib
import json
import os
from typing import Any

import jax
import numpy as np
import xarray as xr

from entropyjax.inference.course import has_agents
from entropyjax.inference.draws import DEFAULT, ParameterDraws
from entropyjax.inference.effect import SPREAD
from entropyjax.inference.groups import first_free_step, groups, histories
from entropyjax.inference.posterior import Posterior
from entropyjax.inference.terms.tokens import SCALE
from entropyjax.inference.units import units
from entropyjax.io import provenance
from entropyjax.io.store import SCHEMA_VERSION
from entropyjax.jobs.errors import JobError
from entropyjax.jobs.forecast_runs import shifted
from entropyjax.jobs.posterior_draws import draws_of
from entropyjax.jobs.predictive_series import KIND, SERIES, predictive_data, series_of
from entropyjax.models import MODELS
from entropyjax.models.gap import AbstractGapOrchestrator
from entropyjax.records import TraceSet
from entropyjax.solve import Criteria
from entropyjax.traces import simulated_traces

_ENDLESS = Criteria(progress_tolerance=-1.0)
"""Criteria by which no run is resolved: their lengths are those of the logs."""


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
    seen = _of_condition(traces, drawn.condition)
    free = first_free_step(groups(seen, histories(seen))) if first is None else first
    with jax.enable_x64(True):
        made = _simulated(drawn, seen, free, seed)
    tasks = len(np.unique(seen.task))
    rates = drawn.columns["resolution_rate"]
    chance = np.random.default_rng(seed).random(len(made.agent)) < rates[made.task[made.run] // tasks]
    done = chance & (made.error == 0)
    scale = drawn.effects.get(SCALE.name, np.ones(drawn.size))[made.task[made.run] // tasks]
    foretold = series_of(dataclasses.replace(made, tokens=made.tokens / scale), made.task // tasks, done, free)
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
    found = units(traces)
    if condition not in found.conditions.names:
        names = "; ".join(found.conditions.names)
        raise JobError(
            f"These runs have no condition '{condition}'; they have {names}. Give the runs that were fitted."
        )
    place = found.conditions.names.index(condition)
    return traces.select(found.condition[found.of_run] == place)


def _simulated(drawn: ParameterDraws, seen: TraceSet, free: int, seed: int) -> TraceSet:
    """Return the logs of all draws as one set: task k of draw d has the code d K + k."""
    code, repeats = np.unique(seen.task, return_counts=True)
    tasks, most = len(code), int(repeats.max())
    noise = np.random.default_rng(seed).standard_normal((drawn.size, tasks))
    spread = np.asarray(drawn.effects.get(SPREAD.name, np.zeros(drawn.size)), float)
    columns = {name: np.repeat(column[:, None], tasks, axis=1) for name, column in drawn.columns.items()}
    columns |= {"roster_similarity": _whole(columns), "step_size": np.ones((drawn.size, tasks))}
    if np.any(spread):
        columns = shifted(columns, spread[:, None] * noise)
    made = simulated_traces(
        drawn.model,  # pyright: ignore[reportArgumentType]
        type(drawn.params)(**{name: column.ravel() for name, column in columns.items()}),
        runs=most,
        tasks=tasks * drawn.size,
        steps=int(seen.lengths.max()),
        key=jax.random.key(seed),
        criteria=_ENDLESS,
    )
    return _as_seen(made, seen, free, most, drawn.size)


def _whole(columns: dict[str, np.ndarray]) -> np.ndarray:
    """Return the roster similarity with the nearest whole number of rivals, one at least."""
    others = columns["n_agents"] - 1.0
    return np.maximum(np.round(columns["roster_similarity"] * others), 1.0) / others


def _as_seen(made: TraceSet, seen: TraceSet, free: int, most: int, draws: int) -> TraceSet:
    """Return simulated runs as many and as long as the seen ones, which dispatch alike before the first free step."""
    order = np.argsort(seen.task, kind="stable")
    code, rank = np.unique(seen.task[order], return_inverse=True)
    place = np.arange(len(order)) - np.searchsorted(rank, rank)
    rows = rank * most + place
    every = (rows[None, :] + (np.arange(draws) * len(code) * most)[:, None]).ravel()
    chosen = made.select(every)
    lengths = np.tile(seen.lengths[order], draws)
    kept = chosen.place < lengths[chosen.run]
    columns = {name: getattr(chosen, name)[kept] for name in ("step", "turn", "agent", "error", "context", "tokens")}
    forced = chosen.place[kept] < free
    return dataclasses.replace(
        chosen,
        **columns | {"agent": np.where(forced, 0, columns["agent"])},
        reasoning=chosen.reasoning[kept],
        offsets=np.concatenate([[0], np.cumsum(np.minimum(lengths, chosen.lengths))]),
    )


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
