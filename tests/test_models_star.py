"""The star: the focus threshold, attention at extreme loads, and its formulas against numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import systems
from mpmath import mp, mpf
from scipy.optimize import brentq

from entropyjax.entropy import gap_at
from entropyjax.models import Star, context as ctx
from entropyjax.models.orchestrator import OrchestratorState
from entropyjax.params import cast

STAR = Star()
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
def test_focus_at_against_brentq(thresholds, dtype):
    levels, rivals, expected = thresholds
    got = jax.jit(jax.vmap(gap_at))(jnp.asarray(levels, dtype), jnp.asarray(rivals, dtype))
    assert got.dtype == dtype
    eps = float(jnp.finfo(dtype).eps)
    # h is good to a few eps relative; its conditioning carries that over to x.
    tolerance = (
        16.0 * eps * (1.0 + np.array([conditioning(*row) for row in zip(expected, levels, rivals, strict=True)]))
    )
    assert np.all(np.abs(np.asarray(got, float) - expected) <= tolerance * expected)


def test_gradients_of_focus_at(thresholds):
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


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
@pytest.mark.parametrize("order", [0.3, 1.0, 2.0, 20.0])
def test_attention_at_extreme_loads(order, dtype):
    params = cast(STAR.params(dilution_order=order), dtype)
    loads = jnp.asarray([0.0, 1e-30, 1e-3, 0.5, 1.0, 2.0, 1e3, 1e30], dtype)

    def both(load):
        return ctx.attention(params, load), ctx.inattention(params, load)

    kept, lost = jax.jit(jax.vmap(both))(loads)
    tiny, eps = float(jnp.finfo(dtype).tiny), float(jnp.finfo(dtype).eps)
    with mp.workdps(40):
        for k, load in enumerate(np.asarray(loads, float)):
            power = mpf(float(load)) ** mpf(float(dtype(order)))
            for got, expected in ((kept[k], 1 / (1 + power)), (lost[k], power / (1 + power))):
                # exp of n ln L: |n ln L| eps in relative size; below the smallest normal number anything small.
                # At L = 0 the load counts as the smallest normal number.
                bound = 4.0 * eps * (1.0 + abs(order * np.log(max(load, tiny)))) * float(expected)
                floor = tiny if load > 0.0 else 1.01 * tiny**order
                assert abs(float(got) - float(expected)) <= bound + max(floor, tiny), (load, got, expected)

    def total(params, load):
        return ctx.attention(params, load) + 3.0 * ctx.inattention(params, load)

    for leaf in jax.tree.leaves(jax.jit(jax.vmap(jax.grad(total, (0, 1)), (None, 0)))(params, loads)):
        assert np.all(np.isfinite(leaf))


def test_drift_and_observables_against_numpy():
    rng = np.random.default_rng(0)
    for name, values in systems.STARS.items():
        p, params = {**systems.DEFAULTS, **values}, STAR.params(**values)
        y = np.array([3.0 * rng.normal(), rng.uniform(), 30.0 * rng.exponential()])
        state = OrchestratorState(*map(jnp.asarray, y))
        drift = jnp.stack(STAR.drift(jnp.asarray(0.0), state, cast(params, jnp.float64)))
        np.testing.assert_allclose(drift, systems.star_rhs(0.0, y, p), rtol=1e-12, atol=1e-13, err_msg=name)
        rivals = p["roster_similarity"] * (p["n_agents"] - 1.0)
        q, entropy, h = systems.choice(y[0], rivals)
        m, supported = systems.attention(p, y[2]), systems.evidence(p, y[1])
        pace = p["focus_rate"] * y[0] * q * (1.0 - q)
        expected = {
            "right_probability": q,
            "entropy": entropy,
            "normalised_entropy": h,
            "collision_probability": q**2 + (1.0 - q) ** 2 / rivals,
            "resolution": pace * (supported - y[0]),
            "loading": pace * supported * (1.0 - m),
            "load": (p["system_tokens"] + p["n_agents"] * p["roster_tokens"] + y[2])
            / (p["effective_fraction"] * p["context_window"]),
            "attention": m,
            "margin": supported * m - np.log(rivals),
            "focus": y[0],
            "progress": y[1],
            "context": y[2],
            "tokens": 1.5 + p["error_tokens"] * (1.0 - q),
        }
        observed = STAR.observe(state, cast(params, jnp.float64))
        for key, value in expected.items():
            np.testing.assert_allclose(observed[key], value, rtol=1e-11, atol=1e-13, err_msg=f"{name} {key}")


def test_diffusion_is_the_one_of_the_page():
    """Columns W_X, W_B, W_T; W_B with opposite signs in s and c."""
    values = {"step_size": 0.25, "n_agents": 5.0, "focus_noise": 0.7, "token_noise": 0.4, "resolution_rate": 0.2}
    state = OrchestratorState(*map(jnp.asarray, (1.2, 0.3, 10.0)))
    q, _, _ = systems.choice(1.2, 4.0)
    lottery = np.sqrt(0.25 * q * (1.0 - q))
    gap, luck, tokens = STAR.diffusion(jnp.asarray(0.0), state, cast(STAR.params(**values), jnp.float64))
    assert gap[1:] == (None, None) and luck[0] is None and tokens[:2] == (None, None)
    np.testing.assert_allclose(gap.focus, 0.7, rtol=1e-15)
    np.testing.assert_allclose([luck.progress, luck.context], [lottery * 0.2 * 0.7, -lottery * 6.0], rtol=1e-14)
    np.testing.assert_allclose(tokens.context, 0.5 * 0.4, rtol=1e-15)


def test_symbols_are_those_of_the_page():
    symbols = {name: item.symbol for name, item in Star.observables.items()}
    assert symbols == {
        "right_probability": "q",
        "entropy": "H",
        "normalised_entropy": "h",
        "collision_probability": "S",
        "resolution": "R",
        "loading": "C_f",
        "load": "L",
        "attention": "m",
        "margin": "M",
        "focus": "x",
        "progress": "s",
        "context": "c",
        "tokens": "tau",
    }
    units = {name: spec.unit for name, spec in Star.Params.specs().items()}
    assert units["context_window"] == "ktok" and units["focus_noise"] == "nat/sqrt(step)" and units["n_agents"] == "-"


def test_margin_is_the_majority_at_the_target():
    """q > 1/2 at x = Delta_eff m exactly when M > 0."""
    rng = np.random.default_rng(3)
    for _ in range(50):
        params = cast(STAR.params(n_agents=rng.uniform(2.0, 40.0), context_window=rng.uniform(5.0, 200.0)), jnp.float64)
        state = OrchestratorState(*map(jnp.asarray, (0.0, rng.uniform(), 40.0 * rng.uniform())))
        q = STAR.choice(STAR.target(state, params), params).right
        assert bool(q > 0.5) == bool(STAR.margin(state, params) > 0.0)
