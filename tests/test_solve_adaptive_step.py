"""The adaptive path in one loop: tableau, agreement with scipy, work, failing lanes, gradients, ensembles."""

import dataclasses
import functools
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from systems import DEFAULTS, STARS, STIFF, star_reference, star_rhs

from entropyjax.ensemble import (
    Accumulator,
    Ensemble,
    Observed,
    Uniform,
    ensemble_mean,
    make_plan,
    run_chunks,
    sample_paths,
)
from entropyjax.models import AbstractModel, Interval, Star
from entropyjax.models.base import Observable
from entropyjax.params import AbstractParams, cast, parameter
from entropyjax.params.support import REAL
from entropyjax.results import Failure
from entropyjax.solve import METHODS, Criteria, Grid, native, solve
from entropyjax.solve.dense import interpolant
from entropyjax.solve.runge_kutta import Tsit5

STAR = Star()
EVENTS = ("focus_time", "collapse_time", "resolution_time", "horizon_time")
INF = float("inf")


def adaptive(**options):
    return METHODS.get("tsit5_adaptive")(**options)


# --- Tableau ------------------------------------------------------------------------------------------------

# The seventh stage is the drift at the end of the step: its row of a is b.
NODES = np.array([*Tsit5.c, 1.0])
ROWS = np.zeros((7, 7))
for _number, _row in enumerate([*Tsit5.a, Tsit5.b]):
    ROWS[_number, : len(_row)] = _row


def conditions(weights):
    """Left sides of the order conditions up to order 4 (Hairer, Norsett & Wanner, table II.2.1), order by order."""
    c, a = NODES, ROWS
    return np.array(
        [
            weights.sum(),
            weights @ c,
            weights @ c**2,
            weights @ a @ c,
            weights @ c**3,
            weights @ (c * (a @ c)),
            weights @ a @ c**2,
            weights @ a @ a @ c,
        ]
    )


def test_the_interpolant_and_the_embedded_method_are_of_order_4():
    unit = np.eye(7)
    weights = interpolant(np.zeros(7), np.array([*Tsit5.b, 0.0]), list(unit), 1.0)
    powers, sides = np.array([1, 2, 3, 3, 4, 4, 4, 4]), np.array([1, 2, 3, 6, 4, 8, 12, 24])
    # Weights of up to 90 with sixteen digits.
    for place in (0.0, 0.2, 0.5, 0.9, 1.0):
        np.testing.assert_allclose(conditions(weights.at(place)), place**powers / sides, rtol=0, atol=1e-13)
    np.testing.assert_allclose(conditions(np.array(Tsit5.error)), 0.0, rtol=0, atol=1e-14)
    # Of order 4 and no higher: otherwise it would estimate nothing.
    assert abs(np.array(Tsit5.error) @ NODES**4) > 1e-4


# --- Agreement with scipy -----------------------------------------------------------------------------------

HORIZON, SAVES = 128.0, 50
LANES = {**STARS, "stiff": {**STIFF, "focus_rate": 40.0}}
LADDER = np.array([1e-3, 1e-4, 1e-5, 1e-6, 1e-7])


@pytest.fixture(scope="module")
def references():
    times = np.linspace(0.0, HORIZON, SAVES + 1)
    return {name: star_reference(values, times) for name, values in LANES.items()}


@functools.cache
def stars(dtype):
    """Every parameter set at the default tolerance, and the default set at those of `LADDER`."""
    sets = [*LANES.values(), *[{}] * len(LADDER)]
    columns = jax.tree.map(lambda *leaves: jnp.array(leaves), *[STAR.params(**values) for values in sets])
    rtol = jnp.asarray([1e-5 if dtype == jnp.float32 else 1e-8] * len(LANES) + [*LADDER], dtype)

    @jax.jit
    @jax.vmap
    def run(params, rtol):
        def save(t, state, alive):
            return state, t, alive

        method = adaptive(rtol=rtol, atol=0.1 * rtol)
        return solve(STAR, params, grid=Grid(HORIZON, SAVES, 1), method=method, dtype=dtype, save=save)

    return run(columns, rtol)


# States: of the largest value of a component. The tolerances 1e-5 and 1e-8 bound the error of one step; what
# accumulates was 1.2e-5 and 2e-9 at the worst row. Events: cubic interpolation in steps of about 1 and 0.4.
@pytest.mark.parametrize(("dtype", "tolerance", "slack"), [(jnp.float32, 3e-5, 5e-4), (jnp.float64, 1e-8, 3e-5)])
def test_states_and_events_agree_with_scipy(dtype, tolerance, slack, references):
    result = stars(dtype)
    states, times, alive = result.saved
    assert np.all(alive)
    assert np.all(result.failure == Failure.NONE)
    np.testing.assert_allclose(times[0], np.linspace(0.0, HORIZON, SAVES + 1), rtol=4 * jnp.finfo(dtype).eps)
    for lane, (name, truth) in enumerate(references.items()):
        found = np.stack([np.asarray(leaf[lane], float) for leaf in states], axis=1)
        error = np.abs(found - truth.states).max(axis=0) / np.abs(truth.states).max(axis=0)
        assert np.all(error < tolerance), (name, error)
        last = np.array([float(leaf[lane]) for leaf in result.final])
        np.testing.assert_allclose(found[-1], last, rtol=8 * jnp.finfo(dtype).eps)
        for event in EVENTS:
            got, expected = float(getattr(result.events, event)[lane]), getattr(truth, event)
            if not np.isfinite(expected) or expected == 0.0:
                assert got == expected, (name, event)
                continue
            # The gap of "all terms" runs along its target: its horizon moves 500 times as far as the state.
            factor = 100.0 if (name, event) == ("all terms", "horizon_time") else 1.0
            assert abs(got - expected) < factor * slack, (name, event, got - expected)


def test_work_and_error_follow_the_tolerance(references):
    """Against scipy's pair of Dormand and Prince, which is of the same order and stages."""
    result, ladder = stars(jnp.float64), slice(len(LANES), None)
    truth = references["default"].states[-1]
    error = np.abs(np.stack(result.final, axis=1)[ladder] - truth).max(axis=1) / np.abs(truth).max()
    assert np.all(error < LADDER)
    assert error[-1] < 1e-3 * error[0]
    for steps, rtol in zip(np.asarray(result.steps[ladder]), LADDER, strict=True):
        rival = solve_ivp(lambda t, y: star_rhs(t, y, DEFAULTS), (0.0, HORIZON), [0.0] * 3, rtol=rtol, atol=0.1 * rtol)
        # Both have six new stages a step and the same norm; scipy's control has no memory.
        assert steps < 1.2 * rival.nfev / 6, (rtol, steps, rival.nfev / 6)


# --- A model with known solutions and every way to fail ------------------------------------------------------


class RelaxParams(AbstractParams):
    rate: Any = parameter(1.0, "1/step", REAL, "r", "Relaxation towards 1.")
    growth: Any = parameter(0.0, "1/step", REAL, "k", "Factor of the square, which blows up in finite time.")
    poison: Any = parameter(1e9, "step", REAL, "t_p", "Time from which the drift is not a number.")
    start: Any = parameter(0.0, "-", REAL, "u0", "Level at the start.")


class Level(NamedTuple):
    level: Any


class Relax(AbstractModel):
    """du/dt = -rate (u - 1) + growth u^2; focused where u is above the threshold."""

    Params: ClassVar[type[AbstractParams]] = RelaxParams
    domain: ClassVar[Level] = Level(Interval(-INF, INF))
    observables: ClassVar[dict[str, Observable]] = {"level": Observable("u", "-", "Level.", lambda m, y, p: y.level)}

    def initial_state(self, params):
        return Level(params.start)

    def drift(self, t, state, params):
        u = state.level
        slope = -params.rate * (u - 1.0) + params.growth * u * u
        return Level(jnp.where(t < params.poison, slope, jnp.nan))

    def diffusion(self, t, state, params):
        raise NotImplementedError

    def focus_signal(self, params, level):
        return lambda state: state.level - level

    def entropy_trend(self, state, params):
        return -jnp.ones_like(state.level)

    def progress(self, state):
        return 0.0 * state.level


RELAX = Relax()
LIMIT = 2000


@functools.cache
def relax(dtype, intervals=32, **options):
    """A compiled, batched solve of (rate, growth, poison, start) to a horizon."""

    def run(values, horizon):
        def save(t, state, alive):
            return state.level, alive

        params = RelaxParams(*values)
        grid = Grid(horizon, intervals, 1)
        return solve(RELAX, params, grid=grid, method=adaptive(**options), dtype=dtype, save=save)

    return jax.jit(jax.vmap(run, in_axes=(0, None)))


HEALTHY = [1.0, 0.0, 1e9, 0.0]
FAILING = {
    "healthy": HEALTHY,
    "poisoned at 5": [1.0, 0.0, 5.0, 0.0],
    "slow": [100.0, -1.0, 1e9, 0.0],
    "blows up at 2.5": [0.0, 0.4, 1e9, 1.0],
    "not a number": [1.0, 0.0, 1e9, np.nan],
    "poisoned from the start": [1.0, 0.0, 0.0, 0.0],
    "too large": [1.0, 0.0, 1e9, 1e13],
    "too slow": [300.0, -1.0, 1e9, 0.0],
    "too fast": [3e6, -1e-3, 1e9, 0.0],
    "another": [0.7, 0.0, 1e9, 3.0],
}


@pytest.mark.parametrize("dtype", [jnp.float32, pytest.param(jnp.float64, marks=pytest.mark.slow)])
def test_failing_lanes_are_coded_and_leave_the_others_alone(dtype):
    names = [*FAILING]
    run = relax(dtype, max_steps=LIMIT)
    result = run(jnp.array([*FAILING.values()]), 32.0)
    codes = dict(zip(names, (Failure(int(code)) for code in result.failure), strict=True))
    assert codes == {
        "healthy": Failure.NONE,
        "poisoned at 5": Failure.NON_FINITE,
        "slow": Failure.NONE,
        # In float32 the wanted step reaches the spacing of numbers near the horizon before the state passes 1e12.
        "blows up at 2.5": Failure.STEP_LIMIT if dtype == jnp.float32 else Failure.DIVERGED,
        "not a number": Failure.NON_FINITE,
        "poisoned from the start": Failure.NON_FINITE,
        "too large": Failure.DIVERGED,
        "too slow": Failure.STEP_LIMIT,
        "too fast": Failure.STEP_LIMIT,
        "another": Failure.NONE,
    }
    steps = dict(zip(names, np.asarray(result.steps), strict=True))
    assert steps["not a number"] == steps["too large"] == 0
    # A ratio of 5 a rejection leads from 2^52 ticks to one in 23; explicit steps are bound by rate dt < 3.3.
    assert steps["poisoned from the start"] < 25
    assert steps["poisoned at 5"] < 200
    assert 100 * 32 / 3.5 < steps["slow"] < 1.3 * 100 * 32 / 3.3
    assert steps["too slow"] == LIMIT
    level, alive = (np.asarray(leaf) for leaf in result.saved)
    times = np.linspace(0.0, 32.0, 33)
    np.testing.assert_array_equal(alive[names.index("poisoned at 5")], times < 5.0)
    np.testing.assert_array_equal(alive[names.index("blows up at 2.5")], times < 2.5)
    assert not np.any(alive[names.index("not a number")])
    assert np.all(np.isfinite(level[alive]))
    # Ten times the tolerance of a step; the level is of size 1 to 3.
    exact = 1.0 + 2.0 * np.exp(-0.7 * times)
    np.testing.assert_allclose(level[-1], exact, rtol=1e-4 if dtype == jnp.float32 else 1e-7)
    columns = [FAILING["another" if name == "another" else "healthy"] for name in names]
    alone = run(jnp.array(columns), 32.0)
    for lane in (0, len(names) - 1):
        for found, expected in zip(jax.tree.leaves(result), jax.tree.leaves(alone), strict=True):
            np.testing.assert_array_equal(found[lane], expected[lane])


def test_float32_lanes_end_at_any_horizon():
    """A rejected step near the last time once made diffrax retry without end: no lane may spin."""
    rng = np.random.default_rng(1)
    for horizon in (128.0, *rng.uniform(100.0, 1500.0, 2)):
        rates = rng.uniform(0.5, 4.0, len(FAILING))
        lanes = np.stack([rates, -1e-3 + 0.0 * rates, 1e9 + 0.0 * rates, rng.uniform(-5.0, 5.0, len(rates))], axis=1)
        result = relax(jnp.float32, max_steps=LIMIT)(jnp.asarray(lanes), horizon)
        assert np.all(result.failure == Failure.NONE)
        # Explicit steps are bound by stability, rate dt < 3.3.
        assert np.all(np.asarray(result.steps) < 1.3 * horizon * rates / 3.3 + 30)
        # The equilibrium, rate (1 - u) = 0.001 u^2, held to the tolerance of a step.
        np.testing.assert_allclose(result.final.level, 1.0 - 1e-3 / rates, atol=3e-5)


# --- Gradients ----------------------------------------------------------------------------------------------


def relaxed(rate):
    """Level at the save times, and when it passes 1/2."""
    params = RelaxParams(rate=rate)
    result = solve(RELAX, params, grid=Grid(4.0, 4, 1), method=adaptive(rtol=1e-10, atol=1e-11))
    return result.saved.level, result.events.focus_time


def test_forward_mode_is_exact():
    rate, times = 0.8, np.linspace(0.0, 4.0, 5)
    (level, crossing), (slope, shift) = jax.jit(jax.vmap(lambda r: jax.jvp(relaxed, (r,), (1.0,))))(jnp.array([rate]))
    # Dense output of fourth order at steps of 0.05; the crossing is that of a cubic.
    np.testing.assert_allclose(level[0], 1.0 - np.exp(-rate * times), atol=1e-9)
    np.testing.assert_allclose(slope[0], times * np.exp(-rate * times), atol=1e-8)
    np.testing.assert_allclose(crossing[0], np.log(2.0) / rate, atol=1e-7)
    np.testing.assert_allclose(shift[0], -np.log(2.0) / rate**2, atol=1e-6)


def test_reverse_mode_is_refused():
    with pytest.raises(ValueError, match=r"Reverse-mode differentiation does not work for lax\.while_loop"):
        jax.eval_shape(jax.grad(lambda rate: relaxed(rate)[0][-1]), 0.8)


# --- Ensembles ----------------------------------------------------------------------------------------------


def relaxing(intervals, dtype, **changes):
    """An ensemble at three rates, of three lanes each."""
    request = Ensemble(
        model=RELAX,
        method=adaptive(),
        grid=cast(Grid(4.0, intervals, 1), dtype),
        constants=cast(RELAX.params(), dtype),
        cells={"rate": np.array([0.2, 5.0, 40.0])},
        criteria=cast(Criteria(), dtype),
        cell_criteria={},
        population={},
        replicates=3,
        key=jax.random.key(0),
        dtype=np.dtype(dtype),
        observables=("level",),
    )
    return dataclasses.replace(request, **changes)


def cells(request, path):
    plan = make_plan(request, devices=1, path=path)
    total = Accumulator(request.n_cells, plan.blocks)
    for start, _, part in run_chunks(request, plan, range(plan.chunks)):
        total.add(start, part)
    return total.cells


def test_an_ensemble_reduces_rows_that_lanes_save_at_their_own_pace():
    request = relaxing(8, np.float64)
    rates, found = request.cells["rate"], cells(request, "scan")
    level = found.observables["level"]
    assert np.all(np.asarray(level.count) == 3)
    exact = 1.0 - np.exp(-rates[:, None] * np.linspace(0.0, 4.0, 9))
    np.testing.assert_allclose(level.mean, exact, atol=1e-7)
    np.testing.assert_allclose(level.square, 0.0, atol=1e-20)
    np.testing.assert_allclose(found.focus_time.mean, np.log(2.0) / rates, rtol=1e-6)


# Steps are accepted or not by rounding: agreement is to ten times the tolerance of a method that holds it per step.
@pytest.mark.skipif(native.unavailable() is not None, reason="native kernels need the extra 'cpu'")
@pytest.mark.parametrize(
    ("intervals", "replicates", "dtype", "tolerance"),
    [
        (3, 7, np.float64, 1e-7),
        pytest.param(129, 200, np.float32, 1e-4, marks=pytest.mark.slow),
        pytest.param(300, 1025, np.float64, 1e-7, marks=pytest.mark.slow),
    ],
)
def test_native_rows_are_those_of_the_scan_also_where_lanes_fail(intervals, replicates, dtype, tolerance):
    with jax.enable_x64(dtype == np.float64):
        # Lanes are poisoned at any time from before the start to beyond the horizon.
        poison = Uniform(jnp.asarray(-1.0, dtype), jnp.asarray(6.0, dtype))
        request = relaxing(intervals, dtype, population={"poison": poison}, replicates=replicates)
        found, wanted = (cells(request, path) for path in ("native", "scan"))
        paths = [sample_paths(request, 1, 7, path=path)["level"] for path in ("native", "scan")]
    np.testing.assert_array_equal(found.failures, wanted.failures)
    level, exact = found.observables["level"], wanted.observables["level"]
    assert np.all(wanted.failures[:, Failure.NON_FINITE] > 0)
    assert np.all(wanted.failures[:, Failure.NONE] > 0)
    np.testing.assert_array_equal(level.count, exact.count)
    np.testing.assert_allclose(level.mean, exact.mean, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(level.square, exact.square, rtol=tolerance, atol=tolerance)
    # NaN where a lane had failed.
    np.testing.assert_allclose(paths[0], paths[1], rtol=tolerance, atol=tolerance)


def test_means_over_adaptive_lanes_have_derivatives_along_their_rows():
    request, times = relaxing(8, np.float64, cells={}), np.linspace(0.0, 4.0, 9)

    def level(rate):
        return ensemble_mean(request, Observed("level"), {"rate": rate}, mode="forward").mean

    slope = jax.jacfwd(level)(0.8)
    # Derivatives at frozen steps, held to a relative 1e-8 each.
    np.testing.assert_allclose(slope, times * np.exp(-0.8 * times), atol=1e-6)
