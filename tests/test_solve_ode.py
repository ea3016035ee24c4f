"""The ODE paths: closed forms, order, agreement with scipy, events, outcomes, gradients, failing lanes."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import systems
from systems import STARS, STIFF, star_reference

from entropyjax.models import Star
from entropyjax.models.orchestrator import OrchestratorState
from entropyjax.params import cast
from entropyjax.results import Failure, Outcome
from entropyjax.solve import METHODS, Events, Grid, solve
from entropyjax.solve.crossing import hermite
from entropyjax.solve.events import outcome
from entropyjax.solve.noise import Draws
from entropyjax.solve.scan import AbstractFixedStep

STAR = Star()
HORIZON, SAVES = 64.0, 64
NAMES = [*STARS]
EVENTS = ("focus_time", "collapse_time", "resolution_time", "horizon_time")
FIXED = [
    name for name in METHODS if METHODS.get(name).dynamics == "ode" and issubclass(METHODS.get(name), AbstractFixedStep)
]


LANES = {**STARS, "stiff": STIFF}


def stack(sets):
    """One lane per parameter set."""
    return jax.tree.map(lambda *leaves: jnp.array(leaves), *[STAR.params(**values) for values in sets])


@functools.cache
def solver(method, dtype, steps, intervals=SAVES, **options):
    """A compiled, batched solve; cached, because compilation is what these tests cost."""
    made = METHODS.get(method)(**options)

    def run(params, horizon=HORIZON):
        return solve(STAR, params, grid=Grid(horizon, intervals, steps), method=made, dtype=dtype)

    return jax.jit(jax.vmap(run, in_axes=(0, None)))


@pytest.fixture(scope="module")
def references():
    times = np.linspace(0.0, HORIZON, SAVES + 1)
    return {name: star_reference(values, times) for name, values in LANES.items()}


@functools.cache
def batch(method, dtype, steps):
    """Every parameter set at once; the stiff one only where double precision can follow it."""
    stiff = STIFF if dtype == jnp.float64 else {}
    return solver(method, dtype, steps)(stack([*STARS.values(), stiff]), HORIZON)


def states(result, lane):
    return np.stack([np.asarray(leaf[lane], float) for leaf in result.saved], axis=1)


# --- Closed forms (model page, section 7) -------------------------------------------------------------------


def observed(params, horizon, intervals, steps):
    def save(t, state, alive):
        return {**STAR.observe(state, params), "time": t}

    grid = Grid(horizon, intervals, steps)
    return jax.jit(lambda: solve(STAR, params, grid=grid, save=save, method=METHODS.get("tsit5")()).saved)()


def test_check_1_an_infinite_window_relaxes_exponentially():
    params = STAR.params(
        context_window=1e30,
        reasoning_gain=0.6,
        focus_rate=0.7,
        initial_focus=-1.5,
        n_agents=9.5,
        roster_similarity=0.4,
    )
    saved = observed(params, 16.0, 32, 8)
    evidence = 8.0 * (1.0 + 0.6 * np.log(1.5))
    times = np.linspace(0.0, 16.0, 33)
    x = -1.5 * np.exp(-0.7 * times) + evidence * (1.0 - np.exp(-0.7 * times))
    q, entropy, h = systems.choice(x, 0.4 * 8.5)
    # Tsit5: global error about (alpha dt)^5 / 6! per unit of time, (0.044)^5 / 720 = 2e-10, on values of 10.
    np.testing.assert_allclose(saved["time"], times, rtol=1e-15)
    np.testing.assert_allclose(saved["focus"], x, rtol=0, atol=1e-9)
    np.testing.assert_allclose(saved["right_probability"], q, rtol=1e-9)
    np.testing.assert_allclose(saved["entropy"], entropy, rtol=1e-8)
    np.testing.assert_allclose(saved["normalised_entropy"], h, rtol=1e-8)


def test_check_2_errors_without_cost_load_the_context_exponentially():
    saved = observed(STAR.params(error_tokens=0.0), 32.0, 32, 8)
    limit = 1.5 / 0.08
    # (delta0 dt)^5 / 720 is 1e-13: rounding over 256 steps remains.
    np.testing.assert_allclose(
        saved["context"], limit * (1.0 - np.exp(-0.08 * np.linspace(0, 32, 33))), rtol=1e-11, atol=1e-12
    )


def test_check_3_progress_is_a_share_and_never_falls():
    saved = batch("rk4", jnp.float64, 16).saved.progress[: len(NAMES)]
    assert np.all((saved >= 0.0) & (saved <= 1.0))
    assert np.all(np.diff(saved, axis=1) >= 0.0)


def test_check_4_the_forces_add_up_to_the_change_of_entropy():
    def one(params):
        def save(t, state, alive):
            observed = STAR.observe(state, params)
            return observed["loading"] - observed["resolution"], observed["entropy"]

        return solve(STAR, params, grid=Grid(8.0, 2048, 1), save=save, method=METHODS.get("tsit5")()).saved

    rates, entropies = (np.asarray(leaf) for leaf in jax.jit(jax.vmap(one))(stack(STARS.values())))
    # Simpson over pairs of steps of 1/256: error dt^4 H^(5) / 180 per unit of time, 1e-9 where x moves at 8
    # per step and H^(5) is of order 10^3.
    integrals = np.cumsum((rates[:, :-2:2] + 4.0 * rates[:, 1:-1:2] + rates[:, 2::2]) / 256.0 / 3.0, axis=1)
    np.testing.assert_allclose(entropies[:, 2::2] - entropies[:, :1], integrals, rtol=0, atol=1e-8)


# --- Order --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FIXED)
def test_order_of_convergence(name):
    method = METHODS.get(name)()
    params = cast(STAR.params(), jnp.float64)
    horizon = 8.0

    @jax.jit
    def end(count):
        dt = horizon / count.astype(float)

        def step(number, state):
            return method.step(
                STAR, params, number.astype(float) * dt, dt, state, STAR.drift(0.0, state, params), Draws((), ())
            )

        return jnp.stack(jax.tree.leaves(jax.lax.fori_loop(0, count, step, STAR.initial_state(params))))

    truth = star_reference({}, np.array([0.0, horizon])).states[-1]
    # Few enough steps for the error to stay above the reference's 1e-12, enough to be asymptotic.
    counts = np.array([64, 128, 256]) if method.order >= 5 else np.array([128, 256, 512])
    errors = [np.linalg.norm(end(jnp.asarray(count)) - truth) for count in counts]
    slopes = -np.diff(np.log(errors)) / np.diff(np.log(counts))
    # The last halving is in the asymptotic regime: its slope differs from the order by O(dt), under 0.15.
    assert abs(slopes[-1] - method.order) < 0.15, slopes


# --- Agreement with scipy -----------------------------------------------------------------------------------

# Relative to the largest value of the component. float64: RK4 at dt = 1/16 leaves (1/16)^4 times a
# constant of 1e-2; the adaptive methods leave rtol 1e-8 and atol 1e-9, a few times accumulated. float32:
# eps = 6e-8 accumulated over up to 1024 steps like a random walk, 32 eps, and rtol 1e-5 of the adaptive ones.
PATHS = [
    ("rk4", jnp.float64, 16, 2e-7),
    ("tsit5", jnp.float64, 16, 1e-9),
    ("adaptive", jnp.float64, 8, 5e-8),
    ("adaptive_stiff", jnp.float64, 8, 5e-8),
    ("rk4", jnp.float32, 16, 1e-5),
    pytest.param("tsit5", jnp.float32, 16, 1e-5, marks=pytest.mark.slow),
    ("adaptive", jnp.float32, 8, 2e-5),
    pytest.param("adaptive_stiff", jnp.float32, 8, 2e-5, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("method", "dtype", "steps", "tolerance"), PATHS)
def test_states_and_events_agree_with_scipy(method, dtype, steps, tolerance, references):
    result = batch(method, dtype, steps)
    assert np.all(result.failure[: len(NAMES)] == Failure.NONE)
    dt = HORIZON / SAVES / steps
    for lane, name in enumerate(NAMES):
        truth = references[name]
        error = np.abs(states(result, lane) - truth.states).max(axis=0) / np.abs(truth.states).max(axis=0)
        assert np.all(error < tolerance), (name, error)
        for event in EVENTS:
            got, expected = float(getattr(result.events, event)[lane]), getattr(truth, event)
            if not np.isfinite(expected) or expected == 0.0:
                assert got == expected, (name, event)
                continue
            # Cubic interpolation: dt^4/384 times a fourth derivative of order 10. State errors move an event
            # by the error over the signal's speed: 0.1 to 4 at a focus event, 1e-3 and more for s, and
            # as low as 2e-3 where the gap runs tangentially along its target (horizon of "all terms").
            slack = 10.0 if event in ("focus_time", "collapse_time") else 1e3
            assert abs(got - expected) < 0.05 * dt**4 + slack * tolerance, (name, event, got - expected)


def test_a_stiff_lane_in_float64(references):
    truth, lane = references["stiff"], len(NAMES)
    results = [batch(method, jnp.float64, 8) for method in ("adaptive", "adaptive_stiff")]
    for result in results:
        assert int(result.failure[lane]) == Failure.NONE
        error = np.abs(states(result, lane) - truth.states).max(axis=0) / np.abs(truth.states).max(axis=0)
        assert np.all(error < 5e-8), error
    # What the implicit method is for: fewer steps.
    assert results[1].steps[lane] < results[0].steps[lane] // 3


def test_event_times_converge_with_order_four(references):
    """Steps four times as small, on every event of two runs; the states are of order 5, so the interpolant shows."""
    errors = []
    for steps in (4, 16):
        events = batch("tsit5", jnp.float64, steps).events
        row = []
        for name in ("late collapse", "all terms"):
            for event in EVENTS:
                truth = getattr(references[name], event)
                if 0.0 < truth < np.inf:
                    row.append(abs(float(getattr(events, event)[NAMES.index(name)]) - truth))
        errors.append(np.linalg.norm(row))
    # A cubic's error depends on where in the step the zero lies, so the ratio scatters: fourth
    # order gives 4^4 = 256, third order 64.
    assert errors[0] / errors[1] > 128.0, errors


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_the_cubic_root_is_the_root(dtype):
    """Cubics with known coefficients: the residual is at rounding, wherever Newton's method ended.

    End slopes between 0.2 and 1.8 times the chord's: what a step leaves that resolves its signal at all.
    """
    rng = np.random.default_rng(0)
    before, after = rng.uniform(0.01, 1.0, 5000), -rng.uniform(0.01, 1.0, 5000)
    slopes = (after - before) * rng.uniform(0.2, 1.8, (2, 5000))
    flip = np.where(np.arange(5000) % 2, 1.0, -1.0)
    ends = [jnp.asarray(flip * value, dtype) for value in (before, after, *slopes)]
    place = np.asarray(jax.jit(jax.vmap(hermite))(*ends), float)
    a, b, c, d = (np.asarray(value, float) for value in ends)
    value = (1 + 2 * place) * (1 - place) ** 2 * a + place * (1 - place) ** 2 * c
    value += place**2 * (3 - 2 * place) * b - place**2 * (1 - place) * d
    # Coefficients of up to 8 in size, and six rounds from the chord: some ulp.
    assert np.abs(value).max() < 32 * jnp.finfo(dtype).eps


def test_the_cubic_root_carries_its_gradient():
    """Implicit function theorem: d place / d coefficient = -(d cubic / d coefficient) / (d cubic / d place)."""
    rng = np.random.default_rng(1)
    a, b = rng.uniform(0.01, 1.0, 1000), -rng.uniform(0.01, 1.0, 1000)
    c, d = (b - a) * rng.uniform(0.5, 1.5, (2, 1000))
    ends = [jnp.asarray(value) for value in (a, b, c, d)]
    place, gradient = jax.jit(jax.vmap(jax.value_and_grad(hermite, (0, 1, 2, 3))))(*ends)
    u = np.asarray(place)
    basis = ((1 + 2 * u) * (1 - u) ** 2, u**2 * (3 - 2 * u), u * (1 - u) ** 2, -(u**2) * (1 - u))
    slope = 6 * u * (u - 1) * (a - b) + (1 - u) * (1 - 3 * u) * c + u * (3 * u - 2) * d
    for got, weight in zip(gradient, basis, strict=True):
        # The last of Newton's rounds carries the derivative; slopes are between half and 3/2 of the chord's.
        np.testing.assert_allclose(got, -weight / slope, rtol=1e-8, atol=1e-8)


# --- Outcomes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("focus", "collapse", "resolution", "expected"),
    [
        (1.0, np.inf, 5.0, Outcome.RESOLVED),
        (1.0, 6.0, 5.0, Outcome.RESOLVED),
        (1.0, 5.0, 5.0, Outcome.RESOLVED),
        (1.0, 4.0, 5.0, Outcome.COLLAPSED),
        (0.0, 10.0, np.inf, Outcome.COLLAPSED),
        (np.inf, np.inf, 5.0, Outcome.RESOLVED),
        (np.inf, np.inf, np.inf, Outcome.NEVER_FOCUSED),
        (2.0, np.inf, np.inf, Outcome.UNRESOLVED),
        (2.0, np.inf, 10.5, Outcome.UNRESOLVED),
    ],
)
def test_outcome_precedence(focus, collapse, resolution, expected):
    times = (jnp.asarray(value) for value in (focus, collapse, resolution, np.inf))
    events = Events(*times, jnp.asarray(0), jnp.asarray(False))
    assert int(outcome(events, jnp.asarray(10.0))) == expected


def test_outcomes_of_whole_runs(references):
    result = batch("rk4", jnp.float64, 16)
    for lane, name in enumerate(NAMES):
        truth = references[name]
        if truth.resolution_time <= min(HORIZON, truth.collapse_time):
            expected = Outcome.RESOLVED
        elif truth.collapse_time <= HORIZON:
            expected = Outcome.COLLAPSED
        else:
            expected = Outcome.NEVER_FOCUSED if truth.focus_time > HORIZON else Outcome.UNRESOLVED
        assert int(result.outcome[lane]) == expected, name
        h = systems.choice(truth.states[-1, 0], systems.DEFAULTS["n_agents"] - 1.0)[2]
        if name == "default":
            assert bool(result.events.focused[lane]) == (h < 0.5)
    assert {int(code) for code in result.outcome[: len(NAMES)]} == {
        Outcome.RESOLVED,
        Outcome.COLLAPSED,
        Outcome.UNRESOLVED,
    }
    hopeless = solver("rk4", jnp.float64, 16)(stack([{"context_window": 2.0}] * len(LANES)), HORIZON)
    assert np.all(hopeless.outcome == Outcome.NEVER_FOCUSED)


# --- Gradients ----------------------------------------------------------------------------------------------

GRID = Grid(32.0, 4, 32)
BASE = STAR.params(**{**STARS["all terms"], "initial_context": 12.0})
FIELDS = list(BASE.specs())
POINT = np.array([float(getattr(BASE, name)) for name in FIELDS])
SIZE = np.maximum(np.abs(POINT), 0.1)
# Central differences with a relative step of 1e-4: truncation 1e-8 times a third derivative over the first,
# about 10; noise is solver noise over 1e-4: 1e-12/1e-4 for fixed steps, 1e-11/1e-4 for the adaptive ones,
# whose accepted steps change with the parameters.
TIGHT = {"rtol": 1e-11, "atol": 1e-12, "max_steps": 512}
GRADIENTS = [
    ("rk4", {}, 2e-6),
    pytest.param("tsit5", {}, 2e-6, marks=pytest.mark.slow),
    pytest.param("adaptive", TIGHT, 1e-5, marks=pytest.mark.slow),
    pytest.param("adaptive_stiff", TIGHT, 1e-5, marks=pytest.mark.slow),
    pytest.param("euler_maruyama", {}, 2e-6, marks=pytest.mark.slow),
    pytest.param("ri6", {}, 2e-6, marks=pytest.mark.slow),
]


def with_fields(points):
    return type(BASE)(**{name: jnp.asarray(points[..., i]) for i, name in enumerate(FIELDS)})


def differences(outputs):
    """Central differences of `outputs` by every parameter, times its size; (parameters, outputs)."""
    bumps = np.diag(1e-4 * SIZE)
    ends = jax.jit(jax.vmap(outputs))(with_fields(np.concatenate([POINT + bumps, POINT - bumps])))
    ups, downs = np.split(np.asarray(ends), 2)
    return (ups - downs) / 2e-4


def compare(got, expected, tolerance):
    assert np.all(np.isfinite(got))
    scale = np.abs(expected).max(axis=0)
    error = np.abs(got - expected) / scale
    bad = np.unique(np.nonzero(error >= tolerance)[0])
    assert len(bad) == 0, {FIELDS[i]: error[i] for i in bad}
    assert np.all(scale > 1e-3)


@pytest.mark.parametrize(("name", "options", "tolerance"), GRADIENTS)
def test_reverse_mode_against_finite_differences(name, options, tolerance):
    """End state and mean-squared error of the entropy, by every parameter."""
    method = METHODS.get(name)(**options)
    key = None if method.dynamics == "ode" else jax.random.key(3)
    data = jnp.linspace(1.0, 0.2, GRID.intervals + 1)

    def outputs(params):
        def save(t, state, alive):
            return STAR.choice(state.focus, params).entropy

        result = solve(STAR, params, grid=GRID, method=method, key=key, index=1, save=save)
        # A projection has a kink, and the comparison needs none: NaN would fail it.
        error = jnp.where(result.projections == 0, jnp.mean((result.saved - data) ** 2), jnp.nan)
        return jnp.stack([*result.final, error])

    gradient = jax.jit(jax.grad(lambda params, weights: weights @ outputs(params)))
    rows = [gradient(with_fields(POINT), jnp.asarray(weights)) for weights in np.eye(4)]
    got = np.array([[float(getattr(row, field)) for row in rows] for field in FIELDS])
    compare(got * SIZE[:, None], differences(outputs), tolerance)


def event_times(params):
    events = solve(STAR, params, grid=GRID, method=METHODS.get("rk4")()).events
    return jnp.stack([events.focus_time, events.resolution_time, events.horizon_time])


@pytest.fixture(scope="module")
def event_differences():
    return differences(event_times)


@pytest.mark.slow
def test_forward_mode_of_event_times(event_differences):
    tangents = with_fields(np.diag(SIZE))
    _, got = jax.jit(jax.vmap(lambda tangent: jax.jvp(event_times, (with_fields(POINT),), (tangent,))))(tangents)
    compare(np.asarray(got), event_differences, 2e-6)


@pytest.mark.slow
def test_reverse_mode_of_event_times(event_differences):
    gradient = jax.jit(jax.grad(lambda params, weights: weights @ event_times(params)))
    rows = [gradient(with_fields(POINT), jnp.asarray(weights)) for weights in np.eye(3)]
    got = np.array([[float(getattr(row, field)) for row in rows] for field in FIELDS])
    compare(got * SIZE[:, None], event_differences, 2e-6)


# --- Failures -----------------------------------------------------------------------------------------------


def test_float32_lanes_end_near_the_last_time():
    """A rejected step within 100 ulp of t1 once made diffrax retry without end: no lane may spin."""
    rng = np.random.default_rng(1)
    run = solver("adaptive", jnp.float32, 8)
    for horizon in rng.uniform(100.0, 1500.0, 4):
        names = {"focus_rate": (0.5, 8), "context_window": (24, 160), "n_agents": (2, 40), "compaction_rate": (0, 0.2)}
        sets = [{name: rng.uniform(*ends) for name, ends in names.items()} for _ in LANES]
        result = run(stack(sets), horizon)
        assert np.all(result.failure == Failure.NONE)
        # Explicit steps are bound by stability, alpha dt < 3.3: about alpha T / 3.3, times 3 for rejections, and
        # a few at the start of each of the solves between saves.
        bound = 3.0 * horizon / 3.3 * np.array([values["focus_rate"] for values in sets]) + 10 * SAVES
        assert np.all(np.asarray(result.steps) < bound)
        assert np.all(np.isfinite(result.final.focus))


@pytest.mark.parametrize("name", ["rk4", "adaptive"])
def test_a_failing_lane_is_coded_and_leaves_the_others_alone(name):
    method = METHODS.get(name)(**({"max_steps": 64} if name == "adaptive" else {}))
    rates = [1.0, 1e3, 1.0, 0.5, 1.0]
    starts = [0.0, 0.0, np.nan, 0.0, 1e13]
    windows = [128.0, 128.0, 128.0, 64.0, 64.0]

    def run(rate, start, window):
        params = cast(STAR.params(), jnp.float64)
        params = type(params)(**{**vars(params), "focus_rate": rate, "context_window": window})
        y0 = OrchestratorState(start, 0.0 * start, 0.0 * window)
        return solve(STAR, params, y0, Grid(32.0, 32, 1), method=method)

    columns = [jnp.asarray(column) for column in (rates, starts, windows)]
    batched = jax.jit(jax.vmap(run))
    result = batched(*columns)
    codes = [Failure(int(code)) for code in result.failure]
    assert codes[0] == codes[3] == Failure.NONE
    assert codes[2] == Failure.NON_FINITE
    assert codes[4] == Failure.DIVERGED
    expected = {"rk4": {Failure.DIVERGED, Failure.NON_FINITE}, "adaptive": {Failure.STEP_LIMIT}}[name]
    assert codes[1] in expected
    for event in EVENTS:
        assert not np.any(np.isnan(getattr(result.events, event)))
    for leaf in jax.tree.leaves((result.final, result.saved)):
        assert np.all(np.isfinite(leaf[np.array([0, 1, 3])]))
    healthy = batched(*[column[jnp.array([0, 0, 0, 3, 3])] for column in columns])
    for lane in (0, 3):
        for got, alone in zip(jax.tree.leaves(result), jax.tree.leaves(healthy), strict=True):
            np.testing.assert_array_equal(got[lane], alone[lane])


@pytest.mark.slow
def test_step_limit():
    result = solver("adaptive", jnp.float64, 1, 2, max_steps=2)(stack([{}]), 32.0)
    assert int(result.failure[0]) == Failure.STEP_LIMIT
    assert not any(np.any(np.isnan(leaf)) for leaf in jax.tree.leaves(result.events))
    # The state stays where the last finished interval left it.
    assert float(result.final.focus[0]) == 0.0


def test_stochastic_methods_ask_for_a_key():
    with pytest.raises(ValueError, match=r"Method ri6 is stochastic: pass key=jax.random.key\(seed\)"):
        solve(STAR, STAR.params(), method=METHODS.get("ri6")())
