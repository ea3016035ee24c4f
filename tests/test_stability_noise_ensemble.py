"""Escapes in ensembles: the estimator on known times, the engine against the backward equation, and the figure."""

import numpy as np
import pytest
from noise_reference import slowest_time

from entropyjax.models import Star
from entropyjax.params import replace
from entropyjax.plots import PlotError, noise_diagram
from entropyjax.results import Validity
from entropyjax.stability import (
    CollapseSlice,
    NoiseError,
    Runs,
    collapse_slice,
    exposure,
    metastability,
    plane_of,
    scaled_noise,
)

STAR = Star()
T, BINS = 100.0, 256


def histogram(times):
    return np.apply_along_axis(lambda row: np.histogram(row[row <= T], BINS, (0.0, T))[0], -1, times)


@pytest.mark.parametrize("mean", [20.0, 300.0, 5000.0])
def test_interval_of_exponential_times_covers(mean):
    """In 1000 experiments 95% intervals miss 50 times; 22 and 78 lie 4 standard deviations (6.9) away."""
    times = np.random.default_rng(1).exponential(mean, (1000, 200))
    found = exposure(histogram(times), np.full(1000, 200), T, np.full(1000, 10.0))
    missed = np.sum((found.low > mean) | (found.high < mean))
    assert missed <= 78
    # Few events make the interval conservative.
    assert mean > 1000.0 or missed >= 22
    assert np.sum(found.even < 0.01) <= 23
    np.testing.assert_allclose(found.burn_in, 10.0, atol=T / BINS)


def test_times_that_are_not_exponential_are_told():
    draw = np.random.default_rng(2)
    steady, ageing = draw.exponential(100.0, (1, 4000)), 100.0 * draw.weibull(2.0, (1, 4000))
    p = [exposure(histogram(times), np.array([4000]), T, np.zeros(1)).even[0] for times in (steady, ageing)]
    assert p[0] > 0.001
    assert p[1] < 1e-6


def test_a_burn_in_mends_a_start_at_one_point():
    """Times with a delay of 10 are exponential after it, and look too long without a burn-in."""
    times = 10.0 + np.random.default_rng(3).exponential(50.0, (1, 20000))
    counts, trials = histogram(times), np.array([20000])
    mended, plain = (exposure(counts, trials, T, np.array([start])) for start in (10.2, 0.0))
    # 4 standard errors of 17000 events.
    np.testing.assert_allclose(mended.mean_time, 50.0, rtol=0.031)
    assert plain.low[0] > 55.0


def test_no_escape_has_a_lower_bound_alone():
    found = exposure(np.zeros((1, BINS), int), np.array([50]), T, np.zeros(1))
    assert found.mean_time[0] == found.high[0] == np.inf
    # 1 - exp(-E / low) = 0.975 for the time E at risk.
    np.testing.assert_allclose(-np.expm1(-50.0 * T / found.low[0]), 0.975, rtol=1e-12)
    with pytest.raises(NoiseError, match="horizon = 100"):
        exposure(np.zeros((1, BINS), int), np.array([50]), T, np.array([100.0]))


@pytest.mark.slow
def test_metastability_has_the_rates_of_the_slowest_modes():
    """Mean times of three points within 4 standard errors of numbers that know neither paths nor ensembles."""
    agents = np.array([7.6, 8.0, 8.4, 12.0])
    found = metastability(STAR, scaled_noise(STAR.params(n_agents=agents), 0.5), Runs(horizon=1536.0, replicates=512))
    assert [Validity(code).name for code in found.theory.status] == ["VALID", *["LOW_BARRIER"] * 2, "NO_SADDLE"]
    for place, number in enumerate(agents[:3]):
        params = scaled_noise(STAR.params(n_agents=float(number)), 0.5)
        params = replace(params, {name: np.float64(getattr(params, name)) for name in params.specs()})
        exact = slowest_time(plane_of(STAR, params), float(found.theory.collapsed[place, 0]), (7.0, 110.0), (100, 160))
        # The grid is off by 1%, and the step by no more than that.
        tolerance = 4.0 / np.sqrt(found.estimate.events[place]) + 0.02
        assert abs(np.log(found.estimate.mean_time[place] / exact)) < tolerance
        assert abs(np.log(found.estimate.mean_time[place] / (2.0 * exact))) > tolerance
    assert np.isnan([found.estimate.mean_time[3], found.escaped[3]]).all()
    assert np.all(found.estimate.even[:3] > 1e-4)
    assert np.all(found.collapsed[:3] >= found.escaped_interval[:3, 0])
    text = str(found)
    assert "no_saddle: " in text
    assert "nan" not in text


@pytest.mark.slow
def test_collapse_steepens_at_the_fold_as_noise_weakens():
    runs = Runs(horizon=1024.0, replicates=128)
    found = collapse_slice(STAR.params(), [7.5, 8.0, 8.4, 8.7, 8.9, 9.2, 9.5], (1.0, 0.5, 0.1), runs)
    half = found.half()
    assert np.isnan(half[0])
    assert half[1] < half[2] < 9.2
    np.testing.assert_allclose(found.folds, (6.990, 8.985), atol=1e-3)
    assert found.collapsed[2, 3] < 0.05
    assert found.collapsed[2, 5] > 0.95
    # Resolution hides it, on either side of the fold.
    assert np.all(found.resolving < 0.6)
    assert "folds at N = 6.99 and 8.985" in str(found)


def made_up(scales):
    agents = np.linspace(6.0, 10.0, 5)
    rows = np.tile(np.linspace(0.0, 1.0, 5), (len(scales), 1))
    band = np.stack([rows - 0.1, rows + 0.1], -1)
    return CollapseSlice(
        agents, np.asarray(scales), rows, band, rows, rows[0], band[0], (7.0, 11.0), 64.0, 0.05, Runs(horizon=512.0)
    )


def test_figure_names_what_it_shows():
    ax = noise_diagram(made_up([1.0, 0.5]))
    assert ax.get_xlabel() == "executors N"
    assert "by 512 steps" in ax.get_ylabel()
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels[:2] == ["noise × 1", "noise × 0.5"]
    assert labels[-1] == "theory of escapes"
    # The fold at 11 lies outside.
    assert [text.get_text() for text in ax.texts] == ["fold"]
    with pytest.raises(PlotError, match="6 noise scales"):
        noise_diagram(made_up([1.0] * 6))


@pytest.mark.parametrize(
    "runs, message",
    [
        (Runs(horizon=0.0), r"horizon = 0\.0 must be positive"),
        (Runs(replicates=-1), "replicates = -1"),
        (Runs(method="agents"), "Langevin form"),
    ],
)
def test_runs_that_cannot_be_are_refused(runs, message):
    with pytest.raises(NoiseError, match=message):
        metastability(STAR, STAR.params(), runs)


def test_a_slice_is_of_one_star():
    with pytest.raises(NoiseError, match="single star"):
        collapse_slice(STAR.params(n_agents=np.array([4.0, 8.0])), [8.0])
