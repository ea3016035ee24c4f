"""The job that fits a model to recorded runs."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import jax
import numpy as np
import xarray as xr

from entropyjax.inference.bookkeeping import bookkeeping
from entropyjax.inference.course import has_agents
from entropyjax.inference.drive import Drives, drives
from entropyjax.inference.errors import InferenceError
from entropyjax.inference.fit import fit
from entropyjax.inference.held_out import HeldOut, folds_of_tasks, held_out_steps, held_out_tasks, until
from entropyjax.inference.observe import default_free, observe
from entropyjax.inference.parameters import Free
from entropyjax.inference.posteriors import Method, posterior_of
from entropyjax.inference.problem import Problem, make_problem, parameters
from entropyjax.inference.terms import AbstractTerm, Dispatches, Tokens
from entropyjax.inference.units import Units, units
from entropyjax.jobs.fit_data import fit_dataset
from entropyjax.models import MODELS, AbstractModel
from entropyjax.records import TraceSet

MOST_STEPS = 20_000
"""Steps up to which each run has a course of its own."""

Progress = Callable[[int, int, str], None]
"""Called as progress(done, total, what)."""


@dataclasses.dataclass(frozen=True)
class FitSpec:
    """What is fitted, to what, and how.

    **Attributes:**

    - `model`: name of a model.
    - `free`: free parameters; those that are free by default if there are none.
    - `fixed`, `ties`: as in `make_problem`; what is neither free nor fixed nor tied is taken from the logs where they
      say it directly (tokens), and else has its default.
    - `observe`: names of observations, by default the best of the choice.
    - `context`: whether the load is that of the measured context; `auto` where all of it is known.
    - `courses`: whether each of the `runs` has a course that its own log drives (context, tokens and wrong dispatches
      as far as they are known and observed), or those of a task share one of their `means`; `auto` is the former where
      dispatches are observed, of up to `MOST_STEPS` steps, or no task has two runs. A course at the mean takes the
      noise of a run for a trait of the orchestrator.
    - `scheme`: "agents" or "ode"; `auto` is the agents' where the model has them.
    - `first`: first step at which runs can differ.
    - `starts`; `folds`: of held-out tasks, 0 for none; `cut`: first of the held-out steps; `draws`; `seed`.
    - `posterior`: how it is drawn; `auto` is sequential Monte Carlo, or the Godambe sandwich for composite likelihoods.
    """

    model: str = "star"
    free: tuple[Free, ...] = ()
    fixed: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    ties: Mapping[str, tuple[str, float]] = dataclasses.field(default_factory=dict)
    observe: tuple[str, ...] = ()
    context: Literal["auto", "measured", "modelled"] = "auto"
    courses: Literal["auto", "runs", "means"] = "auto"
    scheme: Literal["auto", "agents", "ode"] = "auto"
    first: int | None = None
    starts: int = 32
    folds: int = 5
    cut: int | None = None
    draws: int = 1000
    seed: int = 0
    posterior: Method = "auto"


def problem_of(traces: TraceSet, spec: FitSpec) -> Problem:
    """Return the problem that a specification sets for a set of runs.

    **Raises:** `InferenceError` or `UnknownNameError` with a sentence.
    """
    model = MODELS.get(spec.model)()
    found = units(traces, _apart(traces, spec))
    terms = observe(traces, found, spec.observe, spec.first)
    taken = [*spec.fixed, *spec.ties]
    free = spec.free or default_free(model, terms, taken)
    named = {one.name for one in free} | set(taken)
    own = parameters(model, terms)
    known = {
        name: value for name, value in bookkeeping(traces, found).known().items() if name in own and name not in named
    }
    scheme = ("agents" if has_agents(model) else "ode") if spec.scheme == "auto" else spec.scheme
    driven = _drives(traces, found, model, terms, spec.context)
    return make_problem(
        model, found, terms, free, fixed={**known, **spec.fixed}, ties=spec.ties, scheme=scheme, drives=driven
    )


def _apart(traces: TraceSet, spec: FitSpec) -> bool:
    if spec.courses != "auto":
        return spec.courses == "runs"
    # Rows of single runs are as many as steps, which costs; where no dispatch is observed they gain little by it.
    few = Dispatches.name in spec.observe and len(traces.agent) <= MOST_STEPS
    return few or len(units(traces)) == len(traces)


def _drives(traces: TraceSet, found: Units, model: AbstractModel, terms: Sequence[AbstractTerm], asked: str) -> Drives:
    """Return what is known of the courses: the context, or else the tokens if they are observed; and the dispatches."""
    seen = {term.name for term in terms}
    tokens, wrong = Tokens.name in seen, Dispatches.name in seen
    if asked == "measured" or (asked == "auto" and "load" in model.observables):
        try:
            return drives(traces, found, context=True, tokens=False, wrong=wrong)
        except InferenceError:
            if asked == "measured":
                raise
    return drives(traces, found, context=False, tokens=tokens, wrong=wrong)


def fit_traces(traces: TraceSet, spec: FitSpec = FitSpec(), progress: Progress | None = None) -> xr.Dataset:
    """Fit a model to runs, hold tasks and steps out, and return all of it as a dataset.

    **Raises:** `InferenceError` or `UnknownNameError` with a sentence.
    """
    with jax.enable_x64(True):
        return _fitted(traces, spec, progress or (lambda done, total, what: None))


def _fitted(traces: TraceSet, spec: FitSpec, tell: Progress) -> xr.Dataset:
    problem = problem_of(traces, spec)
    if spec.folds:
        folds_of_tasks(problem.units.task, spec.folds)
    if spec.cut is not None:
        until(problem, spec.cut)
    parts = 2 + spec.folds + (spec.cut is not None)
    tell(0, parts, "starts")
    found = fit(problem, starts=spec.starts, seed=spec.seed)
    held = _held_out(problem, spec, lambda done, total, what: tell(1 + done, parts, what))
    tell(parts - 1, parts, "posterior")
    dataset = fit_dataset(traces, found, posterior_of(found, spec.posterior, spec.draws, spec.seed), held, _asked(spec))
    tell(parts, parts, "posterior")
    return dataset


def _held_out(problem: Problem, spec: FitSpec, tell: Progress) -> tuple[HeldOut, HeldOut]:
    """Return the scores of held-out tasks and steps, nothing where none are asked for."""
    tasks = steps = HeldOut(np.full(problem.entries, np.nan), np.zeros(problem.entries))
    if spec.folds:
        tasks = held_out_tasks(problem, folds=spec.folds, starts=spec.starts, seed=spec.seed, progress=tell)
    if spec.cut is not None:
        tell(spec.folds, spec.folds, "held-out steps")
        steps = held_out_steps(problem, spec.cut, starts=spec.starts, seed=spec.seed)[0]
    return tasks, steps


def _asked(spec: FitSpec) -> dict[str, Any]:
    return {"folds": spec.folds, "cut": -1 if spec.cut is None else spec.cut, "seed": spec.seed}
