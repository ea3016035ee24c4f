"""The gap at which the choice has a given entropy: against root-finding, to both ends, with its gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import systems
from hypothesis import given, strategies as st
from mpmath import mp, mpf
from scipy.optimize import brentq

from entropyjax.entropy import binary, gap_at

RIVALS = [0.5, 1.0, 1.5, 7.0, 999.0, 1e6 - 1.0]
LEVELS = [0.02, 0.2, 0.5, 0.8, 0.98]


def normalised(x, rivals):
    return systems.choice(x, rivals)[2]


def threshold(level, rivals):
    return brentq(lambda x: normalised(x, rivals) - level, 1e-9, 60.0, xtol=1e-14, rtol=1e-14)


@pytest.fixture(scope="module")
def thresholds():
    levels, rivals = (grid.ravel() for grid in np.meshgrid(LEVELS, RIVALS))
    return levels, rivals, np.array([threshold(*pair) for pair in zip(levels, rivals, strict=True)])


def conditioning(x, level, rivals):
    """|d ln x / d ln h|: how much an error of h moves x, both relative."""
    q = systems.choice(x, rivals)[0]
    return level * np.log(1.0 + rivals) / (x * x * q * (1.0 - q))


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_against_brentq(thresholds, dtype):
    levels, rivals, expected = thresholds
    got = jax.jit(jax.vmap(gap_at))(jnp.asarray(levels, dtype), jnp.asarray(rivals, dtype))
    assert got.dtype == dtype
    eps = float(jnp.finfo(dtype).eps)
    # h is good to a few eps relative; its conditioning carries that over to x.
    tolerance = (
        16.0 * eps * (1.0 + np.array([conditioning(*row) for row in zip(expected, levels, rivals, strict=True)]))
    )
    assert np.all(np.abs(np.asarray(got, float) - expected) <= tolerance * expected)


def test_gradients_against_differences(thresholds):
    """Against differences of brentq in ln rivals and in the level."""
    levels, rivals, _ = thresholds
    by_level, by_rivals = jax.jit(jax.vmap(jax.grad(gap_at, argnums=(0, 1))))(jnp.asarray(levels), jnp.asarray(rivals))
    for k, (level, rival) in enumerate(zip(levels, rivals, strict=True)):
        d, r = 1e-5 * level, 1e-5 * rival
        if level + d < 1.0:
            expected = (threshold(level + d, rival) - threshold(level - d, rival)) / (2.0 * d)
            # Differences: 1e-10 of truncation times third derivatives, brentq's 1e-14 over 1e-5.
            np.testing.assert_allclose(by_level[k], expected, rtol=1e-6)
        expected = (threshold(level, rival + r) - threshold(level, rival - r)) / (2.0 * r)
        np.testing.assert_allclose(by_rivals[k] * rival, expected * rival, rtol=1e-6, atol=1e-7)


NEAR = {jnp.float64: 1e-9, jnp.float32: 8e-6}
"""How far below 1 the chord begins."""
solve = jax.jit(gap_at)
slopes = jax.jit(jax.vmap(jax.value_and_grad(gap_at, argnums=(0, 1))))


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
@given(seed=st.integers(0, 2**32 - 1))
def test_the_choice_at_the_gap_has_the_entropy(seed, dtype):
    """h(x) = level between the ends, to the rounding of h and that of x times the slope of h."""
    rng = np.random.default_rng(seed)
    level = jnp.asarray(np.where(rng.uniform(size=64) < 0.5, rng.uniform(size=64), 10.0 ** rng.uniform(-11.9, 0, 64)))
    level = jnp.minimum(level, 1.0 - NEAR[dtype]).astype(dtype)
    rivals = jnp.asarray(10.0 ** rng.uniform(-1.0, 6.0, 64), dtype)
    gap = solve(level, rivals)
    at = binary.choice(gap, rivals)
    slope = np.asarray(gap * at.right * at.wrong / jnp.log1p(rivals))
    eps = float(jnp.finfo(dtype).eps)
    assert gap.dtype == dtype and np.all(gap > 0.0)
    found, wanted = (np.asarray(value, float) for value in (at.normalised_entropy, level))
    assert np.all(np.abs(found - wanted) <= 8.0 * eps * (wanted + slope * np.asarray(gap)) + 1e-30)


def test_the_tail_against_forty_digits():
    """h -> 0, where the gap grows like ln(1/h)."""
    for rivals in (0.5, 7.0, 1e5):
        for level in (1e-4, 1e-8, 1e-11):
            with mp.workdps(40):
                r = mpf(rivals)

                def excess(x, r=r, level=level):
                    q, wrong = 1 / (1 + r * mp.exp(-x)), r * mp.exp(-x) / (1 + r * mp.exp(-x))
                    return mp.log((-q * mp.log(q) - wrong * mp.log(wrong / r)) / mp.log(1 + r) / mpf(level))

                expected = float(mp.findroot(excess, (mp.log(r / level), mp.log(r / level) + 5)))
            np.testing.assert_allclose(solve(level, rivals), expected, rtol=1e-13)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_both_ends_are_finite_with_their_gradients(dtype):
    level = jnp.asarray([-0.5, 0.0, 1e-12, 1e-6, 1.0 - 0.5 * NEAR[dtype], 1.0, 1.5], dtype)
    rivals = jnp.full_like(level, 7.0)
    gap, (by_level, by_rivals) = slopes(level, rivals)
    assert all(np.all(np.isfinite(leaf)) for leaf in (gap, by_level, by_rivals))
    # Below 1e-12 as there; at 1 and above alike.
    assert gap[0] == gap[1] == gap[2] and by_level[0] == by_level[1] == 0.0
    assert gap[-2] == gap[-1] == 0.0 and by_level[-2] < 0.0
    # The chord: half of it is half of the gap where it begins.
    begin = solve(jnp.asarray(1.0 - NEAR[dtype], dtype), rivals[0])
    np.testing.assert_allclose(gap[4], 0.5 * begin, rtol=0.05 if dtype == jnp.float32 else 1e-6)


def test_the_chord_joins_the_curve():
    """At its start the gap is that of 1 - h = x^2 r / (2 (1+r)^2 ln N_e), to the next order in x."""
    for rivals in (1.0, 7.0, 99.0):
        near = NEAR[jnp.float64]
        expected = np.sqrt(2.0 * near * np.log1p(rivals) * (1.0 + rivals) ** 2 / rivals)
        np.testing.assert_allclose(solve(1.0 - near, rivals), expected, rtol=2e-3)
