"""The reduced functionals against 40-digit arithmetic, their gradients and their invariants."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st
from mpmath import mp, mpf

from entropyjax.entropy import binary
from entropyjax.entropy.logarithm import log1p_unit

GAPS = np.array([-30.0, -12.5, -3.0, -0.7, -1e-3, 0.0, 1e-3, 0.4, 1.0, 2.0794, 5.0, 9.3, 13.8, 20.0, 30.0])
RIVALS = np.array([phi * (n - 1.0) for n in (2.0, 2.5, 8.0, 1e3, 1e6) for phi in (1.0, 0.37, 0.01)])
FIELDS = {"q": "right", "1-q": "wrong", "H": "entropy", "h": "normalised_entropy", "S": "collision"}


def functional(name):
    return lambda gap, rivals: getattr(binary.choice(gap, rivals), FIELDS[name])


choose = jax.jit(binary.choice)


def exact(gap, rivals):
    """The functionals with 40 digits, straight from the model page."""
    q = 1 / (1 + rivals * mp.exp(-gap))
    wrong = rivals * mp.exp(-gap) / (1 + rivals * mp.exp(-gap))
    entropy = -q * mp.log(q) - wrong * mp.log(wrong / rivals)
    return {
        "q": q,
        "1-q": wrong,
        "H": entropy,
        "h": entropy / mp.log(1 + rivals),
        "S": q**2 + wrong**2 / rivals,
    }


def sizes(gap, rivals):
    """Sizes of the terms that are added up; H has two of either sign when there is less than one rival."""
    parts = exact(gap, rivals)
    q, wrong = parts["q"], parts["1-q"]
    entropy = -q * mp.log(q) + abs(wrong * mp.log(wrong)) + wrong * abs(mp.log(rivals))
    return {**parts, "H": entropy, "h": entropy / mp.log(1 + rivals)}


def grid(dtype):
    """Every gap with every number of rivals, and both as the floating type sees them."""
    gaps, rivals = (column.ravel() for column in np.meshgrid(GAPS, RIVALS))
    return jnp.asarray(gaps, dtype), jnp.asarray(rivals, dtype)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
@pytest.mark.parametrize("name", FIELDS)
def test_against_mpmath(name, dtype):
    gaps, rivals = grid(dtype)
    got = getattr(choose(gaps, rivals), FIELDS[name])
    assert got.dtype == dtype
    eps = float(jnp.finfo(dtype).eps)
    with mp.workdps(40):
        for value, gap, rival in zip(
            np.asarray(got, float), np.asarray(gaps, float), np.asarray(rivals, float), strict=True
        ):
            expected = exact(mpf(gap), mpf(rival))[name]
            size = sizes(mpf(gap), mpf(rival))[name]
            # The inputs' advantage x - ln(rivals) is known to (|x| + |ln rivals|) eps absolutely, which is the
            # relative error of e^{-x}; S squares it. Four more eps for the library functions, twice for H's sum.
            bound = eps * (8.0 + 2.0 * (abs(gap) + abs(np.log(rival)))) * size
            assert abs(value - expected) <= bound, (gap, rival, value, float(expected))


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
@pytest.mark.parametrize("name", FIELDS)
def test_gradients_against_mpmath(name, dtype):
    """Derivatives by the gap and by the number of rivals, finite everywhere on the grid."""
    gaps, rivals = grid(dtype)
    by_gap, by_rivals = jax.jit(jax.vmap(jax.grad(functional(name), (0, 1))))(gaps, rivals)
    assert np.all(np.isfinite(by_gap)) and np.all(np.isfinite(by_rivals))
    eps = float(jnp.finfo(dtype).eps)
    rows = zip(*(np.asarray(column, float) for column in (gaps, rivals, by_gap, by_rivals)), strict=True)
    with mp.workdps(40):
        for gap, rival, first, second in rows:
            # Terms of the derivatives: q (1-q) (1 + |x| + |ln rivals|) from q moving, and 1-q, h and (1-q)^2 from
            # rivals moving at fixed q, over rivals and ln N_e; each conditioned as above.
            weight = 1.0 + abs(gap) + abs(np.log(rival))
            parts, norm = exact(mpf(gap), mpf(rival)), np.log1p(rival)
            q, wrong = parts["q"], parts["1-q"]
            size = weight * q * wrong / min(1.0, rival, norm)
            extra = {"H": wrong, "h": (wrong + abs(parts["h"])) / norm, "S": wrong**2 / rival}.get(name, 0)
            expected = mp.diff(lambda x, r=rival: exact(x, mpf(r))[name], mpf(gap))
            assert abs(first - expected) <= 8.0 * eps * weight * (size + extra * q), (gap, rival, first)
            expected = mp.diff(lambda r, x=gap: exact(mpf(x), r)[name], mpf(rival), h=mpf(rival) * mpf(10) ** -12)
            bound = 8.0 * eps * weight * (size + 2.0 * extra) / rival
            assert abs(second - expected) <= bound, (gap, rival, second)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_check_3_two_equal_executors(dtype):
    zero, one = jnp.zeros((), dtype), jnp.ones((), dtype)
    found = choose(zero, one)
    eps = float(jnp.finfo(dtype).eps)
    assert float(found.right) == float(found.wrong) == float(found.collision) == 0.5
    assert abs(float(found.entropy) - np.log(2.0)) <= 2.0 * eps
    assert abs(float(found.normalised_entropy) - 1.0) <= 2.0 * eps


@given(st.floats(0.0, 60.0), st.floats(1e-3, 1e7))
def test_invariants(gap, rivals):
    """For x >= 0: 0 <= H <= ln N_e, 1/N_e <= S <= 1; q + (1-q) = 1; all up to rounding of their terms."""
    q, wrong, entropy, h, collision = map(float, choose(jnp.asarray(gap), jnp.asarray(rivals)))
    eps = 2.0**-52
    slack = eps * (8.0 + 2.0 * (gap + abs(np.log(rivals))))
    assert abs(q + wrong - 1.0) <= 2.0 * eps
    # With less than one rival, H is a difference of terms of the size of (1-q)|ln rivals|.
    size = np.log1p(rivals) + wrong * abs(np.log(rivals))
    assert -slack * size <= entropy <= np.log1p(rivals) + slack * size
    assert -slack * size <= h * np.log1p(rivals) <= np.log1p(rivals) + slack * size
    assert (1.0 - slack) / (1.0 + rivals) <= collision <= 1.0 + slack


@given(st.floats(1e-6, 40.0), st.floats(1e-3, 10.0), st.floats(0.1, 1e6))
def test_entropy_falls_and_collisions_grow_with_the_gap(gap, rise, rivals):
    low, high = (choose(jnp.asarray(x), jnp.asarray(rivals)) for x in (gap, gap + rise))
    assert high.entropy < low.entropy
    assert high.right >= low.right
    assert high.collision >= low.collision * (1.0 - 1e-14)


slope_of_entropy = jax.jit(jax.grad(functional("H")))


@given(st.floats(-30.0, 30.0), st.floats(0.05, 1e6))
def test_the_slope_of_the_entropy(gap, rivals):
    """dH/dx = -x q (1-q), which the two forces are made of."""
    x, r = jnp.asarray(gap), jnp.asarray(rivals)
    q, wrong = choose(x, r)[:2]
    slope = slope_of_entropy(x, r)
    size = float(q * wrong) * (1.0 + abs(gap) + abs(np.log(rivals)))
    assert abs(float(slope + x * q * wrong)) <= 32 * 2.0**-52 * size * (1.0 + abs(gap) + abs(np.log(rivals)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_logarithm_of_a_share_is_exact_to_units_in_the_last_place(dtype):
    share = np.concatenate([np.linspace(0.0, 1.0, 100_001), np.logspace(-37.0, 0.0, 10_001)]).astype(dtype)
    exact = np.log1p(share.astype(np.longdouble))
    found = np.asarray(log1p_unit(jnp.asarray(share)))
    assert found.dtype == dtype
    # In float64 it is XLA's, whose error was measured as 1.9.
    unit = np.spacing(np.maximum(exact, np.finfo(dtype).tiny).astype(dtype))
    assert np.max(np.abs(found.astype(np.longdouble) - exact) / unit) <= (2.2 if dtype == np.float32 else 2.0)
    slope = np.asarray(jax.vmap(jax.grad(log1p_unit))(jnp.asarray(share)))
    np.testing.assert_allclose(slope, 1.0 / (1.0 + share), rtol=2.0 * np.finfo(dtype).eps)
