"""Endings of trajectories: counts and times by outcome, on both solver paths, and resolution by chance."""

import dataclasses

import jax
import numpy as np
import pytest
from scipy.stats import kstest, norm

from entropyjax.ensemble import (
    CHANCE_ENDINGS,
    ENDINGS,
    Ensemble,
    make_plan,
    run_endings,
    sample_paths,
    without_sampling,
)
from entropyjax.models import Star
from entropyjax.params import cast
from entropyjax.results import Outcome
from entropyjax.solve import METHODS, Criteria, Grid, native

STAR = Star()
MIXED = {"context_window": 48.0, "resolution_rate": 0.1}
LOST, DONE = Outcome.COLLAPSED, Outcome.RESOLVED
PATHS = [
    "scan",
    pytest.param("native", marks=pytest.mark.skipif(native.unavailable() is not None, reason="no llvmlite")),
]


@pytest.fixture(autouse=True, scope="module")
def quick_compile():
    """Counts do not hang on how loops are compiled: compilation is what these tests cost."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


def request(replicates=400, horizon=24, dtype=np.float64, **params):
    return Ensemble(
        model=STAR,
        method=METHODS.get("agents")(),
        grid=cast(Grid(float(horizon), horizon, 1), dtype),
        constants=cast(STAR.params(**params), dtype),
        cells={"n_agents": np.array([8.0, 24.0])},
        criteria=cast(Criteria(progress_tolerance=0.3), dtype),
        cell_criteria={},
        population={},
        replicates=replicates,
        key=jax.random.key(3),
        dtype=dtype,
        observables=("entropy",),
    )


def endings(ensemble, work=ENDINGS, path="scan"):
    return run_endings(ensemble, make_plan(ensemble, devices=1, path=path, work=work))


@pytest.fixture(scope="module")
def by_hand():
    """The step of collapse and of resolution of each run, 99 for never, and the mean of H, from whole paths."""
    whole = dataclasses.replace(request(**MIXED), observables=("entropy", "normalised_entropy", "progress"))
    out = []
    for cell in (0, 1):
        paths = sample_paths(whole, cell, 400, path="scan")
        armed = np.maximum.accumulate(paths["normalised_entropy"] < 0.4, axis=1)
        high = paths["normalised_entropy"] >= 0.5
        # At the threshold for a dwell of one step, once it was well below.
        lost = armed[:, :-1] & high[:, :-1] & high[:, 1:]
        done = paths["progress"] >= 0.7 - 1e-12
        steps = (np.where(event.any(axis=1), event.argmax(axis=1), 99) for event in (lost, done))
        out.append((*steps, paths["entropy"].mean(axis=0)))
    return out


@pytest.mark.parametrize("path", PATHS)
def test_runs_end_when_their_paths_say(path, by_hand):
    found = endings(request(**MIXED), path=path)
    assert found.outcomes.sum(axis=1).tolist() == [400, 400] and found.failures[:, 1:].sum() == 0
    assert (found.outcomes[1, LOST] > 20) and (found.outcomes[0, DONE] > 20)
    np.testing.assert_array_equal(found.collapsed.sum(axis=1), found.outcomes[:, LOST])
    np.testing.assert_array_equal(found.resolved.sum(axis=1), found.outcomes[:, DONE])
    for cell, (lost, done, entropy) in enumerate(by_hand):
        # Which came first within a step is not to be seen on the whole steps.
        for counts, first, other in ((found.collapsed, lost, done), (found.resolved, done, lost)):
            least, most = (np.bincount(first[kept], minlength=100)[:25] for kept in (first < other, first <= other))
            assert np.all(least <= counts[cell]) and np.all(counts[cell] <= most)
        np.testing.assert_allclose(found.observables["entropy"].mean[cell], entropy, rtol=1e-10)


@pytest.mark.parametrize(
    ("dtype", "path"), [pytest.param(np.float64, "scan", marks=pytest.mark.slow), (np.float32, "auto")]
)
def test_by_chance_a_task_is_resolved_as_a_right_dispatch_resolves_it(dtype, path):
    # Every dispatch is right, and each resolves the task with probability kappa.
    sure = {"evidence": 80.0, "initial_focus": 60.0, "context_window": 1e6, "focus_noise": 0.0}
    found = endings(request(4000, 12, dtype, resolution_rate=0.15, **sure), CHANCE_ENDINGS, path)
    share = np.cumsum(found.resolved, axis=1) / 4000
    expected = 1.0 - 0.85 ** np.arange(13)
    # Kolmogorov's distance of two cells, at 1e-4 each.
    assert np.abs(share - expected).max() < 2.23 / np.sqrt(4000)
    assert not np.array_equal(found.resolved[0], found.resolved[1])


def test_estimates_lose_the_spread_of_sampling():
    rng = np.random.default_rng(0)
    truth, error = rng.normal(0.4, 0.1, 4000), rng.normal(0.0, 0.08, 4000)
    found = without_sampling(truth + error, np.asarray(0.08**2))
    assert kstest(found, norm(0.4, 0.1).cdf).pvalue > 1e-3
    assert found.mean() == pytest.approx((truth + error).mean(), rel=1e-12)
    np.testing.assert_array_equal(without_sampling(np.array([[0.2, 0.2], [0.1, 0.3]]), np.array([0.0, 1.0])), 0.2)
    assert without_sampling(np.array([0.7]), np.asarray(0.0)).tolist() == [0.7]
