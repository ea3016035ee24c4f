"""The job that forecasts an orchestrator from a posterior, and says what to change."""

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
from entropyjax.inference.draws import ParameterDraws
from entropyjax.inference.posterior import Posterior
from entropyjax.io.store import check_target, write_result
from entropyjax.jobs.advice_data import Moved, advice
from entropyjax.jobs.engine import Engine
from entropyjax.jobs.errors import JobError
from entropyjax.jobs.forecast_data import hanging, outlook, shares
from entropyjax.jobs.forecast_frame import attributes, coordinates, rests_on
from entropyjax.jobs.forecast_runs import Runs, run_changes
from entropyjax.jobs.posterior_draws import draws_of
from entropyjax.jobs.verdict import objective_of
from entropyjax.models import MODELS, AbstractModel, Star
from entropyjax.params import OrchestratorParams
from entropyjax.phase.changes import Change, changed, small_changes
from entropyjax.results import Outcome
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
    data |= hanging(data["outcome_by_draw"][1][Outcome.COLLAPSED], drawn)
    if moved:
        data |= advice(shares(base), after, moved)
        data["rests_on"] = ("change", [rests_on(drawn, entry[0]) for entry in moved])
    dataset = xr.Dataset(data, coordinates(drawn, moved, times), attributes(drawn, runs, left_out, asked))
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
