"""The star's folds and cusps against 40-digit arithmetic on F(c) of the model page, written here anew."""

import dataclasses

import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from forms import check_branch
from hypothesis import given, settings, strategies as st
from systems import DEFAULTS

from entropyjax.models import Replicator, Star
from entropyjax.stability.continuation import (
    Lens,
    Problem,
    StepControl,
    continue_equilibrium,
    continue_fold,
    from_model,
)

AGENTS = Lens("n_agents", 2.0, 128.0, log=True)
WINDOW = Lens("context_window", 16.0, 512.0, log=True)
CONTROL = StepControl()


def balance(c, agents, window):
    """F(c) at x = Delta_eff(1) m(c), default parameters but N and W; delta1 = b = g = 0 and phi_s = 1 there."""
    p = {name: mp.mpf(str(value)) for name, value in DEFAULTS.items()}
    fill = (p["system_tokens"] + agents * p["roster_tokens"] + c) / (p["effective_fraction"] * window)
    x = p["evidence"] / (1 + fill ** p["dilution_order"])
    wrong = (agents - 1) / (agents - 1 + mp.exp(x))
    return p["executor_tokens"] + p["reasoning_tokens"] + p["error_tokens"] * wrong - p["compaction_rate"] * c


def derivative(order, c, agents, window):
    return mp.diff(lambda at: balance(at, agents, window), c, order)


def exact_fold(name, context, value, fixed):
    """F = F' = 0 in c and N, or c and W."""

    def system(c, free):
        agents, window = (free, fixed) if name == "n_agents" else (fixed, free)
        return [derivative(order, c, agents, window) for order in range(2)]

    return mp.findroot(system, (context, value), tol=1e-50, solver="mdnewton")


def exact_cusp(context, agents, window):
    return mp.findroot(lambda *at: [derivative(order, *at) for order in range(3)], (context, agents, window), tol=1e-50)


@pytest.fixture(scope="module")
def by_agents():
    problem = from_model(Star(), Star().params(), AGENTS)
    return problem, continue_equilibrium(problem)


@pytest.fixture(scope="module")
def by_window():
    problem = from_model(Star(), Star().params(), WINDOW)
    return problem, continue_equilibrium(problem)


@pytest.mark.parametrize(("name", "fixed"), [("n_agents", 64), ("context_window", 8)])
def test_folds_to_eight_digits(name, fixed, by_agents, by_window):
    problem, branch = by_agents if name == "n_agents" else by_window
    lens = AGENTS if name == "n_agents" else WINDOW
    check_branch(branch, CONTROL, {name: (lens.lower, lens.upper)})
    assert not branch.partial
    assert problem.names() == ("focus", "context")
    assert [point.kind for point in branch.special] == ["fold", "fold"]
    with mp.workdps(40):
        for fold in branch.special:
            assert fold.status == "converged"
            # From three digits: what is compared is not what the reference started from.
            start = [float(f"{value:.3g}") for value in (float(fold.state.context), fold.parameters[name])]
            context, value = exact_fold(name, *start, fixed)
            np.testing.assert_allclose(fold.parameters[name], float(value), rtol=1e-9)
            np.testing.assert_allclose(float(fold.state.context), float(context), rtol=1e-8)


def test_fold_curve_closes_between_two_cusps(by_agents):
    """The bistable wedge has a tip at both ends."""
    problem, branch = by_agents
    curve = continue_fold(problem, branch.special[0], WINDOW)
    check_branch(dataclasses.replace(curve, special=()), CONTROL, {"n_agents": (2.0, 128.0)})
    assert {end.sentence for end in curve.ends} == {"the branch closes on itself"}
    cusps = sorted(curve.of_kind("cusp"), key=lambda point: point.parameters["n_agents"])
    assert len(cusps) == len(curve.special) == 2
    with mp.workdps(40):
        for cusp in cusps:
            found = (float(cusp.state.context), *(cusp.parameters[name] for name in ("n_agents", "context_window")))
            exact = exact_cusp(*(float(f"{value:.4g}") for value in found))
            assert cusp.status == "converged"
            np.testing.assert_allclose(found, [float(value) for value in exact], rtol=1e-8)
    np.testing.assert_allclose([cusp.parameters["n_agents"] for cusp in cusps], [2.756897, 68.539404], rtol=1e-6)


def test_start_follows_the_ode_and_progress_is_at_rest(by_window):
    """The default start is the end of the ODE; s is 1, or s(0) without resolution."""
    problem, branch = by_window
    assert float(problem.state0.focus) > 4.0
    np.testing.assert_allclose(branch.columns["progress"], 1.0)
    frozen = from_model(Star(), Star().params(resolution_rate=0.0, progress_gain=0.5, initial_progress=0.2), WINDOW)
    params = Star().params(progress_gain=0.0, evidence=8.0 * 1.1)
    np.testing.assert_allclose(frozen.state0, from_model(Star(), params, WINDOW).state0, rtol=1e-12)


@pytest.mark.slow
def test_replicator_has_the_folds_of_the_star(by_window):
    """Eight logits with equal rivals close on the gap: nine states, the same folds."""
    model = Replicator(max_agents=8)
    problem = from_model(model, model.params(), WINDOW)
    branch = continue_equilibrium(problem)
    assert problem.names()[0] == "focus[0]" and problem.size == 9
    folds = [[point.parameters["context_window"] for point in one.of_kind("fold")] for one in (branch, by_window[1])]
    np.testing.assert_allclose(*folds, rtol=1e-9)


@settings(max_examples=8)
@given(
    st.floats(4.0, 32.0),
    st.floats(3.0, 12.0),
    st.floats(1.0, 5.0),
    st.floats(0.0, 12.0),
    st.floats(0.02, 0.2),
    st.floats(0.0, 0.5),
    st.floats(0.1, 5.0),
)
def test_star_has_folds_and_nothing_else(agents, evidence, order, error, rate, reflexion, pace):
    """Trace < 0 and det = -alpha F': no Hopf point, no crossing, and F' has the sign of the stability."""
    params = Star().params(
        n_agents=agents,
        evidence=evidence,
        dilution_order=order,
        error_tokens=error,
        compaction_rate=rate,
        reflexion_rate=reflexion,
        focus_rate=pace,
    )
    branch = continue_equilibrium(from_model(Star(), params, WINDOW))
    check_branch(branch, CONTROL, {"context_window": (16.0, 512.0)})
    assert {point.kind for point in branch.special} <= {"fold"}
    assert all(point.status == "converged" for point in branch.special)
    assert not branch.partial
    assert np.all(branch.eigenvalues.real.sum(axis=1) < 0.0)
    np.testing.assert_array_equal(branch.unstable, np.where(np.prod(branch.eigenvalues, axis=1).real < 0.0, 1, 0))


def test_new_values_compile_nothing():
    """Other parameters, ranges, scales and starts take the compiled code that is there."""
    traced = []

    def residual(y, p):
        traced.append(1)
        return p["a"] - y**2

    for a, upper in ((1.0, 2.0), (0.5, 3.0)):
        before = len(traced)
        branch = continue_equilibrium(Problem(residual, jnp.asarray(a), {"a": a}, Lens("a", -1.0, upper)))
        assert branch.special[0].status == "converged"
    assert before > 0
    assert len(traced) == before
