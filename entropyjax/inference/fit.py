"""Fits: the best of many starts, with what became of each."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from scipy.special import ndtri
from scipy.stats import qmc

from entropyjax.inference.errors import InferenceError
from entropyjax.inference.optimise import DEFAULTS, STATUS, Maximum, Options, maximise
from entropyjax.inference.problem import Problem
from entropyjax.inference.terms import AbstractTerm

SAME = 0.01
"""Starts within so much of the best, in nat, have found the same maximum as far as its value tells."""


class Fit(NamedTuple):
    """A fit: the maximum of the posterior over all starts.

    **Attributes:**

    - `problem`: what was fitted.
    - `scores`: standard scores of the free parameters at the maximum; `hessian`: of minus the log posterior there.
    - `log_likelihoods`: of each entry, in nat.
    - `statuses`, `log_posteriors`, `ends`: of each start.
    """

    problem: Problem
    scores: Float[np.ndarray, " size"]
    hessian: Float[np.ndarray, "size size"]
    log_likelihoods: Float[np.ndarray, " entries"]
    statuses: Int[np.ndarray, " starts"]
    log_posteriors: Float[np.ndarray, " starts"]
    ends: Float[np.ndarray, "starts size"]

    @property
    def best(self) -> int:
        """Number of the start that led to the maximum."""
        return int(np.nanargmax(np.where(np.isfinite(self.log_posteriors), self.log_posteriors, -np.inf)))

    @property
    def converged(self) -> bool:
        """Whether the best start converged."""
        return bool(self.statuses[self.best] == 0)

    @property
    def estimates(self) -> dict[str, float]:
        """Free values in their units, by label."""
        natural = np.asarray(self.problem.layout.natural(jnp.asarray(self.scores)))
        return dict(zip(self.problem.layout.labels, natural.tolist(), strict=True))

    def starts(self) -> str:
        """Return in a sentence what became of the starts."""
        agree = int((self.log_posteriors > self.log_posteriors[self.best] - SAME).sum())
        others = [
            f"{int((self.statuses == code).sum())} {words}"
            for code, words in enumerate(STATUS)
            if code and (self.statuses == code).any()
        ]
        converged = int((self.statuses == 0).sum())
        text = f"{len(self.statuses)} starts: {converged} converged, {agree} to the best maximum within {SAME:g} nat"
        return "; ".join([text, *others]) + "."


def start_points(size: int, number: int, seed: int = 0) -> Float[np.ndarray, "number size"]:
    """Return starts: the middle of the prior first, then Sobol points, mapped to it."""
    if number < 1:
        raise InferenceError(f"A fit needs a start, and {number} were asked for; take 16 or more.")
    points = qmc.Sobol(size, rng=seed).random(2 ** int(np.ceil(np.log2(max(number, 2)))))[: number - 1]
    return np.concatenate([np.zeros((1, size)), ndtri(np.clip(points, 1e-6, 1.0 - 1e-6))])


def fit(
    problem: Problem,
    *,
    starts: int = 32,
    seed: int = 0,
    options: Options = DEFAULTS,
    weights: Float[np.ndarray, " entries"] | None = None,
    terms: Sequence[AbstractTerm] | None = None,
) -> Fit:
    """Return the maximum of the posterior over many starts; a start that diverges is told of and does no harm.

    **Arguments:**

    - `starts`: how many; `seed`: of their Sobol points.
    - `weights`: how often each entry counts, by default once; 0 leaves it out.
    - `terms`: rows in the place of the problem's, of the same kinds.

    **Raises:** `InferenceError` if no start ended in anything finite.
    """
    size = problem.layout.size
    points = jnp.asarray(start_points(size, starts, seed), jnp.result_type(float))
    every = np.ones(problem.entries) if weights is None else weights
    found = maxima(problem, points, every, options, terms)
    log_posteriors, statuses = np.asarray(found.log_posterior), np.asarray(found.status)
    if not np.isfinite(log_posteriors).any():
        raise InferenceError(
            f"None of {starts} starts gave a finite posterior; narrow the ranges of the free parameters, or look at "
            "the traces for contexts of 0 or tokens that are not finite."
        )
    best = int(np.argmax(np.where(np.isfinite(log_posteriors), log_posteriors, -np.inf)))
    scores = found.scores[best]
    return Fit(
        problem=problem,
        scores=np.asarray(scores),
        hessian=np.asarray(found.hessian[best]),
        log_likelihoods=entries_at(problem, np.asarray(scores), terms),
        statuses=statuses,
        log_posteriors=log_posteriors,
        ends=np.asarray(found.scores),
    )


def maxima(
    problem: Problem,
    points: Float[Array, "starts size"],
    weights: Float[Any, " entries"],
    options: Options = DEFAULTS,
    terms: Sequence[AbstractTerm] | None = None,
) -> Maximum:
    """Return the maximum that each start leads to.

    **Arguments:** `terms`: rows in the place of the problem's; those of equal shapes share what was compiled.
    """

    def compiled(points: Array, weights: Array, *seen: Any) -> Maximum:
        def entries(scores: Array) -> Array:
            return weights * problem.log_likelihoods(scores, *seen)

        return jax.vmap(lambda start: maximise(entries, start, options))(points)

    run = problem.compiled.setdefault(("maxima", options), jax.jit(compiled))
    seen = problem.terms if terms is None else tuple(terms)
    return run(points, jnp.asarray(weights, points.dtype), seen, problem.drives)


def entries_at(
    problem: Problem, scores: Float[Any, " size"], terms: Sequence[AbstractTerm] | None = None
) -> Float[np.ndarray, " entries"]:
    """Return the log-likelihood of each entry, in nat."""
    run = problem.compiled.setdefault("entries", jax.jit(problem.log_likelihoods))
    seen = problem.terms if terms is None else tuple(terms)
    return np.asarray(run(jnp.asarray(scores, jnp.result_type(float)), seen, problem.drives))
