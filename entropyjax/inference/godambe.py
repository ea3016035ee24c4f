"""Intervals that hold where the likelihood is a composite one, or the model is wrong: the sandwich over tasks."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from entropyjax.inference.errors import InferenceError
from entropyjax.inference.fisher import checked_curvature
from entropyjax.inference.fit import Fit
from entropyjax.inference.posterior import Posterior, normal_draws
from entropyjax.inference.problem import Problem

ENOUGH = 10
"""Tasks below which a variance over tasks says nothing."""


def godambe(fit: Fit, draws: int = 1000, seed: int = 0) -> Posterior:
    """Return draws of the normal distribution about the maximum with the covariance of `sandwich`.

    **Raises:** `InferenceError` if the curvature is not positive in every direction, or for fewer than `ENOUGH` tasks.
    """
    return Posterior(
        fit.problem, normal_draws(fit.scores, sandwich(fit), draws, seed), f"Godambe, {_words(fit.problem)}"
    )


def sandwich(fit: Fit) -> Float[np.ndarray, "size size"]:
    """Return H^-1 (I + J) H^-1: H the curvature of minus the log posterior, J the variance of ln L's gradient.

    J is summed over tasks, whose entries may depend on each other in any way. The prior counts as one more observation,
    whose score has the variance I: where J is the information of the likelihood, the sandwich is Laplace's
    approximation, and where the data say nothing it is the prior. Rows of marginal terms belong to no task;
    `variability` says how they count.
    """
    inverse = np.linalg.inv(checked_curvature(fit))
    return inverse @ (np.eye(len(inverse)) + variability(fit)) @ inverse


def variability(fit: Fit) -> Float[np.ndarray, "size size"]:
    """Return J, the variance of the gradient of the log-likelihood at the maximum.

    For K tasks with gradients g_k it is K/(K-1) sum_k (g_k - g)(g_k - g)^T about their mean g. How R rows of marginal
    terms depend on each other and on the tasks is not known. As the variance of a sum of m parts is at most m times the
    sum of their variances, J is then (R + 1) times the sum of that of the tasks and the information of each row, which
    is no less than the truth.
    """
    problem = fit.problem
    gradients = entry_gradients(problem, fit.scores)
    own, marginal = gradients[: len(problem.units)], gradients[len(problem.units) :]
    tasks = clusters(problem)
    bare = bool(np.any(own))
    number = len(np.unique(tasks))
    if bare and number < ENOUGH:
        raise InferenceError(
            f"{number} tasks are too few for a variance over tasks; take {ENOUGH} or more, or the posterior 'nuts'."
        )
    total = _between(own, tasks) if bare else np.zeros((problem.layout.size,) * 2)
    if not len(marginal):
        return total
    return (len(marginal) + bare) * (total + _marginal_information(problem, fit.scores))


def clusters(problem: Problem) -> Int[np.ndarray, " units"]:
    """Return the number of the task of each unit, which its units in all conditions share."""
    return np.unique(problem.units.task, return_inverse=True)[1].reshape(-1)


def _between(gradients: np.ndarray, tasks: np.ndarray) -> np.ndarray:
    number = int(tasks.max()) + 1
    sums = np.zeros((number, gradients.shape[1]))
    np.add.at(sums, tasks, gradients)
    centred = sums - sums.mean(axis=0)
    return number / (number - 1.0) * centred.T @ centred


def entry_gradients(problem: Problem, scores: Float[Any, " size"]) -> Float[np.ndarray, "entries size"]:
    """Return the gradient of each entry of the log-likelihood."""
    run = problem.compiled.setdefault("gradients", jax.jit(jax.jacfwd(problem.log_likelihoods)))
    return np.asarray(run(jnp.asarray(scores, jnp.result_type(float)), problem.terms, problem.drives))


def _marginal_information(problem: Problem, scores: Float[Any, " size"]) -> Float[np.ndarray, "size size"]:
    """Return the observed information of the rows of marginal terms, its negative part left out."""

    def total(scores: Array, terms: Sequence[Any]) -> Array:
        return -jnp.sum(problem.log_likelihoods(scores, terms)[len(problem.units) :])

    run = problem.compiled.setdefault("marginal information", jax.jit(jax.hessian(total)))
    matrix = np.asarray(run(jnp.asarray(scores, jnp.result_type(float)), problem.terms))
    values, vectors = np.linalg.eigh(0.5 * (matrix + matrix.T))
    return (vectors * np.maximum(values, 0.0)) @ vectors.T


def _words(problem: Problem) -> str:
    if not any(term.marginal for term in problem.terms):
        return f"over {len(np.unique(problem.units.task))} tasks"
    return "as if entropies at different steps said the same, an upper bound"
