"""Intervals, quantiles of event times and the cognitive horizon, against scipy, raw data and known curves."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, strategies as st

from entropyjax.ensemble import cognitive_horizon, histogram_quantile, wilson_interval

# --- Wilson -----------------------------------------------------------------------------------------------------


@given(st.integers(1, 5000), st.floats(0.0, 1.0), st.sampled_from([0.8, 0.95, 0.999]))
def test_wilson_is_scipys(trials, share, confidence):
    successes = round(share * trials)
    expected = scipy.stats.binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    found = wilson_interval(np.array(successes), np.array(trials), confidence)
    np.testing.assert_allclose(found, [expected.low, expected.high], rtol=1e-10, atol=1e-12)


def test_wilson_at_the_edges():
    found = wilson_interval(np.array([0, 40, 0, 1]), np.array([40, 40, 0, 1]))
    assert found[0, 0] == 0.0
    assert 0.0 < found[0, 1] < 0.1
    assert found[1, 1] == 1.0
    assert 0.9 < found[1, 0] < 1.0
    np.testing.assert_array_equal(found[2], [0.0, 1.0])
    assert np.all(np.isfinite(found))
    assert wilson_interval(np.zeros((3, 4), int), np.full((3, 4), 9)).shape == (3, 4, 2)


# --- Quantiles --------------------------------------------------------------------------------------------------

T, BINS = 32.0, 64


@given(st.lists(st.one_of(st.floats(0.0, T), st.just(np.inf)), min_size=1, max_size=60), st.floats(0.01, 0.99))
def test_quantiles_are_those_of_the_raw_times(times, level):
    times = np.sort(times)
    counts = np.histogram(times[np.isfinite(times)], BINS, (0.0, T))[0]
    found = histogram_quantile(counts[None], np.array([len(times)]), T, level)[0]
    # The least time by which the share `level` of all trajectories had the event.
    expected = times[int(np.ceil(level * len(times) - 1e-9)) - 1]
    if np.isinf(expected):
        assert np.isinf(found)
    else:
        assert abs(found - expected) <= T / BINS + 1e-12


def test_quantiles_of_a_known_law():
    rng = np.random.default_rng(0)
    times = rng.exponential(8.0, (3, 20_000))
    counts = np.stack([np.histogram(row[row <= T], 256, (0.0, T))[0] for row in times])
    for level in (0.05, 0.5, 0.95):
        found = histogram_quantile(counts, np.full(3, 20_000), T, level)
        np.testing.assert_allclose(found, np.quantile(times, level, axis=1), atol=T / 256)


def test_quantiles_where_the_event_is_rare():
    counts = np.array([[0, 3, 0], [0, 0, 0], [5, 0, 5], [0, 0, 0]])
    trials = np.array([10, 10, 10, 0])
    found = {level: histogram_quantile(counts, trials, 3.0, level) for level in (0.25, 0.5, 1.0)}
    assert np.all(np.isinf(found[0.5][[0, 1, 3]]))
    assert 1.0 < found[0.25][0] <= 2.0
    assert found[0.5][2] == 1.0
    assert found[1.0][2] == 3.0
    with np.errstate(all="raise"):
        histogram_quantile(counts, trials, 3.0, 0.5)


@pytest.mark.parametrize("trials", [20, 60, 100, 340, 1000])
def test_a_share_that_is_met_exactly_is_met(trials):
    # 0.95 * 340 and the like must not be missed by rounding.
    for level in (0.05, 0.25, 0.5, 0.75, 0.95):
        counts = np.array([0, round(level * trials), 0])
        assert histogram_quantile(counts, np.array(trials), 3.0, level) == pytest.approx(2.0)


# --- The cognitive horizon ---------------------------------------------------------------------------------------

TIMES = np.linspace(0.0, 64.0, 65)
EXACT = np.zeros_like(TIMES)


def horizon(curve, error=EXACT):
    return cognitive_horizon(TIMES, np.asarray(curve), np.broadcast_to(error, np.shape(curve)))


@pytest.mark.parametrize("place", [7.0, 20.3, 41.75])
def test_a_parabola_has_its_vertex(place):
    assert horizon(0.5 + 1e-3 * (TIMES - place) ** 2) == pytest.approx(place, abs=1e-9)


def test_a_curve_that_rises_from_the_start_has_horizon_zero():
    assert horizon(0.1 + 0.01 * TIMES) == 0.0


def test_a_curve_that_still_falls_has_none():
    assert np.isinf(horizon(2.0 * np.exp(-TIMES / 10.0)))
    assert np.isinf(horizon(np.full(65, 0.7)))


def test_the_first_minimum_counts():
    curve = np.cos(TIMES / 4.0) * np.exp(-TIMES / 100.0) + 2.0
    assert horizon(curve) == pytest.approx(4.0 * (np.pi + np.arctan(-0.04)), abs=0.05)


def test_curves_are_taken_one_by_one():
    curves = np.stack([0.1 + 0.01 * TIMES, 2.0 - 0.01 * TIMES, (TIMES - 9.0) ** 2])
    found = horizon(curves.reshape(3, 1, 65))
    assert found.shape == (3, 1)
    np.testing.assert_allclose(found[:, 0], [0.0, np.inf, 9.0])


@pytest.mark.parametrize("error", [1e-4, 1e-2])
def test_noise_makes_no_minimum(error):
    """A curve that falls onto a plateau has no minimum, however long its noise is looked at."""
    rng = np.random.default_rng(5)
    falling = 0.3 + 1.7 * np.exp(-TIMES / 5.0)
    curves = falling + error * rng.standard_normal((2000, 65))
    assert np.isfinite(horizon(curves, error)).mean() < 0.005


def test_noise_does_not_hide_a_minimum():
    rng = np.random.default_rng(6)
    curve = 0.2 + 1.5 * np.exp(-TIMES / 4.0) + 0.01 * TIMES
    clean = 4.0 * np.log(1.5 / 4.0 / 0.01)
    found = horizon(curve + 0.003 * rng.standard_normal((500, 65)), 0.003)
    assert np.all(np.isfinite(found))
    assert abs(np.mean(found) - clean) < 1.0
