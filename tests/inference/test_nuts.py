"""NUTS on a posterior that is known in closed form, and what chains say of themselves."""

import sys

import numpy as np
import pytest
from inference.linear import linear

from entropyjax.inference import InferenceError
from entropyjax.inference.diagnostics import bulk_ess, diagnose, split_r_hat
from entropyjax.inference.fit import Fit
from entropyjax.inference.nuts import nuts, power


def fitted(problem):
    mean, hessian = problem.mean, np.linalg.inv(problem.covariance)
    return Fit(problem, mean, hessian, np.zeros(len(problem.seen)), np.zeros(1, int), np.zeros(1), mean[None, :])


def autoregressive(rng, correlation, chains=4, draws=4000):
    noise = rng.standard_normal((chains, draws)) * np.sqrt(1.0 - correlation**2)
    out = np.zeros((chains, draws))
    out[:, 0] = rng.standard_normal(chains)
    for t in range(1, draws):
        out[:, t] = correlation * out[:, t - 1] + noise[:, t]
    return out


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
def test_effective_draws_are_those_of_an_autoregression(correlation):
    draws = autoregressive(np.random.default_rng(1), correlation)
    exact = draws.size * (1.0 - correlation) / (1.0 + correlation)
    # The deviation of the estimate is some 5% here, 10% at a correlation of 0.9.
    assert bulk_ess(draws) == pytest.approx(exact, rel=0.25)
    assert split_r_hat(draws) < 1.02


def test_chains_that_do_not_meet_are_told():
    rng = np.random.default_rng(2)
    draws = rng.standard_normal((4, 500, 2))
    draws[0, :, 1] += 2.0
    energy = rng.standard_normal((4, 500))
    told = diagnose(("a", "b"), draws, np.eye(4, 500), energy)
    assert not told.mixed and "R-hat at most" in str(told) and "(b)" in str(told) and "have not mixed" in str(told)
    # Independent energies: the mean square of their steps is twice their variance.
    assert told.bfmi == pytest.approx(2.0, abs=0.3) and told.divergences == 4 and "Transitions diverged" in str(told)
    wide = rng.standard_normal((4, 500))
    wide[0] *= 4.0
    assert split_r_hat(wide) > 1.05


def test_diagnostics_agree_with_those_of_numpyro():
    numpyro = pytest.importorskip("numpyro.diagnostics", reason="numpyro is not installed")
    draws = autoregressive(np.random.default_rng(3), 0.6, draws=1000)
    # Ranks of normal draws are nearly the draws themselves.
    assert split_r_hat(draws) == pytest.approx(float(numpyro.split_gelman_rubin(draws)), abs=0.01)
    assert bulk_ess(draws) == pytest.approx(float(numpyro.effective_sample_size(draws)), rel=0.15)


def test_draws_are_those_of_a_linear_problem():
    pytest.importorskip("numpyro", reason="numpyro is not installed")
    problem = linear()
    found = nuts(fitted(problem), 2000, seed=4, warmup=200)
    deviation = np.sqrt(np.diag(problem.covariance))
    error = 4.0 / np.sqrt(found.diagnostics.ess)
    assert np.all(np.abs(found.posterior.scores.mean(axis=0) - problem.mean) < error * deviation)
    assert np.all(np.abs(found.posterior.scores.std(axis=0) / deviation - 1.0) < error)
    assert found.posterior.method == "NUTS" and found.posterior.scores.shape == (2000, 3)
    assert found.diagnostics.mixed and found.diagnostics.divergences == 0 and found.diagnostics.ess.min() > 400


def test_what_nuts_refuses(monkeypatch):
    pytest.importorskip("numpyro", reason="numpyro is not installed")
    with pytest.raises(InferenceError, match="composite one"):
        nuts(fitted(linear(composite=True)))
    with pytest.raises(InferenceError, match="cannot be told to have mixed"):
        nuts(fitted(linear()), 100, chains=1)
    apart = np.random.default_rng(0).standard_normal((2, 10, 3)) + np.array([0.0, 5.0])[:, None, None]
    extra = {"diverging": np.zeros((2, 10)), "energy": np.random.default_rng(1).standard_normal((2, 10))}
    monkeypatch.setattr("entropyjax.inference.nuts._run", lambda *given: (apart, extra))
    with pytest.raises(InferenceError, match="Nothing is reported of these chains: 2 chains, 20 draws: R-hat at most"):
        nuts(fitted(linear()), 20, chains=2)


def test_a_composite_likelihood_is_raised_to_the_power_that_its_sandwich_has_on_average(monkeypatch):
    lone = linear(composite=True, marginal=40)
    # Forty rows that may all say the same count as one.
    assert power(fitted(lone)) == pytest.approx(1.0 / 40.0, rel=1e-6)
    monkeypatch.setitem(sys.modules, "numpyro", None)
    with pytest.raises(InferenceError, match=r"pip install 'entropyjax\[bayes\]'"):
        nuts(fitted(lone), adjust=True)
