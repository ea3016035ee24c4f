"""The bootstrap over tasks of a fit: what it would have found on other tasks of the same kind."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from entropyjax.inference.bootstrap import task_weights
from entropyjax.inference.errors import InferenceError
from entropyjax.inference.fit import Fit
from entropyjax.inference.godambe import ENOUGH, clusters
from entropyjax.inference.optimise import NEAR, Maximum, Options, maximise
from entropyjax.inference.posterior import Posterior
from entropyjax.inference.problem import Problem

_CHUNK = 64
_LOST = 0.05
"""Share of the replicates that may end in nothing finite."""

Progress = Callable[[int, int, str], None]
"""Called as progress(replicates done, replicates in all, what)."""


def bootstrap_fit(
    fit: Fit, replicates: int = 400, seed: int = 0, *, options: Options = NEAR, progress: Progress | None = None
) -> Posterior:
    """Return the maxima of replicates in which whole tasks are drawn anew, each started from the fit.

    Each replicate also draws the centre of the prior from the prior itself, so that what the data say nothing of keeps
    the prior's spread and does not shrink to its middle.

    **Arguments:** `progress`: callback after each chunk of replicates.

    **Raises:** `InferenceError` for terms that are of no task, fewer than `ENOUGH` tasks or 2 replicates, or if more
    than 5% of the replicates end in nothing finite.
    """
    problem, number = fit.problem, _check(fit.problem, replicates)
    key, other = jax.random.split(jax.random.key(seed))
    weights = task_weights(key, replicates, number)[:, clusters(problem)]
    centres = np.asarray(jax.random.normal(other, (replicates, problem.layout.size)))
    scores, sound = [], []
    for start in range(0, replicates, _CHUNK):
        # The last chunk is filled up, so that one shape is compiled.
        rows = np.minimum(np.arange(start, start + _CHUNK), replicates - 1)
        found = refits(problem, fit.scores, weights[rows], centres[rows], options)
        kept = min(_CHUNK, replicates - start)
        scores.append(np.asarray(found.scores)[:kept])
        sound.append(np.asarray(found.status)[:kept] != 3)
        if progress is not None:
            progress(start + kept, replicates, "bootstrap of the fit")
    good = np.concatenate(sound)
    if good.sum() < (1.0 - _LOST) * replicates:
        raise InferenceError(
            f"{int((~good).sum())} of {replicates} replicates ended in nothing finite; narrow the ranges of the free "
            "parameters."
        )
    lost = f", {int((~good).sum())} of {replicates} left out" if not good.all() else ""
    return Posterior(problem, np.concatenate(scores)[good], f"bootstrap over {number} tasks{lost}")


def refits(
    problem: Problem,
    start: Float[Any, " size"],
    weights: Float[Any, "replicates entries"],
    centres: Float[Any, "replicates size"],
    options: Options = NEAR,
) -> Maximum:
    """Return the maximum of each replicate of the weights, with the prior N(centre, I)."""

    def one(start: Array, weights: Array, centre: Array, terms: Any) -> Maximum:
        def entries(offset: Array) -> Array:
            return weights * problem.log_likelihoods(centre + offset, terms)

        found = maximise(entries, start - centre, options)
        return found._replace(scores=centre + found.scores)

    def compiled(start: Array, weights: Array, centres: Array, terms: Any) -> Maximum:
        return jax.vmap(one, (None, 0, 0, None))(start, weights, centres, terms)

    run = problem.compiled.setdefault(("refits", options), jax.jit(compiled))
    dtype = jnp.result_type(float)
    return run(jnp.asarray(start, dtype), jnp.asarray(weights, dtype), jnp.asarray(centres, dtype), problem.terms)


def _check(problem: Problem, replicates: int) -> int:
    """Return the number of tasks."""
    if any(term.marginal for term in problem.terms):
        raise InferenceError(
            "Estimates of the entropy belong to no task, so that tasks cannot be drawn anew; take the posterior "
            "'godambe'."
        )
    number = len(np.unique(problem.units.task))
    if number < ENOUGH:
        raise InferenceError(
            f"{number} tasks are too few to be drawn anew; take {ENOUGH} or more, or the posterior 'nuts'."
        )
    if replicates < 2:
        raise InferenceError(f"{replicates} replicates make no bootstrap; take 100 or more.")
    return number
