"""The Reasoning Trap: the condition at rest, the best effort against scipy, the labels."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st
from scipy.integrate import solve_ivp
from scipy.optimize import brentq, minimize_scalar

from entropyjax.models import Star
from entropyjax.params import replace
from entropyjax.results import Effort, Optimum
from entropyjax.stability import (
    AtRest,
    TaskSuccess,
    attention_cost,
    critical_gain,
    reasoning_balance,
    reasoning_trap,
    task_length,
    with_task_length,
)

STAR = Star()
# These programs run for milliseconds, and compile for seconds.
QUICK = {"xla_backend_optimization_level": 0}
GAINS = st.floats(0.0, 2.0)
PARAMS = st.fixed_dictionaries(
    {
        "n_agents": st.floats(3.0, 60.0),
        "context_window": st.floats(16.0, 512.0),
        "evidence": st.floats(2.0, 12.0),
        "dilution_order": st.floats(0.8, 4.0),
        "error_tokens": st.floats(0.0, 10.0),
        "compaction_rate": st.floats(0.03, 0.3),
        "reflexion_rate": st.floats(0.0, 0.1),
        "progress_gain": st.floats(0.0, 0.5),
        "executor_tokens": st.floats(0.1, 3.0),
        "reasoning_gain": GAINS,
        "reasoning_scale": st.floats(0.3, 3.0),
        "reasoning_tokens": st.floats(0.05, 6.0),
    }
)


def parts(p, c):
    """Delta_eff m, 1 - m, and F at a context, written down anew from the model page."""
    rivals = p.roster_similarity * (p.n_agents - 1.0)
    load = (p.system_tokens + p.n_agents * p.roster_tokens + c) / (p.effective_fraction * p.context_window)
    m = 1.0 / (1.0 + load**p.dilution_order)
    evidence = p.evidence * (1.0 + p.reasoning_gain * np.log1p(p.reasoning_tokens / p.reasoning_scale))
    x = evidence * (1.0 + p.progress_gain) * m
    q = 1.0 / (1.0 + rivals * np.exp(-x))
    each = q * np.exp(-x)
    h = (-q * np.log(q) - rivals * each * np.log(each)) / np.log1p(rivals)
    forgotten = (p.compaction_rate + p.reflexion_rate * h) * c
    return x, p.executor_tokens + p.reasoning_tokens + p.error_tokens * rivals * each - forgotten


def rest(p, near=None):
    """The context of the fixed point with the least context, or of that near another one."""
    if near is None:
        grid = np.geomspace(1e-3, 1e3, 4001)
        drift = parts(p, grid)[1]
        first = int(np.argmax(drift < 0.0))
        ends = grid[first - 1], grid[first]
    else:
        ends = 0.98 * near, 1.02 * near
    if not parts(p, ends[0])[1] > 0.0 > parts(p, ends[1])[1]:
        return None
    return brentq(lambda c: parts(p, c)[1], *ends, xtol=1e-13, rtol=1e-14)


@settings(max_examples=60, deadline=None)
@given(PARAMS)
def test_the_condition_is_the_derivative_at_rest(values):
    """dx/dtau_r = x (return - cost) / -F', against central differences of fixed points found by brentq."""
    p = STAR.params(**values)
    c = rest(p)
    assume(c is not None)
    step = 1e-4 * p.reasoning_tokens
    shifted = [replace(p, {"reasoning_tokens": p.reasoning_tokens + sign * step}) for sign in (1.0, -1.0)]
    contexts = [rest(one, near=c) for one in shifted]
    slope = (parts(p, 1.0001 * c)[1] - parts(p, 0.9999 * c)[1]) / (2e-4 * c)
    # Near a fold the fixed point runs away faster than differences can follow.
    assume(None not in contexts and slope < -3e-3)
    ahead, behind = (parts(one, context)[0] for one, context in zip(shifted, contexts, strict=True))
    x = parts(p, c)[0]
    balance = float(reasoning_balance(p, jnp.asarray(c)))
    scale = float(attention_cost(p, jnp.asarray(c)))
    measured, size = (ahead - behind) / (2.0 * step), x * scale / -slope
    np.testing.assert_allclose(measured, x * balance / -slope, rtol=2e-3, atol=1e-3 * size)
    if abs(balance) > 5e-3 * scale:
        assert np.sign(ahead - behind) == np.sign(balance)


@settings(max_examples=40, deadline=None)
@given(PARAMS)
def test_some_reasoning_pays_exactly_above_the_critical_gain(values):
    still = STAR.params(**values | {"reasoning_tokens": 0.0})
    c = rest(still)
    assume(c is not None)
    context = jnp.asarray(c)
    gain = float(critical_gain(still, context))
    for factor, sign in ((0.99, -1.0), (1.01, 1.0)):
        p = replace(still, {"reasoning_gain": factor * gain})
        # The fixed point does not depend on the gain.
        assert parts(p, c)[1] == parts(still, c)[1]
        assert np.sign(reasoning_balance(p, context)) == sign
    # Above this gain it pays at every window.
    static = still.system_tokens + still.n_agents * still.roster_tokens
    most = still.dilution_order * still.reasoning_scale / (still.executor_tokens + still.compaction_rate * static)
    assert gain <= most * (1.0 + 1e-9)


@settings(max_examples=40, deadline=None)
@given(PARAMS)
def test_without_errors_there_is_one_optimum(values):
    """With (1 + b) (tau_e + delta0 (tau_sys + N tau_d)) >= tau_ref the sign changes once, downwards."""
    p = STAR.params(**values | {"error_tokens": 0.0, "reflexion_rate": 0.0})
    static = p.system_tokens + p.n_agents * p.roster_tokens
    assume((1.0 + p.reasoning_gain) * (p.executor_tokens + p.compaction_rate * static) >= p.reasoning_scale)
    effort = np.concatenate([[0.0], np.geomspace(1e-3, 1e6, 400)])
    many = replace(p, {"reasoning_tokens": jnp.asarray(effort)})
    context = jnp.asarray((p.executor_tokens + effort) / p.compaction_rate)
    helps = np.asarray(reasoning_balance(many, context)) > 0.0
    changes = np.diff(helps.astype(int))
    assert np.all(changes <= 0)
    # No finite window is without a trap.
    assert not helps[-1]
    gain = float(critical_gain(replace(p, {"reasoning_tokens": 0.0}), context[0]))
    assert helps[0] == (p.reasoning_gain > gain)
    # Without a gain every effort is past the best one, which is none.
    assert not np.any(reasoning_balance(replace(many, {"reasoning_gain": 0.0}), context) > 0.0)


def success(params, horizon):
    """s(T) by scipy, of the star with g = 0 and delta1 = 0."""
    p = params

    def drift(_, y):
        x, s, c = y
        load = (p.system_tokens + p.n_agents * p.roster_tokens + c) / (p.effective_fraction * p.context_window)
        evidence = p.evidence * (1.0 + p.reasoning_gain * np.log1p(p.reasoning_tokens / p.reasoning_scale))
        q = 1.0 / (1.0 + (p.n_agents - 1.0) * np.exp(-x))
        inflow = p.executor_tokens + p.reasoning_tokens + p.error_tokens * (1.0 - q)
        return (
            p.focus_rate * (evidence / (1.0 + load**p.dilution_order) - x),
            p.resolution_rate * q * (1.0 - s),
            inflow - p.compaction_rate * c,
        )

    return solve_ivp(drift, (0.0, horizon), np.zeros(3), method="DOP853", rtol=1e-11, atol=1e-12).y[1, -1]


CASES = [
    {"n_agents": 8.0, "context_window": 64.0, "reasoning_gain": 0.6},
    {"n_agents": 16.0, "context_window": 128.0, "reasoning_gain": 0.6, "evidence": 4.0, "resolution_rate": 0.2},
    {"n_agents": 4.0, "context_window": 48.0, "reasoning_gain": 0.0},
    {"n_agents": 64.0, "context_window": 32.0, "reasoning_gain": 0.6},
]


def batch(cases):
    return jax.tree.map(lambda *leaves: jnp.stack([*map(jnp.asarray, leaves)]), *(STAR.params(**v) for v in cases))


@pytest.fixture(scope="module")
def found():
    return jax.jit(lambda params: reasoning_trap(params, high=8.0), compiler_options=QUICK)(batch(CASES))


def test_the_best_effort_is_that_of_scipy(found):
    objective = TaskSuccess()
    for place, values in enumerate(CASES[:2]):
        params = STAR.params(**values)
        horizon = objective.patience * float(task_length(params))

        def lost(effort, params=params, horizon=horizon):
            return 1.0 - success(replace(params, {"reasoning_tokens": float(effort)}), horizon)

        best = minimize_scalar(lost, bounds=(0.0, 8.0), method="bounded", options={"xatol": 1e-5})
        # The cell of the last grid is 8 / 8192 wide, and s is flat within it; RK4 at a step of T/512 moves it less.
        np.testing.assert_allclose(found.best[place], best.x, atol=3e-3)
        np.testing.assert_allclose(1.0 - found.value[place], best.fun, rtol=1e-5)
        np.testing.assert_allclose(1.0 - found.value_without[place], lost(0.0), rtol=1e-5)
        np.testing.assert_allclose(1.0 - found.value_now[place], lost(0.5), rtol=1e-5)
        slope = (lost(0.499) - lost(0.501)) / 2e-3
        np.testing.assert_allclose(found.slope_now[place], slope, rtol=5e-3)


def test_labels_of_success(found):
    assert found.label.tolist() == [Effort.TRAP, Effort.BELOW, Effort.TRAP, Effort.FAILING]
    # Without a gain no reasoning is best, and the present effort lowers success.
    assert found.best[2] == 0.0 and found.place[2] == Optimum.LOWER_END and found.slope_now[2] < 0.0
    assert str(found) == "1 below; 2 trap; 1 failing."


def test_labels_of_any_function_in_both_precisions():
    def bump(params):
        return -jnp.square(params.reasoning_tokens - params.evidence) + 0.0 * params.focus_noise

    cases = [{"evidence": e, "reasoning_tokens": 1.0} for e in (0.5, 2.0, 9.0)]
    for dtype in (jnp.float64, jnp.float32):
        out = reasoning_trap(batch(cases), bump, high=8.0, dtype=dtype)
        assert out.best.dtype == dtype and out.slope_now.dtype == dtype
        assert out.label.tolist() == [Effort.TRAP, Effort.BELOW, Effort.BOUND]
        np.testing.assert_allclose(out.best, [0.5, 2.0, 8.0], atol=0.02 if dtype == jnp.float32 else 1e-3)
        np.testing.assert_allclose(out.slope_now, [-1.0, 2.0, 16.0], rtol=1e-6)
    failing = reasoning_trap(batch(cases[:1]), bump, high=8.0, enough=1.0)
    assert failing.label.tolist() == [Effort.FAILING]
    one = jax.tree.map(lambda leaf: leaf[0], failing)
    assert str(one) == "Best effort 0.5 ktok/step. No effort in the range is enough."


def test_mistakes_and_lengths():
    with pytest.raises(ValueError, match=r"The range of efforts is \[3.0, 2.0\] ktok/step; give low < high"):
        reasoning_trap(STAR.params(), low=3.0, high=2.0)
    with pytest.raises(ValueError, match="'qq' is not an objective"):
        reasoning_trap(STAR.params(), "qq")
    params = with_task_length(STAR.params(), 40.0, 0.02)
    np.testing.assert_allclose(task_length(params, 0.02), 40.0, rtol=1e-6)


@pytest.mark.slow
def test_single_precision_of_success(found):
    single = reasoning_trap(batch(CASES), high=8.0, dtype=jnp.float32)
    assert single.label.tolist() == found.label.tolist()
    # s is flat about the best effort, and single precision resolves 1e-7 of it.
    np.testing.assert_allclose(single.value, found.value, atol=2e-6)


@pytest.mark.slow
def test_long_tasks_have_the_optimum_at_rest_and_short_ones_a_larger_one():
    params = batch([{"reasoning_gain": 0.6, "n_agents": n} for n in (4.0, 8.0, 16.0)])
    rest = reasoning_trap(params, "right_probability", high=8.0)
    margin = reasoning_trap(params, "margin", high=8.0)
    np.testing.assert_allclose(rest.best, margin.best, atol=2e-3)
    at = replace(params, {"reasoning_tokens": rest.best})
    context = jax.vmap(AtRest("context"))(at)
    np.testing.assert_allclose(reasoning_balance(at, context), 0.0, atol=2e-3 * attention_cost(at, context).max())
    lengths = [12.0, 46.0, 184.0, 1500.0]
    best = np.stack(
        [reasoning_trap(with_task_length(params, length), TaskSuccess(steps=4096)).best for length in lengths]
    )
    assert np.all(np.diff(best, axis=0) < 0.0) and np.all(best[-1] > rest.best - 2e-3)
    np.testing.assert_allclose(best[-1], rest.best, atol=0.02)


@pytest.mark.slow
def test_with_one_deadline_the_length_of_the_task_does_not_move_the_optimum():
    params = STAR.params(reasoning_gain=0.6, evidence=5.0)
    best = []
    for length in (30.0, 90.0):
        task = TaskSuccess(patience=128.0 / length)
        best.append(float(reasoning_trap(with_task_length(params, length), task).best))
    np.testing.assert_allclose(best[0], best[1], atol=2e-3)
