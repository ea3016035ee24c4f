"""The functionals of a full scheduling vector: against 40 digits, against the reduced forms, and invariants."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st
from mpmath import mp, mpf

from entropyjax.entropy import binary, categorical

SEEDS = st.integers(0, 2**32 - 1)
FUNCTIONALS = {
    "p": categorical.scheduling_vector,
    "H": categorical.shannon_entropy,
    "S": categorical.collision_probability,
}
COMPILED = {name: jax.jit(function) for name, function in FUNCTIONALS.items()}
EPS = {jnp.float32: 2.0**-23, jnp.float64: 2.0**-52}


def exact(logits, weights):
    logits, weights = ([mpf(float(value)) for value in column] for column in (logits, weights))
    total = sum(w * mp.exp(z) for z, w in zip(logits, weights, strict=True))
    log_p = [z - mp.log(total) for z in logits]
    pairs = list(zip(weights, log_p, strict=True))
    return {
        "p": [w * mp.exp(value) for w, value in pairs],
        "H": -sum(w * mp.exp(value) * value for w, value in pairs),
        "S": sum(w * mp.exp(2 * value) for w, value in pairs),
        "size": sum(w * mp.exp(value) * abs(value) for w, value in pairs),
    }


def rosters():
    """Logits and weights: spread and focused, padded, with a fractional last place, and with padding on top."""
    rng = np.random.default_rng(0)
    out = []
    for spread in (0.0, 1.0, 8.0, 30.0):
        logits = spread * rng.uniform(-1.0, 1.0, 12)
        out.append((logits, np.ones(12)))
        out.append((logits, np.array([1.0] * 6 + [0.37] + [0.0] * 5)))
        out.append((np.where(np.arange(12) < 7, logits, 100.0), np.array([1.0] * 7 + [0.0] * 5)))
    for gap in (5.0, 13.0, 30.0):
        out.append((np.array([gap] + [0.0] * 11), np.ones(12)))
        out.append((np.array([0.0] * 6 + [gap] + [0.0] * 5), np.array([1.0] * 6 + [0.5] + [0.0] * 5)))
    return out


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_against_mpmath(dtype):
    for logits, weights in rosters():
        z, w = jnp.asarray(logits, dtype), jnp.asarray(weights, dtype)
        got = {name: np.asarray(function(z, w), float) for name, function in COMPILED.items()}
        with mp.workdps(40):
            truth = exact(np.asarray(z, float), np.asarray(w, float))
        # Differences of logits are exact to |z| eps, which is the relative error of e^z; 12 terms are summed.
        present = np.asarray(w) > 0.0
        bound = EPS[dtype] * (16.0 + 4.0 * np.abs(np.asarray(z, float)[present]).max())
        assert np.all(np.abs(got["p"] - np.array(truth["p"], float)) <= bound * np.array(truth["p"], float))
        assert abs(got["H"] - truth["H"]) <= bound * truth["size"]
        assert abs(got["S"] - truth["S"]) <= 2.0 * bound * truth["S"]
        assert np.all(got["p"][~present] == 0.0)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
@pytest.mark.parametrize("effective", [1.05, 1.5, 2.0, 2.5, 7.3, 8.0, 11.0])
def test_equal_rivals_are_the_reduced_form(effective, dtype):
    """At every real N_e, also below 2, with the fractional weight on the last place."""
    weights = jnp.asarray(np.clip(effective - np.arange(12), 0.0, 1.0), dtype)
    rivals = jnp.asarray(effective - 1.0, dtype)
    for gap in (-30.0, -8.0, -1.0, 0.0, 0.5, 4.0, 12.0, 30.0):
        logits = jnp.asarray([gap] + [0.0] * 11, dtype)
        reduced = binary.choice(logits[0], rivals)
        p = COMPILED["p"](logits, weights)
        # As above, and the weights sum to the rivals to 1 eps of N_e, which is up to eps / rivals of them.
        bound = EPS[dtype] * (24.0 + 4.0 * abs(gap)) * max(1.0, effective / (effective - 1.0))
        np.testing.assert_allclose(float(p[0]), float(reduced.right), rtol=bound)
        np.testing.assert_allclose(float(p[1:].sum()), float(reduced.wrong), rtol=bound)
        np.testing.assert_allclose(float(COMPILED["S"](logits, weights)), float(reduced.collision), rtol=bound)
        size = float(p[0] * (1.0 + abs(gap)) + p[1:].sum() * (1.0 + abs(gap)))
        # H is relative to its own size where the right executor has the majority, else to its terms.
        scale = size if gap < 3.0 else float(reduced.wrong) * (2.0 + gap)
        assert abs(float(COMPILED["H"](logits, weights)) - float(reduced.entropy)) <= bound * scale


@jax.jit
def gradients(logits, weights):
    def total(z, w):
        return (
            jnp.sum(jnp.arange(1.0, 13.0, dtype=z.dtype) * categorical.scheduling_vector(z, w))
            + categorical.shannon_entropy(z, w)
            + 2.0 * categorical.collision_probability(z, w)
        )

    return jax.grad(total, (0, 1))(logits, weights)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_gradients_by_logits(dtype):
    """d p_i/d z_j = p_i (delta_ij - p_j), dH/dz_j = -p_j (ln p_j/w_j + H), dS/dz_j = 2 p_j (p_j/w_j - S)."""
    for logits, weights in rosters():
        z, w = jnp.asarray(logits, dtype), jnp.asarray(weights, dtype)
        by_logits, by_weights = (np.asarray(leaf, float) for leaf in gradients(z, w))
        assert np.all(np.isfinite(by_logits)) and np.all(np.isfinite(by_weights))
        with mp.workdps(40):
            truth = exact(np.asarray(z, float), np.asarray(w, float))
            places = range(1, 13)
            mean = sum(k * p for k, p in zip(places, truth["p"], strict=True))
            for j, (p, weight) in enumerate(zip(truth["p"], np.asarray(w, float), strict=True)):
                if weight == 0.0:
                    assert by_logits[j] == 0.0
                    continue
                density = p / mpf(weight)
                expected = p * (j + 1 - mean) - p * (mp.log(density) + truth["H"]) + 4 * p * (density - truth["S"])
                # Terms of up to 12, the logarithm and 4, that may cancel, each conditioned by |z| eps.
                size = p * (16 + abs(mp.log(density)) + truth["size"])
                bound = EPS[dtype] * (32.0 + 4.0 * float(np.abs(np.asarray(z, float)[weights > 0.0]).max()))
                assert abs(by_logits[j] - expected) <= bound * size


def random_roster(seed):
    rng = np.random.default_rng(seed)
    weights = rng.choice([0.0, 1.0, rng.uniform(0.01, 1.0)], 12)
    weights[rng.integers(12)] = 1.0
    return rng.uniform(0.0, 12.0) * rng.normal(size=12), weights


@given(SEEDS)
def test_invariants(seed):
    """sum p = 1, 0 <= p, H <= ln N_e and S >= 1/N_e by Jensen, and H >= -ln S."""
    logits, weights = random_roster(seed)
    z, w = jnp.asarray(logits), jnp.asarray(weights)
    p, entropy, collision = (np.asarray(COMPILED[name](z, w)) for name in FUNCTIONALS)
    effective = weights.sum()
    assert np.all(p >= 0.0) and abs(p.sum() - 1.0) < 1e-14
    assert entropy <= np.log(effective) + 1e-13
    assert collision >= (1.0 - 1e-13) / effective
    assert entropy >= -np.log(collision) - 1e-12
    if np.all(np.isin(weights, (0.0, 1.0))):
        assert entropy >= -1e-15 and collision <= 1.0 + 1e-14


@given(SEEDS)
def test_permutations_and_shifts_change_nothing(seed):
    logits, weights = random_roster(seed)
    rng = np.random.default_rng(seed)
    order = rng.permutation(12)
    shift = rng.normal() * 10.0
    for name, function in COMPILED.items():
        here = np.asarray(function(jnp.asarray(logits), jnp.asarray(weights)))
        there = np.asarray(function(jnp.asarray(logits[order] + shift), jnp.asarray(weights[order])))
        # Shifting rounds logits of up to 50 by eps of their size.
        np.testing.assert_allclose(there, here[order] if name == "p" else here, rtol=2e-13, atol=2e-14)


@given(SEEDS)
def test_the_covariance_is_the_rate_of_the_entropy(seed):
    """dH/dt = -Cov_p(z, v) when dz/dt = v."""
    logits, weights = random_roster(seed)
    z, w, v = jnp.asarray(logits), jnp.asarray(weights), jnp.asarray(np.random.default_rng(seed + 1).normal(size=12))
    _, rate = jax.jvp(lambda z: categorical.shannon_entropy(z, w), (z,), (v,))
    # Logits of up to 40 are centred: 40 eps times v.
    assert abs(float(rate + categorical.covariance(z, w, v))) < 1e-13 * (1.0 + np.abs(logits).max())


def test_the_covariance_keeps_its_precision_when_focused():
    """Two executors: Cov(z, v) = x q (1-q) (v_0 - v_1), to some ulp at every gap."""
    for gap in (5.0, 10.0, 15.0, 20.0):
        logits, values = jnp.asarray([gap, 0.0], jnp.float32), jnp.asarray([1.5, 0.5], jnp.float32)
        got = categorical.covariance(logits, jnp.ones(2, jnp.float32), values)
        expected = gap / (1.0 + np.exp(-gap)) / (1.0 + np.exp(gap))
        assert abs(float(got) - expected) <= (16.0 + 4.0 * gap) * EPS[jnp.float32] * expected, gap


@given(SEEDS)
def test_log_odds_are_the_majority(seed):
    logits, weights = random_roster(seed)
    weights[:2] = 1.0
    z, w = jnp.asarray(logits), jnp.asarray(weights)
    p, odds = np.asarray(categorical.scheduling_vector(z, w)), float(categorical.log_odds(z, w))
    np.testing.assert_allclose(odds, np.log(p[0]) - np.log(p[1:].sum()), rtol=1e-12, atol=1e-12)
