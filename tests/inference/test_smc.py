"""The sequential Monte Carlo sampler against posteriors that are known in closed form."""

import types

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from entropyjax.inference import InferenceError
from entropyjax.inference.smc import smc


def problem_of(log_likelihood, size, composite=False):
    return types.SimpleNamespace(
        layout=types.SimpleNamespace(size=size),
        log_likelihoods=lambda z: log_likelihood(z)[None],
        composite=composite,
        compiled={},
    )


def test_a_normal_posterior_and_its_evidence():
    design = np.array([[1.0, 0.5], [-0.3, 2.0], [0.7, 0.7]])
    seen, noise = np.array([1.0, -2.0, 0.5]), 0.2

    def likelihood(z):
        residual = (jnp.asarray(seen, z.dtype) - jnp.asarray(design, z.dtype) @ z) / noise
        return -0.5 * jnp.sum(residual**2) - 3.0 * float(np.log(noise * np.sqrt(2.0 * np.pi)))

    found = smc(problem_of(likelihood, 2), 2000, seed=3)
    precision = np.eye(2) + design.T @ design / noise**2
    covariance = np.linalg.inv(precision)
    mean = covariance @ design.T @ seen / noise**2
    scores = found.posterior.scores
    # Draws of a last stage are correlated through their ancestors: as if a tenth of them were independent, and four
    # standard errors for each of six numbers.
    error = 4.0 / np.sqrt(200.0)
    assert np.all(np.abs(scores.mean(axis=0) - mean) < error * np.sqrt(np.diag(covariance)))
    np.testing.assert_allclose(np.cov(scores, rowvar=False), covariance, atol=2.0 * error * np.diag(covariance).max())
    evidence = stats.multivariate_normal(np.zeros(3), noise**2 * np.eye(3) + design @ design.T).logpdf(seen)
    assert found.log_evidence == pytest.approx(evidence, abs=0.4)
    assert 0.1 < found.accepted < 0.5 and "2,000 particles" in found.posterior.method


def test_two_modes_keep_their_shares():
    def likelihood(z):
        both = jnp.stack([-0.5 * ((z[0] - 2.0) / 0.1) ** 2, np.log(0.5) - 0.5 * ((z[0] + 2.0) / 0.1) ** 2])
        return jnp.logaddexp(both[0], both[1])

    scores = smc(problem_of(likelihood, 1), 2000, seed=0).posterior.scores[:, 0]
    # Two thirds of the mass, decided when the modes part: a standard error of some 0.03.
    assert np.mean(scores > 0.0) == pytest.approx(2.0 / 3.0, abs=0.12)


def test_a_likelihood_that_is_hardly_anywhere_finite_is_refused():
    with pytest.raises(InferenceError, match="not finite over most of the prior"):
        smc(problem_of(lambda z: jnp.where(z[0] > 3.0, 0.0, jnp.nan), 1), 100)


def test_a_composite_likelihood_is_refused_before_anything_compiles():
    lone = problem_of(lambda z: 0.0 * z[0], 1, composite=True)
    with pytest.raises(InferenceError, match="a composite one, whose posterior is too sure; take the posterior 'god"):
        smc(lone, 100)
    assert lone.compiled == {}
