"""Likelihoods against sums over all that could have been seen, and known frequencies."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest
from inference.agents import trace
from scipy import stats
from scipy.integrate import quad

from entropyjax.entropy import binary
from entropyjax.inference.terms import Agreement, Completions, Dispatches, Entropies, Seen, Tokens
from entropyjax.inference.units import units

GAPS = np.array([-1.0, 0.0, 2.5, 9.0])


def seen(rows, rivals, dtype=float, tokens=None, deviation=None, **values):
    """What a model expects at `rows` alike rows, each of GAPS a value of the random effect."""
    gap = jnp.asarray(np.broadcast_to(GAPS, (rows, len(GAPS))), dtype)
    column = {name: jnp.full((rows, 1), value, dtype) for name, value in values.items()}
    inflow = None if tokens is None else jnp.full((rows, 1), tokens, dtype)
    weights = jnp.full(len(GAPS), 1.0 / len(GAPS), dtype)
    noise = None if deviation is None else jnp.full((rows, 1), deviation, dtype)
    return Seen(gap, noise, jnp.full((rows, 1), rivals, dtype), inflow, weights, column)


def rows_of(term, count, **columns):
    return term(*(np.zeros(count, int) for _ in range(3)), np.ones(count), **columns)


def chances(x, rivals):
    q = 1.0 / (1.0 + rivals * np.exp(-x))
    return np.array([q, *[(1.0 - q) / rivals] * rivals])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("runs", "rivals"), [(2, 1), (2, 5), (3, 2), (4, 4)])
def test_agreement_is_the_chance_that_runs_part_so(runs, rivals, dtype):
    found = {}
    for drawn in itertools.product(range(rivals + 1), repeat=runs):
        part = tuple(sorted(np.unique(drawn, return_counts=True)[1], reverse=True))
        first = tuple(drawn.index(each) for each in drawn)
        found.setdefault((part, first), np.zeros(len(GAPS)))
        found[part, first] += [np.prod(chances(x, rivals)[list(drawn)]) for x in GAPS]
    counts = np.array([np.pad(part, (0, runs - len(part))) for part, _ in found], float)
    term = rows_of(Agreement, len(found), counts=counts)
    ours = np.exp(np.asarray(term.log_likelihood(seen(len(found), rivals, dtype))))
    # Logarithms of numbers of order one, a dozen operations of one rounding each, and the largest is below 20.
    np.testing.assert_allclose(ours, list(found.values()), rtol=200 * np.finfo(dtype).eps, atol=1e-12)
    np.testing.assert_allclose(ours.sum(axis=0), 1.0, rtol=1e-5 if dtype == np.float32 else 1e-12)


@pytest.mark.parametrize(("deviation", "within"), [(0.0, 1e-14), (0.3, 2e-6), (1.0, 2.1e-3)])
def test_dispatches_are_right_with_the_mean_over_the_noise(deviation, within):
    found = seen(1, 5.0, deviation=deviation)

    def mean(x):
        def right_at(u):
            return stats.norm.pdf(u) / (1.0 + 5.0 * np.exp(-(x + deviation * u)))

        # Beyond nine deviations there is 1e-19 of a normal.
        return quad(right_at, -9.0, 9.0, epsabs=1e-12)[0]

    right = np.array([mean(x) for x in GAPS])
    np.testing.assert_allclose(np.exp(found.log_right)[0], right, rtol=0, atol=within)
    np.testing.assert_allclose(np.exp(found.log_wrong)[0], 1.0 - right, rtol=0, atol=within)


def test_two_runs_agree_with_the_collision_probability_at_any_number_of_rivals():
    term = rows_of(Agreement, 1, counts=np.array([[2.0, 0.0]]))
    for rivals in (0.7, 3.3, 14.0):
        ours = np.exp(np.asarray(term.log_likelihood(seen(1, rivals))))[0]
        np.testing.assert_allclose(ours, binary.choice(jnp.asarray(GAPS), rivals).collision, rtol=1e-12)


def test_agreement_rows_are_the_groups_that_share_their_past():
    runs = trace([[0, 1, 2], [0, 1, 3], [0, 2, 2], [4, 1, 2]], [0, 0, 0, 1], 5)
    term = Agreement.of(runs, units(runs), 0)
    assert term.counts.tolist() == [[3.0, 0.0], [2.0, 1.0], [1.0, 1.0]]
    assert term.step.tolist() == [0, 1, 2] and term.count.tolist() == [2.0, 2.0, 1.0]
    assert Agreement.of(trace([[0, 1], [1, 0]], [0, 1], 3), units(trace([[0, 1], [1, 0]], [0, 1], 3))) is None


def test_dispatches_are_bernoulli():
    runs = trace([[0, 1], [0, 1], [0, 1]], [0, 0, 0], 4, error=np.array([0, 1, 0, 0, 1, -1], np.int8))
    term = Dispatches.of(runs, units(runs))
    assert (term.right.tolist(), term.wrong.tolist()) == ([2.0, 1.0], [1.0, 1.0])
    q = chances_right(3.0)
    expected = np.stack([2 * np.log(q) + np.log1p(-q), np.log(q) + np.log1p(-q)])
    np.testing.assert_allclose(term.log_likelihood(seen(2, 3.0)), expected, rtol=1e-12)


def chances_right(rivals):
    return 1.0 / (1.0 + rivals * np.exp(-GAPS))


def test_completions_are_a_hazard_with_censoring():
    runs = trace([[0, 1, -1], [0, 1, 2], [0, -1, -1]], [0, 0, 0], 4, success=np.array([1, 0, -1], np.int8))
    term = Completions.of(runs, units(runs))
    # The run whose success is not known says nothing; the one that failed is censored at its end.
    assert (term.success.tolist(), term.others.tolist()) == ([0, 1, 0], [2, 1, 1])
    hazard = 0.3 * chances_right(3.0)
    total = np.asarray(term.log_likelihood(seen(3, 3.0, resolution_rate=0.3))).sum(axis=0)
    np.testing.assert_allclose(total, np.log(hazard) + 4 * np.log1p(-hazard), rtol=1e-10)


def test_tokens_are_normal_about_the_inflow_over_the_scale():
    tokens = np.array([0.5, 1.5, 0.7, np.nan])
    runs = trace([[0, 1], [0, 1]], [0, 0], 4, tokens=tokens)
    term = Tokens.of(runs, units(runs))
    ours = np.asarray(term.log_likelihood(seen(2, 3.0, tokens=2.0, token_scale=2.5, increment_noise=0.4)))[:, 0]
    expected = stats.norm(0.8, 0.4).logpdf(tokens[:3])
    np.testing.assert_allclose(ours, [expected[0] + expected[2], expected[1]], rtol=1e-12)


def test_entropies_are_normal_about_the_mean_over_tasks():
    term = rows_of(Entropies, 1, estimate=np.array([0.9]), error=np.array([0.1]), number=np.array([20.0]))
    mean = float(binary.choice(jnp.asarray(GAPS), 3.0).entropy.mean()) + 0.2
    ours = float(term.log_likelihood(seen(1, 3.0, diversity=0.2))[0, 0])
    assert ours == pytest.approx(stats.norm(mean, 0.1).logpdf(0.9), rel=1e-12)
