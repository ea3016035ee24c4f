"""Estimators of entropy from counts, against closed forms, other libraries, integrals and sampling."""

import itertools

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, strategies as st

from entropyjax import entropy as ee
from entropyjax.entropy import conditional, nsb

# Compiled whole: one operation after the other would take longer to compile.
plug_in, miller_madow, chao_shen, collision, renyi2 = map(
    jax.jit, (ee.plug_in, ee.miller_madow, ee.chao_shen, ee.collision, ee.renyi2)
)
SHARES = {"peaked": [0.85, 0.06, 0.05, 0.02, 0.02, 0.0], "even": [1 / 6] * 6, "halves": [0.5, 0.3, 0.2, 0.0, 0.0, 0.0]}
POINT = {"plug_in": plug_in, "miller_madow": miller_madow, "chao_shen": chao_shen, "nsb": lambda n: nsb(n).mean}


def compositions(total, parts):
    """Every vector of counts with this sum, and how it is multiplied: exact expectations without sampling."""
    bars = itertools.combinations(range(total + parts - 1), parts - 1)
    return np.array([np.diff([-1, *bar, total + parts - 1]) - 1 for bar in bars], float)


def expected(estimator, shares, total):
    """E[estimator] over multinomial counts, to rounding."""
    counts = compositions(total, len(shares))
    weight = scipy.stats.multinomial.pmf(counts, total, shares)
    return float(np.sum(np.where(weight > 0.0, weight * np.asarray(estimator(jnp.asarray(counts))), 0.0)))


def entropy(shares):
    return float(scipy.stats.entropy(shares))


@given(st.lists(st.integers(0, 60), min_size=6, max_size=6).filter(any))
def test_plug_in_and_corrections_are_their_formulas(counts):
    n, row = np.array(counts, float), jnp.asarray(counts, jnp.float64)
    seen, total, once = int(np.sum(n > 0)), n.sum(), int(np.sum(n == 1))
    np.testing.assert_allclose(plug_in(row), entropy(n), atol=1e-14)
    np.testing.assert_allclose(miller_madow(row), entropy(n) + (seen - 1) / (2 * total), atol=1e-14)
    once = once - 1 if once == total else once
    share = [mpmath.mpf(1 - mpmath.mpf(once) / int(total)) * int(k) / int(total) for k in n if k]
    exact = -sum(s * mpmath.log(s) / (1 - (1 - s) ** int(total)) if s else 0 for s in share)
    np.testing.assert_allclose(chao_shen(row), float(exact), rtol=1e-12, atol=1e-14)
    if total > 1:
        np.testing.assert_allclose(collision(row), np.sum(n * (n - 1)) / (total * (total - 1)), atol=1e-15)
    padded = jnp.concatenate([row, jnp.zeros(3)])
    for estimator in (plug_in, miller_madow, chao_shen, collision):
        np.testing.assert_array_equal(estimator(padded), estimator(row))


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_rows_without_counts_and_with_one(dtype):
    rows = jnp.array([[0, 0, 0], [0, 1, 0]], dtype)
    for name in ("plug_in", "miller_madow", "chao_shen"):
        assert np.asarray(POINT[name](rows)).tolist() == pytest.approx([np.nan, 0.0], nan_ok=True)
        assert POINT[name](rows).dtype == dtype
    assert np.isnan(collision(rows)).all() and np.isnan(renyi2(rows)).all()
    mean, deviation = nsb(np.asarray(rows))
    # One count tells nothing of the concentration: the mean of a prior that is almost flat in entropy, and a bit less.
    assert np.isnan(mean[0]) and 0.0 < mean[1] < np.log(3.0) and deviation[1] > 0.2


def test_single_precision_is_double_precision_rounded():
    counts = compositions(9, 4)
    for estimator in (plug_in, miller_madow, chao_shen, collision):
        single, double = estimator(jnp.asarray(counts, jnp.float32)), estimator(jnp.asarray(counts))
        assert single.dtype == jnp.float32
        np.testing.assert_allclose(single, double, atol=2e-6)
    np.testing.assert_array_equal(nsb(counts.astype(np.float32)).mean, nsb(counts).mean)


@pytest.mark.parametrize("shares", SHARES.values(), ids=SHARES)
@pytest.mark.parametrize("total", [2, 4, 8])
def test_agreement_is_unbiased_and_the_others_have_their_known_bias(shares, total):
    exact, truth = float(np.sum(np.square(shares))), entropy(shares)
    assert expected(collision, shares, total) == pytest.approx(exact, abs=1e-12)
    low = expected(plug_in, shares, total)
    # Closed forms: E[plug-in] of two counts is (1 - S) ln 2, and the first-order bias is within its next order.
    if total == 2:
        assert low == pytest.approx((1.0 - exact) * np.log(2.0), abs=1e-12)
    assert low < expected(miller_madow, shares, total) < truth + 0.02
    assert abs(expected(chao_shen, shares, total) - truth) < abs(low - truth)


def test_miller_madow_removes_the_first_order():
    shares = SHARES["halves"]
    bias = [expected(plug_in, shares[:3], n) - entropy(shares) for n in (20, 40)]
    np.testing.assert_allclose(bias, [-2 / 40, -2 / 80], rtol=0.06)
    left = [expected(miller_madow, shares[:3], n) - entropy(shares) for n in (20, 40)]
    assert np.all(np.abs(left) < 0.12 * np.abs(bias))


def nsb_by_quadrature(counts, categories):
    """Posterior mean and deviation by 20-digit quadrature over the concentration, and moments from polygamma."""
    total, n = sum(counts), list(counts) + [0] * (categories - len(counts))

    def parts(u):
        b = mpmath.exp(u)
        prior = b * (categories * mpmath.psi(1, categories * b + 1) - mpmath.psi(1, b + 1))
        a, whole = [k + b for k in n], total + categories * b
        like = mpmath.gamma(categories * b) / mpmath.gamma(whole)
        like *= mpmath.fprod(mpmath.rf(b, k) for k in n)
        mean = mpmath.psi(0, whole + 1) - sum(x * mpmath.psi(0, x + 1) for x in a) / whole
        # Var[H] of a Dirichlet, in the form of Archer, Park and Pillow.
        top, slope = mpmath.psi(0, whole + 2), mpmath.psi(1, whole + 2)
        d = [mpmath.psi(0, x + 1) - top for x in a]
        square = sum(
            (a[i] * a[j] * (d[i] * d[j] - slope))
            if i != j
            else a[i] * (a[i] + 1) * ((mpmath.psi(0, a[i] + 2) - top) ** 2 + mpmath.psi(1, a[i] + 2) - slope)
            for i in range(categories)
            for j in range(categories)
        ) / (whole * (whole + 1))
        return prior * like, mean, square

    with mpmath.workdps(20):
        grid = [mpmath.mpf(-18) + mpmath.mpf(k) / 6 for k in range(217)]
        rows = [parts(u) for u in grid]
        norm = sum(w for w, _, _ in rows)
        mean = sum(w * m for w, m, _ in rows) / norm
        return float(mean), float(mpmath.sqrt(sum(w * s for w, _, s in rows) / norm - mean**2))


@pytest.mark.parametrize(("counts", "categories"), [([3, 1], 2), ([2, 1, 1], 5), ([9, 1, 0, 2], 4)])
def test_nsb_is_its_integral(counts, categories):
    found = nsb(np.array(counts, float), categories)
    np.testing.assert_allclose([found.mean, found.deviation], nsb_by_quadrature(counts, categories), rtol=1e-6)


def test_nsb_means_are_those_of_sampled_scheduling_vectors():
    """The mean at one concentration, against Dirichlet samples."""
    from entropyjax.entropy.nsb import make_tables, weigh

    row, b, k = np.array([3, 1, 0]), np.array([0.4]), 6
    tables = make_tables(np.arange(4), jnp.asarray(b))
    _, mean = weigh(jnp.asarray(row), k, jnp.asarray(b), tables)
    sampled = scipy.stats.entropy(np.random.default_rng(0).dirichlet(np.r_[row, [0] * 3] + b, 200_000), axis=1)
    np.testing.assert_allclose(mean, sampled.mean(), atol=4 * sampled.std() / 200_000**0.5)


def test_nsb_limits():
    """Many counts: the entropy itself. None twice: the entropy of the prior. Its expectation is flat in entropy."""
    shares = np.array([0.7, 0.2, 0.1])
    found = nsb(1e5 * shares, 5)
    assert float(found.mean) == pytest.approx(entropy(shares), abs=3e-4)
    # The deviation is that of the plug-in entropy: Var[-ln p] / n.
    variance = np.sum(shares * np.log(shares) ** 2) - entropy(shares) ** 2
    assert float(found.deviation) == pytest.approx((variance / 1e5) ** 0.5, rel=0.01)
    assert float(nsb(np.ones(50), 1000).mean) > 6.0 > np.log(50.0)
    assert float(nsb(np.array([7.0]), 1).mean) == 0.0
    # All 4 alike among 15: far below what a flat prior on p (b = 1) would say, which is 2.3.
    assert float(nsb(np.array([4.0]), 15).mean) < 0.45


def test_nsb_averages_to_the_truth_under_its_own_prior():
    """Posterior means average to the mean entropy if p is drawn from the prior: calibration in 4,000 draws."""
    rng, k, n = np.random.default_rng(1), 8, 6
    u = np.linspace(-12.0, 12.0, 4001)
    b = np.exp(u)
    density = b * (k * scipy.special.polygamma(1, k * b + 1) - scipy.special.polygamma(1, b + 1))
    drawn = np.exp(np.interp(rng.random(4000), np.cumsum(density) / density.sum(), u))
    gamma = np.maximum(rng.standard_gamma(np.repeat(drawn[:, None], k, 1)), 1e-300)
    p = gamma / gamma.sum(axis=1, keepdims=True)
    mean, deviation = (np.asarray(x) for x in nsb(rng.multinomial(n, p).astype(float)))
    error = mean - scipy.stats.entropy(p, axis=1)
    assert abs(error.mean()) < 4 * error.std() / 4000**0.5
    assert np.mean(error**2) == pytest.approx(np.mean(deviation**2), rel=0.1)


def test_conditional_entropy_is_the_chain_rule():
    table = np.random.default_rng(2).integers(0, 9, (4, 5)).astype(float)
    rows = table / table.sum(axis=1, keepdims=True)
    exact = np.sum(table.sum(axis=1) / table.sum() * scipy.stats.entropy(rows, axis=1))
    got = conditional(jnp.asarray(table.ravel()), jnp.asarray(table.sum(axis=1)), plug_in)
    np.testing.assert_allclose(got, exact, rtol=1e-12)


def test_estimators_batch_and_compile():
    counts = jnp.asarray(np.random.default_rng(3).integers(0, 5, (2, 3, 4)).astype(float))
    for estimator in (plug_in, miller_madow, chao_shen, collision):
        np.testing.assert_allclose(jax.vmap(estimator)(counts), estimator(counts), rtol=1e-14)
    np.testing.assert_allclose(nsb(counts).mean[1, 2], nsb(counts[1, 2]).mean, rtol=1e-12)


@pytest.mark.parametrize(
    ("counts", "categories", "says"),
    [
        ([0.5, 1.0], None, "takes counts"),
        ([-1.0, 2.0], None, "takes counts"),
        ([1.0, 1.0, 1.0], 2, "3 categories were"),
    ],
)
def test_nsb_refuses_in_a_sentence(counts, categories, says):
    with pytest.raises(ValueError, match=says):
        nsb(np.array(counts), categories)
