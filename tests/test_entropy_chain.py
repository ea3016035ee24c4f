"""Chains of choices: against all their outcomes one by one, and in 60-digit arithmetic where q is close to 1."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st
from mpmath import mp, mpf

from entropyjax.entropy import Choice, chain

CHANCES = st.lists(st.floats(0.0, 1.0), min_size=3, max_size=3)


def levels(right, wrong, dtype=jnp.float64):
    q, r = jnp.asarray(right, dtype), jnp.asarray(wrong, dtype)
    return Choice(q, r, jnp.zeros_like(q), jnp.zeros_like(q), q**2 + r**2)


lottery = jax.jit(chain.lottery)
choose = jax.jit(chain.choice)


@given(chances=CHANCES)
def test_the_lottery_is_hoeffdings_decomposition(chances):
    """`alone` is E[all right | R_l = 1] - E[all right | R_l = 0]; the rest of the variance is `together`."""
    q = np.array(chances)
    found = lottery(levels(q, 1.0 - q))
    path = 0.0
    for outcome in itertools.product((0, 1), repeat=3):
        path += np.prod(np.where(outcome, q, 1.0 - q)) * all(outcome)
    others = [np.prod(np.delete(q, level)) for level in range(3)]
    single = np.sum(np.square(others) * q * (1.0 - q))
    # Sums of a few numbers in [0, 1].
    np.testing.assert_allclose(found.alone, others, atol=1e-15)
    np.testing.assert_allclose(found.together, path * (1.0 - path) - single, atol=1e-15)
    assert found.together >= 0.0


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_small_chances_of_a_mistake_keep_their_precision(dtype):
    """1 - Q and `together` are relative to themselves, where 1 - q is far below the rounding of q."""
    mp.dps = 60
    wrong = [mpf(2) ** -40, mpf(2) ** -33, mpf(3) * mpf(2) ** -45]
    right = [1 - r for r in wrong]
    path = right[0] * right[1] * right[2]
    single = sum((path / q) ** 2 * q * r for q, r in zip(right, wrong, strict=True))
    given_levels = levels([float(q) for q in right], [float(r) for r in wrong], dtype)
    rtol = 10 * jnp.finfo(dtype).eps
    np.testing.assert_allclose(lottery(given_levels).together, float(path * (1 - path) - single), rtol=rtol)
    np.testing.assert_allclose(choose(given_levels, jnp.ones((), dtype)).wrong, float(1 - path), rtol=rtol)


def test_hopeless_levels_neither_overflow_nor_lose_the_gradient():
    q = jnp.array([1e-30, 1e-30, 1.0], jnp.float32)
    value, slope = jax.jit(jax.value_and_grad(lambda q: chain.lottery(levels(q, 1.0 - q, jnp.float32)).together))(q)
    assert np.isfinite(value) and np.all(np.isfinite(slope))
