"""The runs of a forecast: draws of the posterior as cells, with and without changes, on the same random numbers."""

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.stats import norm

from entropyjax.ensemble import CHANCE_ENDINGS, ENDINGS, Endings, Ensemble, run_endings
from entropyjax.inference.draws import ParameterDraws
from entropyjax.inference.effect import SPREAD
from entropyjax.jobs.build import random_key
from entropyjax.jobs.engine import Engine
from entropyjax.models import AbstractModel, context as ctx
from entropyjax.params import cast
from entropyjax.solve import METHODS, Criteria, Grid

HALVES = 2
"""Parts of the runs of each draw, whose differences tell how much of an effect is the runs' chance."""

TASKS = 5
"""Tasks of equal chances that stand for the random effect where there is one."""

_LEAST = 1e-3
"""Attention below which no evidence makes up for a shift."""

Columns = Mapping[str, Float[np.ndarray, " draws"]]


class Runs(NamedTuple):
    """How the runs of a forecast are made.

    **Attributes:** `horizon`: in steps, one dispatch each; `replicates`: runs of each draw, at least; `chance`: whether
    progress is the chance that the task is resolved.
    """

    horizon: int
    replicates: int
    seed: int
    precision: str
    criteria: Criteria
    engine: Engine
    chance: bool


def tasks_of(draws: ParameterDraws) -> Float[np.ndarray, " tasks"]:
    """Return the standard scores of the tasks: means of strata of equal chances, or one 0 without a random effect."""
    if not np.any(draws.effects.get(SPREAD.name, 0.0)):
        return np.zeros(1)
    density = norm.pdf(norm.ppf(np.linspace(0.0, 1.0, TASKS + 1)))
    return TASKS * (density[:-1] - density[1:])


def shifted(columns: Columns, shift: Any) -> dict[str, np.ndarray]:
    """Return the parameters of tasks whose gap is moved by `shift` in nat.

    The fit moves x by the same at every step. In runs the gap at the start and the evidence move, by so much that the
    gap which an empty context supports does; as the context loads, so does the shift lose.
    """
    params = SimpleNamespace(**{name: jnp.asarray(value) for name, value in columns.items()})
    attention = np.asarray(ctx.attention(params, ctx.load(params, params.initial_context)), float)
    # Delta_eff over Delta, which does not hang on Delta.
    gain = np.asarray(ctx.effective_evidence(_with_evidence(params, 1.0), 0.0), float)
    evidence = columns["evidence"] + shift / (gain * np.maximum(attention, _LEAST))
    return {**columns, "evidence": np.maximum(evidence, 0.0), "initial_focus": columns["initial_focus"] + shift}


def _with_evidence(params: SimpleNamespace, value: float) -> SimpleNamespace:
    return SimpleNamespace(**{**vars(params), "evidence": jnp.full_like(params.evidence, value)})


def run_changes(
    model: AbstractModel,
    draws: ParameterDraws,
    cases: Sequence[Columns],
    runs: Runs,
    progress: Callable[[int, int], None],
) -> Endings:
    """Return how runs of every case end, with leading axes (cases, draws, halves, tasks).

    **Arguments:** `cases`: the parameters of each, by name and draw. Runs of the same place in two cases have the same
    random numbers.
    """
    scores = tasks_of(draws)
    spread = np.asarray(draws.effects.get(SPREAD.name, np.zeros(draws.size)), float)
    shape = (len(cases), draws.size, HALVES, len(scores))
    stacked = {name: np.stack([case[name] for case in cases])[:, :, None, None] for name in cases[0]}
    if np.any(spread):
        stacked = shifted(stacked, spread[:, None, None] * scores)
    with jax.enable_x64(runs.precision == "float64"):
        ensemble = _ensemble(model, {name: np.broadcast_to(v, shape) for name, v in stacked.items()}, runs)
        total = ensemble.n_cells * ensemble.replicates
        plan = runs.engine.plan(ensemble, CHANCE_ENDINGS if runs.chance else ENDINGS)
        found = run_endings(ensemble, plan, lambda done: progress(min(done, total), total))
    return jax.tree.map(lambda leaf: leaf.reshape(*shape, *leaf.shape[1:]), found)


def _ensemble(model: AbstractModel, values: Mapping[str, np.ndarray], runs: Runs) -> Ensemble:
    """Return the ensemble with a cell for each entry of the values, which is a row of the first axis numbers alike."""
    dtype = np.dtype(runs.precision)
    shape = next(iter(values.values())).shape
    numbers = np.broadcast_to(np.arange(np.prod(shape[1:], dtype=int)).reshape(shape[1:]), shape)
    varying = {name: value.ravel() for name, value in values.items() if np.ptp(value) > 0.0}
    params = type(model.params())(**{name: float(value.flat[0]) for name, value in values.items()})
    extent = {name: getattr(params, name) for name in type(params).specs()} | varying
    each = max(1, -(-runs.replicates // (HALVES * shape[-1])))
    return Ensemble(
        model=model.sized(extent),
        method=METHODS.get("agents")(),
        grid=cast(Grid(float(runs.horizon), runs.horizon, 1), dtype),
        constants=cast(params, dtype),
        cells=varying or {"evidence": values["evidence"].ravel()},
        criteria=cast(runs.criteria, dtype),
        cell_criteria={},
        population={},
        replicates=each,
        key=random_key(runs.seed),
        dtype=dtype,
        observables=("entropy",),
        cell_numbers=numbers.ravel(),
    )
