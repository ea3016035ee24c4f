"""The star: attention at extreme loads, and its formulas against numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import systems
from mpmath import mp, mpf

from entropyjax.models import Star, context as ctx
from entropyjax.models.orchestrator import OrchestratorState
from entropyjax.params import cast

STAR = Star()


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
