"""The job that forecasts an orchestrator from a posterior, and says what to change."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from typing import Any, Literal

import jax
import numpy as np
import xarray as xr

from entropyjax.agents import micro_step
from entropyjax.calibrate import object_folder
from entropyjax.calibrate.measure import load_calibration
from entropyjax.ensemble import Endings
from entropyjax.inference.draws import DEFAULT, GIVEN, PRIOR, ParameterDraws
from entropyjax.inference.effect import SPREAD
from entropyjax.inference.posterior import Posterior
from entropyjax.io import provenance
from entropyjax.io.store import SCHEMA_VERSION, check_target, write_result
from entropyjax.jobs.advice_data import Moved, advice
from entropyjax.jobs.engine import Engine
from entropyjax.jobs.errors import JobError
from entropyjax.jobs.forecast_data import KIND, OBJECTIVES, QUANTILES, outlook, shares
from entropyjax.jobs.forecast_runs import Runs, run_changes, tasks_of
from entropyjax.jobs.forecast_summary import objective_of
from entropyjax.jobs.posterior_draws import draws_of
from entropyjax.models import MODELS, AbstractModel, Star
from entropyjax.params import OrchestratorParams
from entropyjax.phase.changes import TOPOLOGY, Change, changed, small_changes
from entropyjax.results import Failure, Outcome, describe
from entropyjax.solve.events import Criteria

Progress = Callable[[int, int, str], None]
"""Called as progress(runs done, runs in all, what is going on)."""


def forecast(
    source: Posterior | ParameterDraws | xr.Dataset | str | os.PathLike,
    condition: int | str = 0,
    *,
    horizon: int = 64,
    draws: int = 200,
    replicates: int = 64,
    changes: Sequence[Change] | None = None,
    seed: int = 0,
    criteria: Criteria = Criteria(),
    resolved: Literal["chance", "threshold"] = "chance",
    precision: str = "float32",
    out: str | os.PathLike | None = None,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Return what a posterior foretells of an orchestrator, and what would change if something were changed.

    Every draw of the posterior is a cell of an ensemble of agents at epsilon 1. A change is made to all draws and runs
    on the same random numbers, so that its effect is the difference of pairs.

    **Arguments:**

    - `source`: a posterior, a fit (dataset or its path), or a posterior file (TOML).
    - `condition`: number or name of the system, orchestrator and roster.
    - `horizon`: steps, one dispatch each; `draws`: of the posterior at most; `replicates`: runs of each draw at least.
    - `changes`: by default each lever down and up by a quarter, and the other topologies; none if empty.
    - `criteria`: what counts as collapsed and resolved.
    - `resolved`: by "chance" a task is resolved by t with the chance s(t), as fits to completions read progress; by
      "threshold" once s >= 1 - s_tol, as in sweeps.
    - `out`: path of the zarr store to write.

    **Raises:** `JobError` for a model whose runs cannot be forecast, and others with a sentence each.
    """
    if out is not None:
        check_target(out)
    drawn = draws_of(source, condition).thinned(draws)
    _check(drawn.model, horizon, replicates)
    engine = Engine("auto", 512 * 2**20, None, load_calibration(), object_folder())
    runs = Runs(horizon, replicates, seed, precision, criteria, engine, resolved == "chance")
    asked = small_changes() if changes is None else tuple(changes)
    columns = drawn.columns | {"step_size": np.ones(drawn.size)}
    moved, left_out = _moved(drawn.model, asked, columns)
    base, after = _run(drawn, columns, moved, runs, progress)
    times = np.arange(horizon + 1, dtype=float)
    data = outlook(base, times)
    if moved:
        data |= advice(shares(base), after, moved)
        data["rests_on"] = ("change", [_rests_on(drawn, entry[0]) for entry in moved])
    dataset = xr.Dataset(data, _coordinates(drawn, moved, times), _attributes(drawn, runs, left_out, asked))
    dataset.attrs["objective"] = objective_of(dataset)
    if out is not None:
        write_result(dataset, out)
    return dataset


def _check(model: AbstractModel, horizon: int, replicates: int) -> None:
    name = type(model).__name__
    if not _has_agents(model) or not isinstance(model.params(), OrchestratorParams):
        raise JobError(
            f"{name} has no agents, no progress and no context, so that neither collapse nor resolution can be "
            "forecast from it; fit an orchestrator, the star for example."
        )
    if horizon < 1 or replicates < 1:
        raise JobError(f"horizon = {horizon} and replicates = {replicates} must be at least 1.")


def _has_agents(model: AbstractModel) -> bool:
    return micro_step.dispatch(type(model)) is not micro_step.dispatch(object)


def _moved(model: AbstractModel, asked: Sequence[Change], columns: dict[str, Any]) -> tuple[list[Moved], list[str]]:
    """Return the changes that can be made, and sentences about the others."""
    moved, left_out = [], []
    for change in asked:
        try:
            if change.model:
                _check_topology(model, change)
                nothing = np.full(len(columns["n_agents"]), np.nan)
                moved.append((change, nothing, nothing))
            else:
                after = changed(change, columns, type(model.params()).specs())
                moved.append((change, columns[change.parameter], after))
        except ValueError as error:
            left_out.append(str(error))
    return moved, left_out


def _check_topology(model: AbstractModel, change: Change) -> None:
    other = MODELS.get(change.model)
    if type(model) is not Star:
        raise JobError(f"{change.name} is left out: other topologies are compared with the star, and this is a model "
                       f"of another.")  # fmt: skip
    if not _has_agents(other()):
        raise JobError(f"{change.name} is left out: {other.__name__} has no agents.")


def _run(
    drawn: ParameterDraws, columns: dict[str, Any], moved: Sequence[Moved], runs: Runs, progress: Progress | None
) -> tuple[Endings, np.ndarray]:
    """Return the endings of the system as it is, and the shares of outcomes after each change."""
    levers = [entry for entry in moved if not entry[0].model]
    others = [entry for entry in moved if entry[0].model]
    tell = (lambda done, total, what: None) if progress is None else progress
    cases = [columns, *({**columns, change.parameter: after} for change, _, after in levers)]
    found = run_changes(drawn.model, drawn, cases, runs, lambda done, total: tell(done, total, "runs"))
    share = shares(found)
    after = dict(zip((entry[0] for entry in levers), share[1:], strict=True))
    for change, _, _ in others:
        model = MODELS.get(change.model)()
        every = {name: np.full(drawn.size, spec.default) for name, spec in type(model.params()).specs().items()}
        words = f"runs of the {change.model}"
        ended = run_changes(model, drawn, [every | columns], runs, lambda done, total, w=words: tell(done, total, w))
        after[change] = shares(ended)[0]
    stacked = np.stack([after[entry[0]] for entry in moved]) if moved else np.zeros((0, *share.shape[1:]))
    return jax.tree.map(lambda leaf: leaf[0], found), stacked


def _rests_on(drawn: ParameterDraws, change: Change) -> str:
    """Return the parameters that the effect leans on and that the fit did not find, with what they rest on."""
    found = [(name, drawn.rests_on(name)) for name in change.leans_on]
    return "; ".join(f"{name} {_WORDS[status]}" for name, status in found if status in _WORDS)


_WORDS = {PRIOR: PRIOR, GIVEN: "is as given", DEFAULT: "is the default"}


def _coordinates(drawn: ParameterDraws, moved: Sequence[Moved], times: np.ndarray) -> dict[str, Any]:
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


def _attributes(drawn: ParameterDraws, runs: Runs, left_out: list[str], asked: Sequence[Change]) -> dict[str, Any]:
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
