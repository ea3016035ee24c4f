"""Draws of the posterior by a sequential Monte Carlo sampler from the prior to it."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from entropyjax.inference.errors import InferenceError, refuse_composite
from entropyjax.inference.posterior import Posterior
from entropyjax.inference.problem import Problem

MOVES = 10
"""Metropolis steps of each particle at a temperature."""

_KEPT = 0.5
"""Share of the particles that a change of temperature leaves as effective."""

_AIM = 0.25
"""Share of the Metropolis steps that should be accepted."""

_CHUNK = 128
_STAGES = 60


class Sampled(NamedTuple):
    """A posterior's draws and what the sampler says of itself.

    **Attributes:** `log_evidence`: ln p(data) of the model, in nat; `stages`: temperatures; `accepted`: share of the
    last Metropolis steps.
    """

    posterior: Posterior
    log_evidence: float
    stages: int
    accepted: float


class Particles(NamedTuple):
    """Scores of the particles with their log-likelihoods."""

    scores: Float[Array, "draws size"]
    log_likelihood: Float[Array, " draws"]


def smc(problem: Problem, draws: int = 1000, seed: int = 0) -> Sampled:
    """Return draws of the posterior, however it is shaped.

    Particles start as draws of the prior. The likelihood enters as p^beta, with beta from 0 to 1 in steps that leave
    half of the particles effective; after each they are drawn again by their weights and moved by random-walk
    Metropolis steps of their own covariance (Del Moral, Doucet and Jasra, J. R. Stat. Soc. B 68, 2006).

    **Raises:** `InferenceError` for a composite likelihood, if it is not finite over most of the prior, or if the
    sampler gets stuck.
    """
    refuse_composite(problem.composite)
    key = jax.random.key(seed)
    dtype = jnp.result_type(float)
    scores = jax.random.normal(jax.random.fold_in(key, 0), (draws, problem.layout.size), dtype)
    at = Particles(scores, _likelihoods(problem)(scores))
    beta, evidence, accepted, size = 0.0, 0.0, _AIM, 1.0
    for stage in range(1, _STAGES + 1):
        finite = np.where(np.isfinite(at.log_likelihood), at.log_likelihood, -np.inf)
        if np.isfinite(finite).sum() < 0.1 * draws:
            raise InferenceError("The likelihood is not finite over most of the prior; narrow the free ranges.")
        after = _next(beta, finite)
        weight = (after - beta) * (finite - finite.max())
        chances = np.exp(weight) / np.exp(weight).sum()
        evidence += float(np.log(np.exp(weight).mean()) + (after - beta) * finite.max())
        beta, place = after, jax.random.fold_in(key, stage)
        start = np.random.default_rng([seed, stage]).random()
        chosen = np.minimum(np.searchsorted(np.cumsum(chances), (start + np.arange(draws)) / draws), draws - 1)
        at = jax.tree.map(lambda leaf, chosen=chosen: leaf[chosen], at)
        # Steps that are taken too seldom, or too often, were too long, or too short.
        size *= float(np.exp(2.0 * (accepted - _AIM)))
        moved = _moved(problem)(at, jnp.asarray(beta, dtype), size * _scale(at.scores), place)
        at, accepted = moved[0], float(moved[1])
        if beta == 1.0:
            words = f"sequential Monte Carlo, {draws:,} particles, {stage} temperatures, {accepted:.0%} accepted"
            return Sampled(Posterior(problem, np.asarray(at.scores), words), evidence, stage, accepted)
    raise InferenceError(
        f"The sampler reached only the temperature {beta:.3g} in {_STAGES} stages; free fewer parameters, or narrow "
        "their ranges."
    )


def _next(beta: float, log_likelihood: np.ndarray) -> float:
    """Return the largest temperature up to 1 that leaves enough particles effective."""

    def effective(step: float) -> float:
        weight = np.exp(step * (log_likelihood - log_likelihood.max()))
        return float(weight.sum() ** 2 / (weight**2).sum() / len(weight))

    if effective(1.0 - beta) >= _KEPT:
        return 1.0
    low, high = 0.0, 1.0 - beta
    for _ in range(50):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if effective(middle) > _KEPT else (low, middle)
    return beta + high


def _scale(scores: Array) -> Array:
    """Return a factor of the proposals' covariance, 2.38^2/d times that of the particles."""
    size = scores.shape[1]
    covariance = np.atleast_2d(np.cov(np.asarray(scores), rowvar=False)) + 1e-8 * np.eye(size)
    return jnp.asarray(2.38 / np.sqrt(size) * np.linalg.cholesky(covariance), scores.dtype)


def _likelihoods(problem: Problem) -> Any:
    """Return the compiled log-likelihood of many scores."""

    def one(scores: Array) -> Array:
        found = jnp.sum(problem.log_likelihoods(scores))
        return jnp.where(jnp.isnan(found), -jnp.inf, found)

    run = jax.jit(partial(lax.map, one, batch_size=_CHUNK))
    return problem.compiled.setdefault("likelihoods", run)


def _moved(problem: Problem) -> Any:
    """Return the compiled Metropolis steps at a temperature: particles, and the share that was accepted."""
    many = _likelihoods(problem)

    def moved(at: Particles, beta: Array, factor: Array, key: Array) -> tuple[Particles, Array]:
        def step(at: Particles, key: Array) -> tuple[Particles, Array]:
            proposal, chance = jax.random.split(key)
            scores = at.scores + jax.random.normal(proposal, at.scores.shape, at.scores.dtype) @ factor.T
            there = Particles(scores, many(scores))
            prior = 0.5 * jnp.sum(at.scores**2 - scores**2, axis=1)
            gain = beta * (there.log_likelihood - at.log_likelihood) + prior
            taken = jnp.log(jax.random.uniform(chance, gain.shape, gain.dtype)) < gain
            new = jax.tree.map(lambda a, b: jnp.where(jnp.reshape(taken, (-1,) + (1,) * (a.ndim - 1)), a, b), there, at)
            return new, jnp.mean(taken.astype(gain.dtype))

        at, shares = lax.scan(step, at, jax.random.split(key, MOVES))
        return at, jnp.mean(shares)

    return problem.compiled.setdefault("moves", jax.jit(moved))
