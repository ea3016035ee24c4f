"""Fits: parameters by name and condition, the expected course, maxima, and what is held out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize, stats
from scipy.integrate import quad

from entropyjax.agents import AgentDraws, dispatch, expected_step
from entropyjax.inference import InferenceError
from entropyjax.inference.compare import Contender, compare
from entropyjax.inference.course import Known, course
from entropyjax.inference.fit import fit, maxima, start_points
from entropyjax.inference.held_out import folds_of_tasks, held_out_steps, held_out_tasks
from entropyjax.inference.parameters import Free, layout
from entropyjax.inference.problem import make_problem, parameters
from entropyjax.inference.terms import Dispatches, Tokens
from entropyjax.inference.units import Conditions, units
from entropyjax.models import Mesh, Replicator, Star
from entropyjax.params import cast
from entropyjax.solve import METHODS, Grid, solve
from entropyjax.traces import simulated_traces

STAR = Star()
SPECS = dict(parameters(STAR, [])) | dict(Tokens.parameters)
CHAIN = {"token_noise": ("focus_rate", 1.0), "focus_rate": ("evidence", 1.0)}
TWO = Conditions(("a", "a", "b"), ("small", "large", "small"), np.array([0, 1, 0]), np.array([8, 20, 8]))


def plan(*free, fixed=None, ties=None, conditions=TWO):
    return layout(SPECS, conditions, free, fixed or {}, ties or {})


def test_scores_of_the_prior_hold_ninety_percent_in_the_range():
    found = plan(Free("evidence", 2.0, 6.0), Free("roster_similarity", 0.2, 0.7), Free("initial_focus", -1.0, 4.0))
    z = stats.norm.ppf(0.95)
    low, high = (np.asarray(found.natural(jnp.full(3, side * z))) for side in (-1.0, 1.0))
    np.testing.assert_allclose(low, [2.0, 0.2, -1.0], rtol=1e-10)
    np.testing.assert_allclose(high, [6.0, 0.7, 4.0], rtol=1e-10)


def test_values_by_condition_fixed_and_tied():
    found = plan(
        Free("evidence", 2.0, 6.0, by="orchestrator"),
        fixed={"context_window": {"small": 16.0, "large": 128.0}, "executor_tokens": 0.8},
        ties={"reasoning_tokens": ("executor_tokens", 0.25)},
    )
    assert found.labels == ("evidence[small]", "evidence[large]")
    values = found.values(jnp.asarray([0.0, 1.0]))
    assert values["evidence"][0] == values["evidence"][2] < values["evidence"][1]
    assert values["context_window"].tolist() == [16.0, 128.0, 16.0] and values["n_agents"].tolist() == [8.0, 20.0, 8.0]
    assert values["reasoning_tokens"].tolist() == pytest.approx([0.2] * 3)


def test_pooled_values_are_the_mean_and_a_spread_about_it():
    found = plan(Free("initial_focus", -1.0, 4.0, by="system", pooled=True))
    assert found.size == 4 and found.labels == ("initial_focus[a]", "initial_focus[b]")
    same = found.natural(jnp.asarray([0.3, 0.0, 0.0, 0.0]))
    apart = found.natural(jnp.asarray([0.3, 0.0, -1.0, 1.0]))
    assert same[0] == same[1] and apart[0] < same[0] < apart[1]
    assert float(apart[1] - apart[0]) == pytest.approx(2.0 * np.exp(-1.3), rel=1e-12)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "Nothing is free"),
        ({"free": [Free("evidnce")]}, "did you mean 'evidence'"),
        ({"free": [Free("evidence")], "fixed": {"evidence": 3.0}}, "named twice"),
        ({"free": [Free("evidence")], "fixed": {"resolution_rate": -1.0}}, "resolution_rate = -1 is outside"),
        ({"free": [Free("evidence", 5.0, 2.0)]}, "from 5 to 2 must rise"),
        ({"free": [Free("step_size")]}, "No prior is known for step_size"),
        ({"free": [Free("evidence", pooled=True)]}, "of which there is one"),
        ({"free": [Free("evidence", by="colour")]}, "told apart by 'colour'"),
        ({"free": [Free("evidence")], "fixed": {"context_window": {"small": 1.0}}}, "orchestrator 'large'"),
        ({"free": [Free("evidence")], "ties": CHAIN}, "follows another"),
    ],
)
def test_what_a_layout_refuses(arguments, words):
    with pytest.raises(InferenceError, match=words):
        plan(*arguments.pop("free", []), **arguments)


def test_the_expected_step_is_the_mean_of_the_agents():
    params = cast(STAR.params(error_tokens=3.0, reflexion_rate=0.05), jnp.float64)
    state = STAR.initial_state(params)._replace(focus=jnp.asarray(3.0), context=jnp.asarray(5.0))
    draws = jax.random.normal(jax.random.key(0), (3, 200_000))
    after = jax.vmap(lambda d: dispatch(STAR, params, jnp.asarray(1.0), state, AgentDraws(*d))[0])(draws.T)
    expected = expected_step(STAR, params, jnp.asarray(1.0), state)
    for drawn, mean in zip(after, expected, strict=True):
        # Three means at five standard errors: a false alarm in a million runs.
        assert abs(float(drawn.mean() - mean)) <= 5.0 * float(drawn.std()) / np.sqrt(draws.shape[1]) + 1e-12


def test_the_course_by_ode_is_the_solution():
    params = cast(STAR.params(), jnp.float64)
    ours = course(STAR, params, 13, "ode")
    solved = solve(STAR, params, grid=Grid(12.0, 12, 64), method=METHODS.get("rk4")())
    # Four steps of a method of order 4 to a step, at rates of 1: measured 1.5e-4.
    np.testing.assert_allclose(ours.gap, solved.saved.focus, atol=5e-4)


def test_the_course_of_a_mesh_that_shares_everything_is_the_star_and_measured_context_replaces_its_own():
    params = cast(STAR.params(), jnp.float64)
    own = course(STAR, params, 6, "agents")
    mesh = course(Mesh(), cast(Mesh().params(sharing=1.0), jnp.float64), 6, "agents")
    np.testing.assert_allclose(mesh.gap, own.gap, rtol=1e-12)
    light = course(STAR, params, 6, "agents", Known(context=jnp.full(6, 0.1)))
    rest = 8.0 / (1.0 + (0.1 / 32.0) ** 2)
    np.testing.assert_allclose(light.gap, rest * (1.0 - np.exp(-np.arange(6.0))), rtol=1e-12)


@pytest.fixture(scope="module")
def simulated():
    params = STAR.params(evidence=6.0, initial_focus=1.0, resolution_rate=0.0)
    return simulated_traces(STAR, params, runs=4, tasks=12, steps=6, key=jax.random.key(1))


def problem_of(traces, *free, terms=None, **options):
    found = units(traces)
    return make_problem(STAR, found, terms or [Dispatches.of(traces, found)], free, **options)


@pytest.fixture(scope="module")
def problem(simulated):
    free = [Free("evidence"), Free("initial_focus"), Free("task_spread", 0.1, 2.0)]
    return problem_of(simulated, *free)


@pytest.fixture(scope="module")
def found(problem):
    return fit(problem, starts=4)


def test_the_maximum_is_that_of_scipy(problem, found):
    @jax.jit
    def loss(z):
        return 0.5 * z @ z - problem.log_likelihoods(z).sum()

    best = optimize.minimize(lambda z: float(loss(z)), np.zeros(3), method="Nelder-Mead", options={"fatol": 1e-10})
    assert found.converged and found.log_posteriors.max() == pytest.approx(-best.fun, abs=1e-7)
    np.testing.assert_allclose(found.scores, best.x, atol=1e-3)
    h = 1e-3

    def mixed(a, b):
        return sum(i * j * float(loss(found.scores + h * (i * a + j * b))) for i in (1, -1) for j in (1, -1)) / 4 / h**2

    curvature = [[mixed(a, b) for a in np.eye(3)] for b in np.eye(3)]
    np.testing.assert_allclose(found.hessian, curvature, rtol=1e-3, atol=1e-3)
    assert "4 starts: " in found.starts()


def test_a_diverging_start_does_no_harm(problem, found):
    points = start_points(3, 4)
    points[1], points[2] = np.nan, 1e200
    ends = maxima(problem, jnp.asarray(points), np.ones(problem.entries))
    assert np.asarray(ends.status)[1] == 3
    assert np.asarray(ends.log_posterior)[[0, 3]] == pytest.approx(found.log_posteriors.max(), abs=1e-4)


def test_the_random_effect_is_integrated_over(problem, simulated):
    """One task against an integral by scipy over its effect."""
    z = jnp.asarray([0.2, -0.1, 0.5])
    values = problem.layout.values(z)
    found = problem.courses(z)
    gap, noise = np.asarray(found.gap)[0], np.asarray(found.deviation)[0]
    points, weights = np.polynomial.hermite_e.hermegauss(40)
    spread, term = float(values["task_spread"][0]), problem.terms[0]
    rows = np.asarray(term.unit) == 3

    def given(u):
        at = np.asarray(term.step)[rows]
        each = 1.0 / (1.0 + 7.0 * np.exp(-(gap[at] + spread * u + noise[at] * points[:, None])))
        q = weights @ each / weights.sum()
        return np.exp(np.sum(term.right[rows] * np.log(q) + term.wrong[rows] * np.log1p(-q)))

    whole = quad(lambda u: given(u) * stats.norm.pdf(u), -9.0, 9.0, epsabs=0.0, epsrel=1e-10)[0]
    assert float(problem.log_likelihoods(z)[3]) == pytest.approx(np.log(whole), abs=1e-4)


def test_held_out_tasks_are_scored_by_fits_that_did_not_see_them(problem):
    fold = folds_of_tasks(problem.units.task, 3)
    assert sorted(np.bincount(fold)) == [4, 4, 4]
    held = held_out_tasks(problem, folds=3, starts=4)
    weights = (fold != 1).astype(float)
    one = fit(problem, starts=4, weights=weights)
    np.testing.assert_allclose(held.scores[fold == 1], one.log_likelihoods[fold == 1], atol=1e-6)
    assert held.decisions.sum() == 12 * 4 * 6


def test_held_out_steps_are_scored_given_the_steps_before(problem):
    held, early = held_out_steps(problem, 4, starts=4)
    assert held.decisions.tolist() == [8.0] * 12
    everything = np.asarray(problem.log_likelihoods(jnp.asarray(early.scores)))
    assert held.scores == pytest.approx(everything - early.log_likelihoods)
    with pytest.raises(InferenceError, match="Nothing is observed from step 6; the last is 5"):
        held_out_steps(problem, 6)


def test_what_a_problem_refuses(simulated):
    found = units(simulated)
    with pytest.raises(InferenceError, match="say nothing that can be fitted"):
        make_problem(STAR, found, [None], [Free("evidence")])
    with pytest.raises(InferenceError, match="Replicator does not choose by one gap"):
        make_problem(Replicator(), found, [Dispatches.of(simulated, found)], [Free("evidence")])
    with pytest.raises(InferenceError, match="no runs"):
        units(simulated.select(np.zeros(len(simulated), bool)))


def contender(name, scores, null=False, **other):
    ones = np.ones(len(scores))
    return Contender(name, null, 3, -50.0, True, 40, scores, ones, scores, ones, np.arange(len(scores)))


def test_a_comparison_says_who_wins_and_when_nobody_does():
    rng = np.random.default_rng(0)
    base = rng.normal(-1.0, 0.3, 200)
    won = compare([contender("null", base, True), contender("star", base + rng.normal(0.2, 0.1, 200))])
    assert won.contenders[0].name == "star" and "star beats the best null, null, by +0.1" in won.sentence()
    tied = compare([contender("null", base, True), contender("star", base + rng.normal(0.0, 0.1, 200))])
    assert "The dynamics add nothing that these data show" in tied.sentence()
    lost = compare([contender("null", base, True), contender("star", base - 0.2 + rng.normal(0.0, 0.1, 200))])
    assert "The null null wins" in lost.sentence()
    assert won.contenders[0].aicc == pytest.approx(106.0 + 24.0 / 36.0) and "106.7" in str(won)
    with pytest.raises(InferenceError, match="fitted to different runs"):
        compare([contender("a", base), contender("b", base[:3])])
