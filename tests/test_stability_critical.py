"""Critical values, cusps, optima and event times: 40-digit references, closed forms, and gradients by differences."""

import functools

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
import star_mpmath
from systems import DEFAULTS

from entropyjax.models import MODELS, Star
from entropyjax.params import ParameterError, cast, replace
from entropyjax.results import Criterion, Optimum
from entropyjax.solve import Grid
from entropyjax.stability import (
    cognitive_horizon,
    collapse_time,
    critical_agents,
    critical_window,
    cusps,
    elasticities,
    margin_window,
    reasoning_optimum,
)

LANES = 64
STAR = Star()
QUICK = {"xla_backend_optimization_level": 0}
# Parameters that are 0 by default are at an end of their range.
NAMES = [name for name, value in DEFAULTS.items() if value > 0.0]


@functools.cache
def compiled(function, branch="focused", dtype=jnp.float64):
    """Value, code and gradient of a batch of stars."""

    def value(params):
        found = function(params, branch=branch, dtype=dtype)
        return found.value, found.criterion

    return jax.jit(jax.vmap(jax.value_and_grad(value, has_aux=True)), compiler_options=QUICK)


def critical(function, branch="focused", dtype=jnp.float64, **values):
    number = max(np.size(value) for value in values.values())
    full = {name: jnp.asarray(np.resize(value, LANES), dtype) for name, value in values.items()}
    params = jax.tree.map(lambda leaf: jnp.full(LANES, leaf, dtype), STAR.params())
    (value, code), slope = compiled(function, branch, dtype)(replace(params, full))
    return jax.tree.map(lambda leaf: np.asarray(leaf)[:number], (value, code, slope))


WINDOWS = {48.0: (28, 4.1), 64.0: (30, 9), 96.0: (31, 24.4)}
AGENTS = {4.0: (27, 47.5), 8.0: (28, 61.0), 24.0: (31, 95.0)}


def test_folds_in_the_agents_to_eight_digits():
    value, code, _ = critical(critical_agents, context_window=list(WINDOWS))
    assert code.tolist() == [Criterion.FOLD] * 3
    exact = [star_mpmath.fold("n_agents", start, context_window=mp.mpf(w)) for w, start in WINDOWS.items()]
    np.testing.assert_allclose(value, np.array(exact, float), rtol=1e-11)


def test_folds_in_the_window_to_eight_digits():
    value, code, _ = critical(critical_window, n_agents=list(AGENTS))
    assert code.tolist() == [Criterion.FOLD] * 3
    exact = [star_mpmath.fold("context_window", start, n_agents=mp.mpf(n)) for n, start in AGENTS.items()]
    np.testing.assert_allclose(value, np.array(exact, float), rtol=1e-11)
    # Each is the inverse of the other.
    back, *_ = critical(critical_agents, context_window=value)
    np.testing.assert_allclose(back, list(AGENTS), rtol=1e-10)


@pytest.mark.slow
def test_folds_of_the_collapsed_branch():
    starts = {48.0: (40, 3.8), 64.0: (47, 7.0), 96.0: (55, 19.6)}
    value, *_ = critical(critical_agents, "collapsed", context_window=list(starts))
    exact = [star_mpmath.fold("n_agents", start, context_window=mp.mpf(w)) for w, start in starts.items()]
    np.testing.assert_allclose(value, np.array(exact, float), rtol=1e-11)
    value, *_ = critical(critical_window, "collapsed", n_agents=[4.0, 8.0, 24.0])
    starts = {4: (44, 49.4), 8: (54, 67.7), 24: (60, 103.8)}
    exact = [star_mpmath.fold("context_window", start, n_agents=mp.mpf(n)) for n, start in starts.items()]
    np.testing.assert_allclose(value, np.array(exact, float), rtol=1e-11)
    with pytest.raises(ValueError, match="'lower' is not a branch; take 'focused' or 'collapsed'"):
        critical_window(STAR.params(), branch="lower")


@pytest.mark.parametrize(
    ("function", "name", "points", "codes"),
    [
        (critical_agents, "context_window", (64.0, 250.0), (Criterion.FOLD, Criterion.MARGIN)),
        (critical_window, "n_agents", (8.0, 120.0), (Criterion.FOLD, Criterion.MARGIN)),
    ],
)
def test_gradients_by_all_parameters(function, name, points, codes):
    for point, expected in zip(points, codes, strict=True):
        centre = {**{key: DEFAULTS[key] for key in NAMES}, name: point}
        step = 1e-5
        rows = {
            key: [value * (1.0 + step * sign * (key == other)) for other in NAMES for sign in (1.0, -1.0)]
            for key, value in centre.items()
        }
        value, code, _ = critical(function, **rows)
        assert set(code.tolist()) == {int(expected)}
        _, _, slope = critical(function, **{key: [value] for key, value in centre.items()})
        for place, key in enumerate(NAMES):
            difference = (value[2 * place] - value[2 * place + 1]) / (2.0 * step * centre[key])
            # Truncation of order step^2 and rounding of order 1e-16 / step, both relative to the elasticity of 1.
            atol = 1e-8 * value[0] / centre[key]
            np.testing.assert_allclose(getattr(slope, key)[0], difference, rtol=1e-7, atol=atol, err_msg=key)
        assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(slope))


def test_what_is_no_number_of_agents_or_ktok_has_a_code():
    sets = {
        "context_window": [64.0, 64.0, 0.5, 64.0],
        "compaction_rate": [0.08, 0.0, 0.08, 0.0],
        "reflexion_rate": [0.0, 0.0, 0.0, 0.2],
        "n_agents": [2.0, 8.0, 4000.0, 8.0],
    }
    value, code, slope = critical(critical_window, **sets)
    assert value[:3].tolist() == [0.0, np.inf, np.inf]
    assert code.tolist()[:3] == [Criterion.ALWAYS, Criterion.NO_COMPACTION, Criterion.NEVER]
    assert np.isfinite(value[3])
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(slope))
    # With steep dilution the fold at two executors lies at 42 ktok.
    sets |= {"dilution_order": 4.0, "context_window": [64.0, 64.0, 40.0, 64.0]}
    value, code, slope = critical(critical_agents, **sets)
    assert value[1] == value[2] == 0.0
    assert code[1:3].tolist() == [Criterion.NO_COMPACTION, Criterion.NEVER]
    assert np.all(np.isfinite(value))
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(slope))


def test_check_6_without_errors_the_critical_window_is_the_closed_form():
    agents = np.array([3.0, 8.0, 60.0])
    value, code, _ = critical(critical_window, n_agents=agents, error_tokens=0.0)
    closed = [float(margin_window(STAR.params(n_agents=n, error_tokens=0.0))) for n in agents]
    np.testing.assert_allclose(value, closed, rtol=1e-13)
    assert code.tolist() == [Criterion.MARGIN] * 3
    back, code, _ = critical(critical_agents, context_window=closed, error_tokens=0.0)
    np.testing.assert_allclose(back, agents, rtol=1e-12)
    assert code.tolist() == [Criterion.MARGIN] * 3


@pytest.mark.slow
def test_both_ends_of_the_wedge_are_cusps():
    found, slope = jax.jit(
        lambda params, way: jax.jvp(lambda params: cusps(params)[:2], (params,), (way,)), compiler_options=QUICK
    )(*[cast(STAR.params(), jnp.float64)] * 2)
    exact = np.array([star_mpmath.cusp((34, 2.75, 40.4)), star_mpmath.cusp((50, 68.5, 164.3))], float)
    np.testing.assert_allclose(np.stack(found, -1)[:2], exact, rtol=1e-10)
    assert np.all(np.isnan(found[0][2:]))
    # Along the parameters themselves, against the cusps of parameters that are a little larger.
    step = mp.mpf("1e-12")
    larger = {name: mp.mpf(repr(DEFAULTS[name])) * (1 + step) for name in NAMES}
    moved = np.array(star_mpmath.cusp((34, 2.75, 40.4), **larger)) - np.array(star_mpmath.cusp((34, 2.75, 40.4)))
    np.testing.assert_allclose([leaf[0] for leaf in slope], np.array(moved / step, float), rtol=1e-7)


def test_the_two_criteria_hand_over_at_the_cusps():
    value, code, _ = critical(critical_window, n_agents=[2.7, 2.8, 68.0, 69.0])
    assert code.tolist() == [Criterion.MARGIN, Criterion.FOLD, Criterion.FOLD, Criterion.MARGIN]
    assert np.all(np.diff(value)[[0, 2]] != 0.0)


@pytest.mark.slow
def test_single_precision():
    double, single = (
        critical(critical_window, dtype=dtype, n_agents=[4.0, 8.0, 24.0, 120.0]) for dtype in (jnp.float64, jnp.float32)
    )
    assert single[0].dtype == np.float32
    np.testing.assert_allclose(single[0], double[0], rtol=2e-5)
    assert np.array_equal(single[1], double[1])
    found = reasoning_optimum(STAR.params(**TRAP), dtype=jnp.float32)
    assert found.place == Optimum.INTERIOR and found.reasoning_tokens.dtype == np.float32
    np.testing.assert_allclose(found.reasoning_tokens, 1.32126, rtol=1e-3)


TRAP = {"evidence": 4.0, "reasoning_gain": 0.6, "context_window": 128.0}


@functools.cache
def optimum(objective, **options):
    def place(params):
        found = reasoning_optimum(params, objective, **options)
        return found.reasoning_tokens, found

    return jax.jit(jax.vmap(jax.value_and_grad(place, has_aux=True)), compiler_options=QUICK)


def best(objective, step=1e-4, **options):
    """The optimum of the Reasoning Trap, its gradient, and central differences by three parameters."""
    names = ["evidence", "context_window", "error_tokens"]
    params = STAR.params(**TRAP)
    rows = [params, *(replace(params, {n: getattr(params, n) * (1.0 + s * step)}) for n in names for s in (1, -1))]
    batch = jax.tree.map(lambda *leaves: jnp.stack([jnp.asarray(leaf) for leaf in leaves]), *rows)
    (value, found), slope = optimum(objective, **options)(batch)
    differences = {
        name: (value[2 * i + 1] - value[2 * i + 2]) / (2.0 * step * getattr(params, name))
        for i, name in enumerate(names)
    }
    return jax.tree.map(lambda leaf: leaf[0], found), {n: getattr(slope, n)[0] for n in names}, differences


@pytest.mark.slow
def test_check_9_the_reasoning_trap():
    found, slope, difference = best("right_probability")
    assert found.place == Optimum.INTERIOR
    assert 1.0 < found.reasoning_tokens < 2.0
    assert 0.92 < found.value < 0.93
    for name, value in slope.items():
        np.testing.assert_allclose(value, difference[name], rtol=1e-6, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["margin", "success"])
def test_other_objectives(objective):
    found, slope, difference = best(objective)
    assert found.place == Optimum.INTERIOR
    for name, value in slope.items():
        np.testing.assert_allclose(value, difference[name], rtol=1e-5, err_msg=name)


def test_optima_at_an_end_at_a_jump_and_of_any_function():
    def bump(params):
        effort = params.reasoning_tokens
        jump = jnp.where(effort < params.token_noise, effort, -effort)
        return jnp.where(params.focus_noise > 1.0, jump, -jnp.square(effort - params.evidence))

    def effort(params):
        found = reasoning_optimum(params, bump, high=10.0)
        return found.reasoning_tokens, found

    sets = [{"evidence": 3.0}, {"evidence": 0.0}, {"evidence": 20.0}, {"focus_noise": 2.0, "token_noise": 4.1}]
    batch = jax.tree.map(lambda *leaves: jnp.stack([*map(jnp.asarray, leaves)]), *(STAR.params(**v) for v in sets))
    (_, found), slope = jax.jit(jax.vmap(jax.value_and_grad(effort, has_aux=True)), compiler_options=QUICK)(batch)
    assert found.place.tolist() == [
        Optimum.INTERIOR,
        Optimum.LOWER_END,
        Optimum.UPPER_END,
        Optimum.EDGE,
    ]
    np.testing.assert_allclose(found.reasoning_tokens, [3.0, 0.0, 10.0, 4.1], atol=1e-3)
    assert slope.evidence[:3].tolist() == [1.0, 0.0, 0.0]
    with pytest.raises(ValueError, match="'qq' is not an objective; take one of right_probability, margin, success"):
        reasoning_optimum(STAR.params(), "qq")
    assert "inside the range" in str(jax.tree.map(lambda leaf: leaf[0], found))


@pytest.mark.slow
def test_event_times_have_gradients():
    """A lane that starts focused in a small window, entropy falling at first."""
    names = ["evidence", "context_window", "error_tokens", "compaction_rate"]
    params = STAR.params(initial_focus=3.0, n_agents=24.0, context_window=40.0, compaction_rate=0.02)
    centre = jnp.asarray([getattr(params, name) for name in names])
    grid = Grid(16.0, 1, 128)

    def times(values):
        at = replace(params, dict(zip(names, values, strict=True)))
        return jnp.stack([function(at, grid=grid) for function in (collapse_time, cognitive_horizon)])

    both = jax.jit(jax.vmap(lambda values, way: jax.jvp(times, (values,), (way,))), compiler_options=QUICK)
    step = 1e-5
    ways = jnp.diag(centre)
    value, slope = both(
        jnp.stack([centre + sign * step * way for sign in (0, 1, -1) for way in ways]), jnp.tile(ways, (3, 1))
    )
    assert np.all((value[0] > 0.0) & (value[0] < 16.0))
    np.testing.assert_allclose(slope[:4], (value[4:8] - value[8:]) / (2.0 * step), rtol=1e-6)


def test_elasticities_are_ranked_and_print_themselves():
    found = elasticities(margin_window, STAR.params())
    sizes = [abs(value) for _, value in found.ranked()]
    assert sizes == sorted(sizes, reverse=True) and min(sizes) > 0.0
    assert found.by["evidence"] < 0.0
    assert found.by["effective_fraction"] == pytest.approx(-1.0)
    assert found.by["focus_rate"] == 0.0
    text = str(found)
    assert text.splitlines()[0] == f"margin window = {float(found.value):.6g}"
    assert f"halving effective_fraction moves it to about {2.0 * float(found.value):.4g}" in text
    # With the code of what was found beside it.
    double = elasticities(lambda params: _Coded(margin_window(params)), STAR.params(), "W_c")
    assert str(double).startswith(f"W_c = {float(found.value):.6g} (fold)")


class _Coded:
    criterion = int(Criterion.FOLD)

    def __init__(self, value):
        self.value = value


@pytest.mark.parametrize("function", [critical_window, critical_agents, cusps])
@pytest.mark.parametrize("name", ["balance", "damped", "constant"])
def test_parameters_of_models_that_do_not_choose_are_refused(function, name):
    params = MODELS.get(name)().params()
    with pytest.raises(ParameterError, match=rf"{function.__name__} needs the .* and {type(params).__name__} has no "):
        function(params)
    with pytest.raises(ParameterError, match=r"take those of a star, as Star\(\).params\(\)."):
        jax.vmap(function)(jax.tree.map(lambda leaf: jnp.full(2, leaf), params))
