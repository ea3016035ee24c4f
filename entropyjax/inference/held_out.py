"""How well a fit foretells what it has not seen: other tasks, and later steps."""

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import numpy as np
from jaxtyping import Float, Int

from entropyjax.inference.errors import InferenceError
from entropyjax.inference.fit import Fit, entries_at, fit
from entropyjax.inference.problem import Problem

Progress = Callable[[int, int, str], None]
"""Called as progress(done, total, what)."""


class HeldOut(NamedTuple):
    """Scores of what was held out.

    **Attributes:** `scores`: log-likelihood of each entry, where it was held out, in nat; NaN where nothing of it was;
    `decisions`: how many decisions of it were.
    """

    scores: Float[np.ndarray, " entries"]
    decisions: Float[np.ndarray, " entries"]

    @property
    def mean(self) -> float:
        """Mean score in nat per decision."""
        held = np.isfinite(self.scores)
        return float(self.scores[held].sum() / self.decisions[held].sum()) if held.any() else float("nan")


def folds_of_tasks(tasks: Int[np.ndarray, " units"], folds: int, seed: int = 0) -> Int[np.ndarray, " units"]:
    """Return the fold of each unit; the units of a task are in one fold, and folds differ by at most one task.

    **Raises:** `InferenceError` if there are fewer tasks than folds, or fewer than two folds.
    """
    names, number = np.unique(tasks, return_inverse=True)
    if not 2 <= folds <= len(names):
        raise InferenceError(
            f"{len(names)} tasks cannot be held out in {folds} folds; take between 2 and {len(names)} folds."
            if len(names) > 1
            else "There is one task, so that none can be held out; ask for no folds."
        )
    order = np.random.default_rng(seed).permutation(len(names))
    return (order % folds)[number]


def held_out_tasks(
    problem: Problem, *, folds: int = 5, starts: int = 16, seed: int = 0, progress: Progress | None = None
) -> HeldOut:
    """Fit without one fold of the tasks after the other, and score the tasks of the fold.

    A task's score is its marginal likelihood, the random effect integrated out: nothing of the task was seen. Entries
    that are no task's are in every fold and are not scored.
    """
    fold = folds_of_tasks(problem.units.task, folds, seed)
    scores = np.full(problem.entries, np.nan)
    for one in range(folds):
        if progress is not None:
            progress(one, folds, "folds of tasks")
        out = np.flatnonzero(fold == one)
        weights = np.ones(problem.entries)
        weights[out] = 0.0
        scores[out] = fit(problem, starts=starts, seed=seed, weights=weights).log_likelihoods[out]
    decisions = problem.decisions_of()
    scores[decisions == 0] = np.nan
    return HeldOut(scores, decisions)


def until(problem: Problem, step: int) -> tuple:
    """Return the terms of a problem with the rows before `step` alone.

    **Raises:** `InferenceError` if none is left, or none is left out.
    """
    early = [np.asarray(term.step) < step for term in problem.terms]
    kept, left = (sum(int(np.sum(which)) for which in sides) for sides in (early, [~which for which in early]))
    if not kept or not left:
        last = max(int(np.max(term.step)) for term in problem.terms)
        raise InferenceError(f"Nothing is observed {'before' if not kept else 'from'} step {step}; the last is {last}.")
    weights = [np.asarray(term.weight) * which for term, which in zip(problem.terms, early, strict=True)]
    return tuple(
        eqx.tree_at(lambda term: term.weight, term, weight) for term, weight in zip(problem.terms, weights, strict=True)
    )


def held_out_steps(problem: Problem, step: int, *, starts: int = 32, seed: int = 0) -> tuple[HeldOut, Fit]:
    """Fit what was seen before `step`, and score what came from there on, given each task's own past.

    The score of an entry is ln p(all of it) - ln p(its part before `step`): what its early steps say of its random
    effect counts.
    """
    terms = until(problem, step)
    found = fit(problem, starts=starts, seed=seed, terms=terms)
    scores = entries_at(problem, found.scores) - found.log_likelihoods
    decisions = problem.decisions_of() - problem.decisions_of(terms)
    return HeldOut(np.where(decisions > 0, scores, np.nan), decisions), found
