"""Bias and coverage on simulated orchestrators whose entropies, histories and tasks are known."""

import jax
import numpy as np
import pytest
from inference.agents import simulate, trace, truth

from entropyjax.inference import trace_entropy

# Decision entropy falls while paths part, as in the sets that the library was made for.
RIGHT = np.array([0.55, 0.6, 0.65, 0.7, 0.74, 0.77, 0.8, 0.82, 0.84, 0.86, 0.88])
EXACT = truth(RIGHT)
SHARES = {"history_share": EXACT.decision_share, "task_share": EXACT.task_share, "pooled_share": EXACT.pooled_share}


def sample(sets, tasks, runs, *, replicates=0, seed=0, right=RIGHT):
    """Estimates and intervals of many simulated sets of the same size, behind the forced step."""
    rng, out, inside = np.random.default_rng(seed), [], []
    for number in range(sets):
        key = jax.random.key(number) if replicates else None
        traces = simulate(rng, tasks, runs, right)
        found = trace_entropy(traces, key, replicates=replicates, free=1)
        out.append(found.estimates)
        inside.append(found.intervals)
    estimates = {name: np.array([one[name][1 : len(right) + 1] for one in out]) for name in out[0]}
    return estimates, {name: np.array([one[name][1 : len(right) + 1] for one in inside]) for name in inside[0]}


@pytest.fixture(scope="module")
def airline():
    """200 sets of 50 tasks with 4 runs each, as the airline set has."""
    return sample(100, 50, 4)[0]


def bias(values, exact):
    """Mean error and its standard error, over the sets that have an estimate."""
    count = np.isfinite(values).sum(axis=0)
    return np.nanmean(values, axis=0) - exact, np.nanstd(values, axis=0) / np.sqrt(count)


@pytest.mark.parametrize("name", SHARES)
def test_shares_of_pairs_are_unbiased(airline, name):
    # Ratios of sums over 50 tasks are biased by about 1/50 of their relative variance: under a standard error here.
    steps = 7
    error, deviation = bias(airline[name][:, :steps], SHARES[name][:steps])
    # Seven steps and three names: 4 standard errors are passed by chance in one of 750 tries.
    assert np.all(np.abs(error) < 4.0 * deviation + 2e-3), (error, deviation)


def test_a_flat_gauge_says_that_nothing_is_selected(airline):
    steps = 6
    error, deviation = bias(airline["gauge"][:, :steps], EXACT.decision_share[0])
    assert np.all(np.abs(error) < 4.0 * deviation + 2e-3), (error, deviation)


def test_path_divergence_is_not_taken_for_a_loss_of_focus(airline):
    """The decision entropy falls by 0.46 nat from the first to the seventh step; within tasks and pooled it rises."""
    fall = EXACT.decision[0] - EXACT.decision[6]
    mean = {n: np.mean(airline[n][:, :4], axis=0) for n in ("history_share", "within_miller_madow")}
    assert fall > 0.45 and np.all(np.diff(mean["history_share"]) > 0.02)
    assert np.all(np.diff(mean["within_miller_madow"][:3]) > 0.0)
    # The wrong estimator, agreement whatever the history, misses the decision's by many standard errors.
    error, deviation = bias(airline["task_share"][:, 2:7], EXACT.decision_share[2:7])
    assert np.all(error < -12.0 * deviation)
    error, deviation = bias(airline["within_miller_madow"][:, 2:7], EXACT.decision[2:7])
    assert np.all(error > 10.0 * deviation)


def test_small_samples_lie_as_they_are_said_to(airline):
    """Entropies over 4 runs are low, corrections in the order of their names; pooled ones are nearly right."""
    first = {name: np.nanmean(airline[name][:, 0]) - EXACT.within[0] for name in airline if name.startswith("within")}
    assert -0.5 < first["within_plug_in"] < first["within_miller_madow"] < first["within_chao_shen"] < 0.1
    pooled = bias(airline["pooled_miller_madow"][:, :7], EXACT.pooled[:7])[0]
    plain = bias(airline["pooled_plug_in"][:, :7], EXACT.pooled[:7])[0]
    assert np.all(plain < pooled) and np.all(np.abs(pooled) < 0.1)


@pytest.mark.slow
def test_the_correction_by_the_gauge_is_exact_where_tasks_factorise():
    """Each task scales S by its own factor: the share overstates S increasingly, share x share_1 / gauge does not."""
    rng, steps, sets = np.random.default_rng(3), 4, 12
    shares, corrected, gauges = [], [], []
    for _ in range(sets):
        hard = np.repeat(rng.random(400) < 0.5, 4)
        # Two that choose evenly among n agree with 1/n: the hard tasks a third as often as the others, at every step.
        rows = np.zeros((1600, steps + 1), int)
        for t in range(steps):
            few, many = ((1, 3), (2, 6))[t % 2]
            rows[:, t + 1] = rng.integers(0, np.where(hard, many, few), 1600)
        found = trace_entropy(trace(rows, np.repeat(np.arange(400), 4), 6), free=1)
        shares.append(found.estimates["history_share"][1:])
        corrected.append(found.estimates["corrected_share"][1:])
        gauges.append(found.estimates["gauge"][1:])
    exact = np.array([(1 + 1 / 3) / 2, (1 / 2 + 1 / 6) / 2] * 2)
    error, deviation = bias(np.array(corrected), exact)
    assert np.all(np.abs(error) < 4.0 * deviation + 2e-3), (error, deviation)
    over, deviation = bias(np.array(shares), exact)
    assert np.all(over[1:] > 10.0 * deviation[1:]) and np.all(np.diff(np.mean(gauges, axis=0)) > 0.0)


COVERED = {"history_share": EXACT.decision_share, "task_share": EXACT.task_share, "pooled_miller_madow": EXACT.pooled}


def coverage(intervals, exact, steps):
    low, high = np.moveaxis(intervals[:, :steps], -1, 0)
    return np.mean((low <= exact[:steps]) & (exact[:steps] <= high), axis=0)


@pytest.mark.slow
def test_intervals_cover():
    _, intervals = sample(24, 50, 4, replicates=255, seed=4)
    for name, exact in COVERED.items():
        # At the fourth step 20 pairs share their past; with fewer an interval of the share cannot cover.
        found = coverage(intervals[name], exact, 4)
        assert np.mean(found) > 0.85, (name, found)
        # Of 24 sets 0.90 gives less than 0.67 once in 3,000, and these are twelve checks.
        assert np.min(found) > 0.66, (name, found)
    wrong = coverage(intervals["task_share"], EXACT.decision_share, 6)
    assert np.max(wrong[2:]) < 0.2


@pytest.mark.slow
@pytest.mark.parametrize("size", [(50, 4), (200, 4), (50, 12)])
def test_intervals_cover_in_larger_sets(size):
    estimates, intervals = sample(100, *size, replicates=399, seed=5)
    for name, exact in COVERED.items():
        found = coverage(intervals[name], exact, 4)
        print(size, name, np.round(found, 3), np.round(bias(estimates[name][:, :6], exact[:6])[0], 4))
        # Means over four steps of 100 sets: 0.95 gives less than 0.90 once in 1,000; small sets have known deficits.
        assert np.mean(found) > (0.87 if size == (50, 4) else 0.9), (name, found)
