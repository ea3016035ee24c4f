"""Which variant leads, and which are not told apart."""

import numpy as np
from hypothesis import given, strategies as st

from entropyjax.phase import leaders


def test_leaders_ties_and_cells_without_trials():
    successes = np.array([[90, 50, 100, 0], [50, 51, 100, 0], [10, 0, 0, 0]])
    found = leaders(successes, np.array([100, 100, 100, 0]))
    assert found.best.tolist() == [0, 1, 0, -1]
    assert found.alike.T.tolist() == [[1, 0, 0], [1, 1, 0], [1, 1, 0], [0, 0, 0]]
    assert found.tied.tolist() == [False, True, True, False]
    assert np.isnan(found.share[:, 3]).all() and found.share[0, 0] == 0.9


def test_without_noise_any_difference_counts():
    found = leaders(np.array([[1, 1], [0, 1]]), np.array(1), sigmas=0.0)
    assert found.alike.T.tolist() == [[1, 0], [1, 1]]
    assert leaders(np.array([[1], [0]]), np.array(1)).tied.all()


@given(st.integers(1, 500), st.lists(st.integers(0, 500), min_size=1, max_size=6))
def test_the_order_of_variants_does_not_matter(trials, counts):
    counts = np.minimum(counts, trials)[:, None]
    one, other = leaders(counts, np.array([trials])), leaders(counts[::-1], np.array([trials]))
    assert np.array_equal(one.alike, other.alike[::-1])
    assert one.alike[one.best[0], 0] and one.share[one.best[0], 0] == one.share.max()


def test_six_alike_variants_are_rarely_told_apart():
    rng = np.random.default_rng(0)
    found = leaders(rng.binomial(256, 0.5, (6, 20_000)), np.array(256))
    # The range of six normal variables passes 3 sqrt(2) sigma with probability 0.032.
    share = np.mean(found.alike.sum(axis=0) < 6)
    assert 0.02 < share < 0.05
