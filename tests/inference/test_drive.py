"""What logs know of a course, against agents whose every step is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from inference.agents import trace

from entropyjax.agents import AgentDraws, dispatch
from entropyjax.inference.course import Known, course
from entropyjax.inference.drive import drives, measured_context, undriven
from entropyjax.inference.errors import InferenceError
from entropyjax.inference.parameters import Free
from entropyjax.inference.problem import make_problem
from entropyjax.inference.terms import Agreement, Dispatches
from entropyjax.inference.units import units
from entropyjax.models import Mesh, Star
from entropyjax.params import cast
from entropyjax.traces import simulated_traces

STAR = Star()
STEPS = 12


def agents(model, dtype):
    """One run of agents: gaps and contexts at the decisions, tokens and wrong dispatches of each."""
    params = cast(model.params(context_window=24.0, focus_noise=0.0, evidence=6.0, progress_gain=0.3), dtype)
    state, seen = model.initial_state(params), []
    for draws in jax.random.normal(jax.random.key(3), (STEPS, 3), dtype):
        before = state
        star, here = (STAR, model.nodes(params)) if isinstance(model, Mesh) else (model, params)
        state, made = dispatch(star, here, jnp.ones((), dtype), state, AgentDraws(*draws))
        seen.append((before.focus, before.context, made.tokens, ~made.right))
    return params, *np.array(seen, dtype).T


@pytest.mark.parametrize("dtype", [jnp.float64, jnp.float32])
@pytest.mark.parametrize("by", ["context", "tokens"])
def test_a_driven_course_is_that_of_the_run(by, dtype):
    params, gap, context, tokens, wrong = agents(STAR, dtype)
    assert 1.0 <= wrong.sum() <= 8.0
    static = float(params.system_tokens + 8.0 * params.roster_tokens)
    known = {"context": context + static} if by == "context" else {"tokens": tokens}
    known = {name: jnp.asarray(value, dtype) for name, value in ({"wrong": wrong} | known).items()}
    ours = course(STAR, params, STEPS, "agents", Known(**known))
    # A step is a dozen operations on numbers up to 20, and forgets what was lost before.
    np.testing.assert_allclose(ours.gap, gap, atol=500 * np.finfo(dtype).eps)
    assert float(jnp.abs(course(STAR, params, STEPS, "agents").gap - gap).max()) > 0.3


def test_a_mesh_reads_its_share_of_the_tokens():
    mesh = Mesh()
    params, gap, _, tokens, wrong = agents(mesh, jnp.float64)
    messages = tokens / mesh.share(params)
    ours = course(mesh, params, STEPS, "agents", Known(tokens=jnp.asarray(messages), wrong=jnp.asarray(wrong)))
    np.testing.assert_allclose(ours.gap, gap, atol=1e-12)


def test_what_is_not_known_is_what_is_expected():
    params = cast(STAR.params(), jnp.float64)
    nothing = jnp.full(STEPS, jnp.nan)
    driven = course(STAR, params, STEPS, "agents", Known(tokens=nothing, wrong=nothing))
    np.testing.assert_allclose(driven.gap, course(STAR, params, STEPS, "agents").gap, rtol=1e-13)


def test_the_noise_of_the_gap_is_that_of_the_agents():
    params = cast(STAR.params(focus_noise=0.7, focus_rate=0.4, token_noise=0.0, error_tokens=0.0), jnp.float64)

    def run(draws):
        def step(state, one):
            return dispatch(STAR, params, jnp.ones(()), state, AgentDraws(*one))[0], state.focus

        return jax.lax.scan(step, STAR.initial_state(params), draws)[1]

    gaps = jax.vmap(run)(jax.random.normal(jax.random.key(1), (20_000, 6, 3)))
    ours = course(STAR, params, 6, "agents")
    assert float(ours.deviation[0]) == 0.0
    # A deviation is known to 1 in sqrt(2 n): five of them at 4.5, a false alarm in 30,000.
    np.testing.assert_allclose(gaps.std(axis=0)[1:], ours.deviation[1:], rtol=4.5 / np.sqrt(40_000.0))
    np.testing.assert_allclose(gaps.mean(axis=0), ours.gap, atol=4.5 * float(ours.deviation[-1]) / np.sqrt(20_000.0))


@pytest.fixture(scope="module")
def logs():
    context = np.array([1.0, 2.0, 4.0, 1.0, np.nan, np.nan, np.nan])
    tokens = np.array([1.0, 2.0, np.nan, 3.0, 4.0, 5.0, 6.0])
    error = np.array([0, 1, -1, 1, 0, 0, 1], np.int8)
    runs = [[0, 1, 2], [0, 1, -1], [3, 1, -1]]
    return trace(runs, [0, 0, 1], 5, context=context, tokens=tokens, error=error)


def test_runs_and_units_are_driven_by_what_they_know(logs):
    own, shared = drives(logs, units(logs, apart=True), context=True, tokens=True, wrong=True)
    # A run that is silent later stays where it was; one that never says has its unit's mean, or its condition's.
    assert own.context.tolist() == [[1.0, 2.0, 4.0], [1.0, 1.0, 1.0], [1.0, 2.0, 4.0]]
    assert shared.context.tolist() == [[1.0, 2.0, 4.0], [1.0, 2.0, 4.0]]
    np.testing.assert_array_equal(own.tokens, [[1.0, 2.0, np.nan], [3.0, 4.0, np.nan], [5.0, 6.0, np.nan]])
    np.testing.assert_array_equal(shared.tokens, [[2.0, 3.0, np.nan], [5.0, 6.0, np.nan]])
    np.testing.assert_array_equal(own.wrong, [[0.0, 1.0, np.nan], [1.0, 0.0, np.nan], [0.0, 1.0, np.nan]])
    assert shared.wrong is None and own.words == "driven by context, tokens, wrong dispatches"
    longer = own.until(5)
    assert longer.context[0].tolist() == [1.0, 2.0, 4.0, 4.0, 4.0] and np.isnan(longer.tokens[:, 3:]).all()


def test_without_anything_known_a_lane_is_a_condition(logs):
    found = units(logs)
    nothing = drives(logs, found, context=False, tokens=False, wrong=True)
    assert nothing.own.of.tolist() == [0, 0] and nothing.own.condition.tolist() == [0] and not nothing.own.series
    assert undriven(found).shared.words == "at their means"
    silent = trace([[0, 1]], [0], 3)
    with pytest.raises(InferenceError, match="No context is measured in"):
        measured_context(silent, units(silent), 2)


def departure(apart):
    """Chi-square with 4 degrees of freedom of the score at the true parameters of the choice."""
    truth = {"n_agents": 12.0, "context_window": 48.0, "evidence": 6.5, "compaction_rate": 0.15}
    params = STAR.params(**truth)
    traces = simulated_traces(STAR, params, runs=1, tasks=1500, steps=20, key=jax.random.key(5))
    found = units(traces, apart)
    known = drives(traces, found, context=False, tokens=False, wrong=True)
    free = [Free(name) for name in ("evidence", "effective_fraction", "dilution_order", "focus_rate")]
    fixed = {name: value for name, value in truth.items() if name != "evidence"}
    problem = make_problem(STAR, found, [Dispatches.of(traces, found)], free, fixed=fixed, drives=known)
    place = jnp.stack([_score(block, getattr(params, block.spec.name)) for block in problem.layout.blocks])
    slope = jax.grad(lambda z: problem.log_likelihoods(z).sum())
    total, information = np.asarray(slope(place)), -np.asarray(jax.jit(jax.jacfwd(slope))(place))
    return float(total @ np.linalg.solve(information, total))


def _score(block, value):
    return (block.spec.support.unconstrain(jnp.asarray(float(value))) - block.prior.mean) / block.prior.sd


def test_the_likelihood_of_driven_runs_has_its_maximum_at_the_truth():
    # The score is normal with the information as its variance; chi-square passes 22 once in 5,000 sets.
    # Courses at their means must fail.
    assert departure(apart=True) < 22.0
    assert departure(apart=False) > 60.0


def test_runs_that_agree_are_driven_by_their_mean(logs):
    found = units(logs, apart=True)
    known = drives(logs, found, context=True, tokens=False, wrong=False)
    term = Agreement.of(logs, found, 0)
    problem = make_problem(STAR, found, [term], [Free("evidence")], drives=known)
    z = jnp.zeros(1)
    light = Known(context=jnp.asarray(known.shared.context[0, : problem.steps]))
    params = cast(STAR.params(n_agents=5.0, evidence=float(problem.layout.values(z)["evidence"][0])), jnp.float64)
    alone = course(STAR, params, problem.steps, "agents", light, agreeing=True)
    np.testing.assert_allclose(problem.courses(z, agreeing=True).gap[0], alone.gap, rtol=1e-12)


def test_choices_that_are_seen_twice_make_a_composite_likelihood(logs):
    found = units(logs)
    terms = [Dispatches.of(logs, found), Agreement.of(logs, found, 0)]
    assert make_problem(STAR, found, terms, [Free("evidence")]).composite
    assert not any(make_problem(STAR, found, [term], [Free("evidence")]).composite for term in terms)
