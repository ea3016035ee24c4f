"""The reduced and the null models: against closed forms and scipy, at the ends of [0, 1], and what they refuse."""

import dataclasses
import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
import systems
from scipy.integrate import solve_ivp

from entropyjax.ensemble import EnsembleError
from entropyjax.io.config import ConfigError, load
from entropyjax.jobs import summarise, sweep
from entropyjax.jobs.build import build_ensemble
from entropyjax.models import MODELS, RestError, Star, held_entropy, resting_entropy
from entropyjax.models.reduced import AbstractReduced, ReducedState
from entropyjax.params import OrchestratorParams, cast
from entropyjax.results import Outcome
from entropyjax.solve import METHODS, Grid, solve
from entropyjax.stability import certificate, equilibria, escape, margin_window, phases
from entropyjax.stability.optimum import Success

REDUCED = [name for name in MODELS if issubclass(MODELS.get(name), AbstractReduced)]
LANES = 4
HORIZON = 32
TIMES = np.arange(HORIZON + 1.0)
TOLERANCE = {jnp.float64: 2e-8, jnp.float32: 1e-4}
"""RK4 at steps of 1/32 is good to (1/32)^4 / 120 = 8e-9 for rates of 1; in float32 a thousand additions round."""
BOTH = pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
HELD = {"executor_tokens": 0.0, "reasoning_tokens": 0.0, "compaction_rate": 0.0}
"""Nothing flows in and nothing is forgotten: the load stays."""
QUICK = {"horizon": 64.0, "precision": "float64", "path": "scan", "check_share": 0.0, "step": 0.5}


@pytest.fixture(scope="module", autouse=True)
def quick_compile():
    """Compilation is what these tests cost."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@functools.cache
def solver(name, dtype):
    model = MODELS.get(name)()
    return jax.jit(jax.vmap(lambda params: solve(model, params, grid=Grid(float(HORIZON), HORIZON, 32), dtype=dtype)))


def run(name, dtype=jnp.float64, **values):
    """Solve the model at up to `LANES` values of some parameters, and return h(t) of each and the result."""
    columns = {key: np.resize(np.atleast_1d(value).astype(float), LANES) for key, value in values.items()}
    params = MODELS.get(name)().params(**columns)
    found = solver(name, dtype)(jax.tree.map(lambda leaf: np.broadcast_to(leaf, LANES), cast(params, dtype)))
    count = max([np.size(value) for value in values.values()])
    found = jax.tree.map(lambda leaf: np.asarray(leaf)[:count], found)
    return found.saved.normalised_entropy, found


def values_of(name, **changed):
    return {key: spec.default for key, spec in MODELS.get(name).Params.specs().items()} | changed


def context(p, t):
    """c(t) of dc/dt = tau_e + tau_r - delta0 c."""
    inflow, rate = p["executor_tokens"] + p["reasoning_tokens"], p["compaction_rate"]
    return inflow / rate + (p["initial_context"] - inflow / rate) * np.exp(-rate * t)


def load_of(p, c):
    static = p["system_tokens"] + p["n_agents"] * p["roster_tokens"]
    return (static + c) / (p["effective_fraction"] * p["context_window"])


# --- Closed forms --------------------------------------------------------------------------------------------


LEVELS = np.array([0.62, 0.1, 0.9])


def test_a_constant_stays_and_a_line_is_straight():
    assert np.all(run("constant", initial_normalised_entropy=LEVELS)[0] == LEVELS[:, None])
    got = run("linear", initial_normalised_entropy=LEVELS, entropy_slope=-0.003)[0]
    np.testing.assert_allclose(got, LEVELS[:, None] - 0.003 * TIMES, rtol=1e-12)


@BOTH
def test_the_saturating_entropy_is_exponential(dtype):
    ends = {"final_normalised_entropy": 0.7, "relaxation_time": 6.0}
    got = run("saturating", dtype, initial_normalised_entropy=LEVELS, **ends)[0]
    np.testing.assert_allclose(got, 0.7 + (LEVELS[:, None] - 0.7) * np.exp(-TIMES / 6.0), atol=TOLERANCE[dtype])


@BOTH
def test_the_balance_at_a_load_that_stays(dtype):
    """H relaxes exponentially to H_inf."""
    own = HELD | {"initial_context": 20.0, "focusing_rate": 0.3, "loading_rate": 0.2, "initial_normalised_entropy": 0.9}
    params, load = MODELS.get("balance")().params(**own), load_of(values_of("balance", **own), 20.0)
    rest = 0.2 * load * np.log(8.0) / (0.3 + 0.2 * load)
    expected = rest + (0.9 * np.log(8.0) - rest) * np.exp(-(0.3 + 0.2 * load) * TIMES)
    np.testing.assert_allclose(resting_entropy(params, load), rest, rtol=1e-14)
    np.testing.assert_allclose(held_entropy(params, load, TIMES), expected, rtol=1e-14)
    np.testing.assert_allclose(run("balance", dtype, **own)[0][0], expected / np.log(8.0), rtol=TOLERANCE[dtype])


def test_a_balance_without_forces_rests_anywhere():
    params = MODELS.get("balance")().params(focusing_rate=0.0, loading_rate=0.0)
    assert float(resting_entropy(params, 0.7)) == 0.0
    assert np.all(np.isfinite(jax.tree.leaves(jax.grad(resting_entropy)(params, 0.7))))


@BOTH
def test_the_balance_over_a_context_that_fills(dtype):
    """Against LSODA, with the context's closed form."""
    changed = {"n_agents": 12.0, "initial_context": 3.0, "context_window": 48.0, "loading_rate": 0.4}
    p = values_of("balance", **changed)

    def slope(t, h):
        pressure = p["loading_rate"] * load_of(p, context(p, t))
        return -p["focusing_rate"] * h + pressure * (1.0 - h)

    exact = solve_ivp(slope, (0.0, HORIZON), [1.0], "LSODA", TIMES, rtol=1e-11, atol=1e-12).y[0]
    got, found = run("balance", dtype, **changed)
    np.testing.assert_allclose(got[0], exact, rtol=TOLERANCE[dtype])
    np.testing.assert_allclose(found.saved.context[0], context(p, TIMES), rtol=TOLERANCE[dtype])


@BOTH
def test_the_damped_entropy_at_a_load_that_stays(dtype):
    """Against the exponential of its matrix: undamped, swinging, critical, creeping."""
    damping = np.array([0.0, 0.3, 1.0, 1.7])
    own = HELD | {"initial_context": 25.0, "dilution_order": 1.5, "initial_normalised_entropy": 0.55}
    fill = load_of(values_of("damped", **own), 25.0) ** 1.5
    rest = fill / (1.0 + fill)
    got = run("damped", dtype, **own, damping_ratio=damping, natural_frequency=0.6, initial_trend=0.05)[0]
    for lane, zeta in enumerate(damping):
        matrix = np.array([[0.0, 1.0], [-0.36, -1.2 * zeta]])
        exact = [rest + (scipy.linalg.expm(matrix * t) @ [0.55 - rest, 0.05])[0] for t in TIMES]
        np.testing.assert_allclose(got[lane], exact, rtol=0.0, atol=TOLERANCE[dtype])


# --- Events --------------------------------------------------------------------------------------------------


def test_events_of_a_line():
    """Up from 0.2 by 0.02 a step it is focused at the start and no more at 15; nothing is ever resolved."""
    found = run("linear", initial_normalised_entropy=[0.2, 0.8, 0.8], entropy_slope=[0.02, 0.02, -0.02])[1]
    events = found.events
    np.testing.assert_allclose(events.collapse_time, [15.0, np.inf, np.inf], rtol=1e-12)
    np.testing.assert_allclose(events.focus_time, [0.0, np.inf, 15.0], rtol=1e-12)
    np.testing.assert_array_equal(events.horizon_time, [0.0, 0.0, np.inf])
    assert np.all(np.isinf(events.resolution_time))
    assert found.outcome.tolist() == [Outcome.COLLAPSED, Outcome.NEVER_FOCUSED, Outcome.UNRESOLVED]


@BOTH
def test_a_fall_that_comes_to_rest_has_no_horizon(dtype):
    """After up to 64 e-folds h is at its end but for rounding, which is no turn."""
    time = np.array([0.5, 0.7, 1.0, 2.0])
    events = run("saturating", dtype, relaxation_time=time, final_normalised_entropy=0.123)[1].events
    assert np.all(np.isinf(events.horizon_time))
    np.testing.assert_allclose(events.focus_time, time * np.log(0.877 / 0.377), rtol=1e-4)


def test_a_constant_has_no_horizon():
    assert np.all(np.isinf(run("constant", initial_normalised_entropy=0.4)[1].events.horizon_time))


def test_the_first_minimum_of_a_swing_is_its_horizon():
    """Without damping and at an empty window h = 0.8 cos(omega t) turns at pi / omega."""
    empty = {"context_window": 1e9, "executor_tokens": 0.0, "reasoning_tokens": 0.0, "damping_ratio": 0.0}
    omega = np.array([0.25, 0.5, 1.0])
    events = run("damped", **empty, natural_frequency=omega, initial_normalised_entropy=0.8)[1].events
    np.testing.assert_allclose(events.horizon_time, np.pi / omega, rtol=1e-6)


# --- The closure on one gap, and the ends --------------------------------------------------------------------


def observed(h, dtype, **values):
    """Return the observables of the line at h, and their slopes by it."""
    model, h = MODELS.get("linear")(), jnp.asarray(h, dtype)
    params = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, h.shape), cast(model.params(**values), dtype))

    def both(h, params):
        return jax.jvp(lambda h: model.observe(ReducedState(h), params), (h,), (jnp.ones_like(h),))

    return jax.jit(jax.vmap(both))(h, params)


def test_the_closure_is_the_stars_choice():
    """The star at this focus has the same q, S, H and h."""
    rng = np.random.default_rng(0)
    h, n, phi = rng.uniform(1e-6, 1.0 - 1e-6, 200), rng.uniform(2.0, 40.0, 200), rng.uniform(0.1, 1.0, 200)
    seen, _ = observed(h, jnp.float64, n_agents=n, roster_similarity=phi)
    rivals = phi * (n - 1.0)
    q, entropy, same = systems.choice(np.asarray(seen["focus"]), rivals)
    np.testing.assert_allclose(seen["right_probability"], q, rtol=1e-12)
    np.testing.assert_allclose(seen["collision_probability"], q**2 + (1.0 - q) ** 2 / rivals, rtol=1e-12)
    np.testing.assert_allclose(seen["entropy"], entropy, rtol=1e-9)
    np.testing.assert_allclose(seen["normalised_entropy"], same, rtol=1e-9)
    assert np.array_equal(seen["normalised_entropy"], h)


@BOTH
def test_what_passes_an_end_stays_there(dtype):
    """Observed are 0 and ln N, exactly, with a finite choice; H has the slope ln N at the ends and none beyond."""
    seen, slopes = observed([-0.4, 0.0, 1.0, 1.7], dtype)
    most = float(np.asarray(jnp.log1p(jnp.asarray(7.0, dtype))))
    assert np.asarray(seen["entropy"], float).tolist() == [0.0, 0.0, most, most]
    np.testing.assert_allclose(seen["right_probability"], [1.0, 1.0, 0.125, 0.125], rtol=1e-6)
    np.testing.assert_array_equal(seen["focus"][2:], 0.0)
    np.testing.assert_allclose(slopes["entropy"], np.array([0.0, 1.0, 1.0, 0.0]) * np.log(8.0), rtol=1e-6)
    assert all(np.all(np.isfinite(leaf)) for leaf in (*seen.values(), *slopes.values()))


def test_observables_and_parameters_that_are_the_stars_are_declared_once():
    known = OrchestratorParams.specs()
    for name in REDUCED:
        model = MODELS.get(name)
        specs = model.Params.specs()
        assert {"n_agents", "roster_similarity"} <= set(specs)
        assert all(spec == known[key] for key, spec in specs.items() if key in known)
        for key, item in model.observables.items():
            star = Star.observables[key]
            assert (item.symbol, item.unit, item.doc) == (star.symbol, star.unit, star.doc)
    balance, linear = MODELS.get("balance").observables, MODELS.get("linear").observables
    assert {"load", "context", "tokens", "resolution", "loading"} <= set(balance)
    assert set(linear) == {"right_probability", "entropy", "normalised_entropy", "collision_probability", "focus"}


# --- Through the layers above ----------------------------------------------------------------------------------


def test_a_sweep_of_the_balance_end_to_end():
    """As an ODE without being told; from h = 0.1 the focus is lost where the balance would rest above 1/2."""
    config = {
        "model": {"name": "balance"},
        "run": QUICK,
        "params": {"initial_normalised_entropy": 0.1},
        "axes": [
            {"path": "params.n_agents", "values": [4, 64]},
            {"path": "params.context_window", "values": [24.0, 96.0]},
        ],
    }
    data = sweep(config)
    p = values_of("balance")
    for n, window in itertools.product((4, 64), (24.0, 96.0)):
        pressure = 0.5 * load_of(p | {"n_agents": n, "context_window": window}, context(p, 64.0))
        here = data.sel(n_agents=n, context_window=window)
        # The context moves so slowly that h is close to where it would rest.
        assert abs(float(here.mean_normalised_entropy[-1]) - pressure / (0.5 + pressure)) < 0.01
        assert float(here.collapse_probability) == float(pressure > 0.5)
    # What a model does not have is absent.
    assert not {"resolution_time_mean", "mean_progress"} & set(data)
    assert all(np.all(np.isfinite(data[name])) for name in data if name.startswith("mean_"))
    assert "follows no task: its runs are never resolved" in summarise(data)


@pytest.mark.slow
def test_a_sweep_over_models_of_which_one_has_no_task_is_no_contest():
    """Where nothing can be resolved there is nothing to be the best at; what they share is there."""
    axes = [{"path": "model.name", "values": ["star", "constant"]}, {"path": "params.n_agents", "values": [4, 64]}]
    data = sweep({"run": QUICK | {"dynamics": "ode"}, "axes": axes})
    assert "model_axis" not in data.attrs
    assert not {"resolution_time_mean", "mean_progress", "mean_context"} & set(data)
    np.testing.assert_allclose(data.mean_entropy[1, :, -1], 0.3 * np.log([4.0, 64.0]), rtol=1e-12)
    assert "over 2 model x 2 n_agents cells" in summarise(data)


def test_dynamics_that_are_not_there_are_refused_in_a_sentence():
    for name in REDUCED:
        for dynamics, why in (("sde", "has no noise"), ("agents", "has no agent-level simulator")):
            with pytest.raises(ConfigError, match=f"model '{name}' {why}.*use dynamics 'ode'"):
                load({"model": {"name": name}, "run": {"dynamics": dynamics}})
    with pytest.raises(ConfigError, match=r"With model.name = 'balance': model 'balance' has no noise"):
        load({"axes": [{"path": "model.name", "values": ["star", "balance"]}]})
    model = MODELS.get("balance")()
    with pytest.raises(ValueError, match="EntropyBalance has no noise"):
        solve(model, model.params(), key=jax.random.key(0))
    ensemble = build_ensemble(load({"model": {"name": "balance"}}))
    for method, why in (("ri6", "no noise"), ("agents", "no agent-level simulator")):
        with pytest.raises(EnsembleError, match=f"EntropyBalance has {why}"):
            dataclasses.replace(ensemble, method=METHODS.get(method)()).check()


def test_stability_refuses_in_a_sentence():
    model = MODELS.get("balance")()
    for function in (equilibria, phases, escape, lambda model, params: certificate(model)):
        with pytest.raises(RestError, match="EntropyBalance does not say where it comes to rest"):
            function(model, model.params())
    with pytest.raises(ValueError, match="EntropyBalance is not made of stars"):
        margin_window(model.params(), model)
    with pytest.raises(ValueError, match="EntropyBalance follows no task"):
        Success(model)
