"""The tree: against its equations in numpy, the star that it contains, and levels that are not there."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
import systems
from scipy.optimize import brentq
from systems import DEFAULTS

from entropyjax.agents import AgentDraws, micro_step
from entropyjax.models import Star, Tree
from entropyjax.models.levels import levels_needed
from entropyjax.models.orchestrator import OrchestratorState
from entropyjax.params import ParameterError, cast
from entropyjax.solve import METHODS, Grid, solve
from entropyjax.solve.noise import Draws

STAR = Star()
EPSILON = 0.25
VALUES = {
    **systems.STARS["all terms"],
    "n_agents": 20.0,
    "branching": 3.0,
    "summary_ratio": 0.35,
    "token_noise": 0.7,
    "step_size": EPSILON,
}
LEVELS = 3  # of 20 executors under nodes of at most 3 children
P = {**DEFAULTS, **VALUES}
STATE = OrchestratorState(np.array([2.0, 0.7, -0.4]), 0.3, np.array([9.0, 4.0, 2.0]))
DRAWS = AgentDraws(np.array([0.4, -0.2, 1.1]), np.array([-0.7, 0.3, 0.1]), np.array([-1.3, 0.9, -3.0]))


def everything(model, params, state, draws):
    """All that the layers above ask of a model, by value."""
    zero = jnp.zeros((), state.progress.dtype)
    return {
        "start": model.initial_state(params),
        "drift": model.drift(zero, state, params),
        "diffusion": model.diffusion(zero, state, params),
        "observed": model.observe(state, params),
        "focus": model.focus_signal(params, 0.5)(state),
        "trend": model.entropy_trend(state, params),
        "agents": micro_step(model, params, EPSILON, state, draws),
    }


@functools.cache
def compiled(model):
    """Everything, for a batch."""
    return jax.jit(jax.vmap(functools.partial(everything, model)))


def at(model, sets, states=None, draws=DRAWS, dtype=jnp.float64):
    """Everything that a model gives at parameter sets, with a leading axis of them."""
    params = [model.params(**values) for values in sets]
    columns = params, states or [STATE] * len(sets), [draws] * len(sets)
    return compiled(model)(*(jax.tree.map(lambda *rows: jnp.asarray(np.stack(rows), dtype), *c) for c in columns))


def first(out):
    return jax.tree.map(lambda leaf: np.asarray(leaf[0]), out)


# --- The shape of the tree --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_levels_are_exact_at_powers_and_do_not_flip_by_rounding(dtype):
    """k^l executors have l levels, one more has another; N from a logarithmic axis may be a few ulp off."""
    pairs = [(k, level) for k in range(2, 13) for level in range(1, 20) if k**level <= 2**20]
    k, level = (np.array(column, float) for column in zip(*pairs, strict=True))
    ulps = [k**level * (1.0 + count * 2.0**-23) for count in (-3, 3)]
    tree = Tree(max_levels=21)

    @jax.jit
    @jax.vmap
    def shape(agents, branching):
        stack = tree.stack(cast(Tree.Params(n_agents=agents, branching=branching), dtype))
        return stack.levels, stack.nodes.n_agents

    def found(agents):
        return tuple(map(np.asarray, shape(jnp.asarray(agents, dtype), jnp.asarray(k, dtype))))

    levels, children = found(k**level)
    np.testing.assert_array_equal(levels, level)
    np.testing.assert_allclose(children, k, rtol=8 * jnp.finfo(dtype).eps)
    np.testing.assert_array_equal(found(k**level + 1.0)[0], level + 1)
    for agents in ulps:
        np.testing.assert_array_equal(found(agents)[0], level)
        assert [levels_needed(n, b) for n, b in zip(agents, k, strict=True)] == level.tolist()


def test_sizes_hold_every_cell():
    extent = {"n_agents": np.array([2.0, 65.0]), "branching": np.array([8.0, 2.0])}
    assert Tree().sized(extent).max_levels == 7
    assert Tree(own_turn_clock=True).sized(extent).own_turn_clock
    with pytest.raises(ParameterError, match="max_levels = 0 is too small: a tree has at least 1 level"):
        Tree(max_levels=0)


# --- Against the equations --------------------------------------------------------------------------------------


@pytest.mark.parametrize("own_turn_clock", [False, True])
def test_drift_and_noise_are_those_of_the_page(own_turn_clock):
    out = first(at(Tree(own_turn_clock, LEVELS), [VALUES]))
    y = np.concatenate([STATE.focus, [STATE.progress], STATE.context])
    # Some dozen operations in another order.
    drift = np.concatenate([np.ravel(leaf) for leaf in out["drift"]])
    np.testing.assert_allclose(drift, systems.tree_rhs(y, P, LEVELS, own_turn_clock), rtol=1e-12, atol=1e-13)
    clocks = [node["clock"] for node in systems.tree_levels(P, LEVELS, own_turn_clock)]
    gaps = np.stack([column.focus for column in out["diffusion"][:LEVELS]])
    np.testing.assert_allclose(gaps, np.diag(P["focus_noise"] * np.sqrt(clocks)), rtol=1e-12)
    assert all(column.focus is None for column in out["diffusion"][LEVELS:])


def test_observables_are_those_of_the_page():
    found = first(at(Tree(max_levels=LEVELS), [VALUES]))["observed"]
    nodes = systems.tree_levels(P, LEVELS, False)
    rivals = P["roster_similarity"] * (nodes[0]["K"] - 1.0)
    q, entropy, h = systems.choice(STATE.focus, rivals)
    m, clean = systems.attention({**P, "n_agents": nodes[0]["K"]}, STATE.context), systems.evidence(P, 0.3)
    pace = P["focus_rate"] * STATE.focus * q * (1.0 - q)
    expected = {
        "right_probability": np.prod(q),
        "entropy": np.sum(entropy),
        "normalised_entropy": np.sum(entropy) / (LEVELS * np.log(1.0 + rivals)),
        "highest_normalised_entropy": np.max(h),
        "collision_probability": np.prod(q**2 + (1.0 - q) ** 2 / rivals),
        "resolution": np.sum(pace * (clean - STATE.focus)),
        "loading": np.sum(pace * clean * (1.0 - m)),
        "margin": np.min(clean * m) - np.log(rivals),
        "attention": m[0],
        "load": (1.0 + 0.3 * nodes[0]["K"] + 9.0) / (0.5 * 96.0),
        "focus": -0.4,
        "progress": 0.3,
        "context": 9.0,
        "tokens": sum(node["tau"] for node in nodes) + P["error_tokens"] * np.sum(1.0 - q),
    }
    assert set(found) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-12, err_msg=name)


def test_fixed_points_decouple_by_level():
    """In the end s is 1, and each level is where a star of its own parameters rests."""
    values = {**VALUES, "context_window": 60.0, "resolution_rate": 1.0}
    p, model = {**DEFAULTS, **values}, Tree(max_levels=LEVELS)
    run = jax.jit(lambda p: solve(model, p, grid=Grid(400.0, 1, 1600), method=METHODS.get("rk4")()).final)
    final = run(cast(model.params(**values), jnp.float64))
    np.testing.assert_allclose(final.progress, 1.0, rtol=1e-9)
    for level, node in enumerate(systems.tree_levels(p, LEVELS, False)):
        rivals = p["roster_similarity"] * (node["K"] - 1.0)

        def residual(c, node=node, rivals=rivals):
            x = systems.evidence(p, 1.0) * systems.attention({**p, "n_agents": node["K"]}, c)
            q, _, h = systems.choice(x, rivals)
            inflow = node["rho"] * (node["tau"] + p["error_tokens"] * (1.0 - q))
            return inflow - (p["compaction_rate"] + p["reflexion_rate"] * h) * c

        near = float(final.context[level])
        np.testing.assert_allclose(near, brentq(residual, 0.9 * near, 1.1 * near, xtol=1e-13), rtol=1e-8)


# --- The star inside --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "own_turn_clock", "room"), [(jnp.float32, False, 1), (jnp.float64, False, 3), (jnp.float64, True, 3)]
)
def test_a_tree_of_one_level_is_the_star_in_all_that_it_gives(dtype, own_turn_clock, room):
    """k >= N, noise and agents included, also where the model has room for more levels."""
    values = {k: v for k, v in VALUES.items() if k not in ("branching", "summary_ratio", "n_agents")}
    levels = OrchestratorState(np.full(room, 2.0), 0.3, np.full(room, 9.0))
    draws = AgentDraws(*(np.full(room, number) for number in (0.4, -0.7, -1.3)))
    tree = Tree(own_turn_clock, room)
    out = first(at(tree, [{**values, "n_agents": 6.5, "branching": 6.5}], [levels], draws, dtype))
    star_at = OrchestratorState(2.0, 0.3, 9.0), AgentDraws(0.4, -0.7, -1.3)
    star = first(at(STAR, [{**values, "n_agents": 6.5}], [star_at[0]], star_at[1], dtype))
    # The same operations in the same order, and sums with the zeros of other levels.
    for key in ("start", "drift", "agents"):
        np.testing.assert_array_equal([out[key].focus[0], out[key].progress, out[key].context[0]], star[key])
    for name, value in star["observed"].items():
        # A product that is fused with the sum behind it is rounded once, in one of the two; powers carry it on.
        np.testing.assert_array_max_ulp(np.asarray(out["observed"][name]), np.asarray(value), maxulp=16)
    gap, luck, tokens = (out["diffusion"][place * room] for place in range(3))
    expected = star["diffusion"]
    np.testing.assert_array_equal(gap.focus[0], expected[0].focus)
    np.testing.assert_array_equal([luck.progress, luck.context[0]], expected[1][1:])
    np.testing.assert_array_equal(tokens.context[0], expected[2].context)
    assert np.sign(out["trend"]) == np.sign(star["trend"]) and np.sign(out["focus"]) == np.sign(star["focus"])
    others = [column for place, column in enumerate(out["diffusion"]) if place % room or place == 3 * room]
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(others))
    assert len(out["diffusion"]) == (3 if room == 1 else 3 * room + 1)


def test_the_solver_deals_out_draws_by_kind_and_level():
    """Those of the gaps first, then of the tokens, then of the dispatches; for one level in the star's order."""
    seen = []

    class Watched(Tree):
        """A tree whose agents keep their draws."""

    @micro_step.register
    def _(model: Watched, params, epsilon, state, draws):
        seen.append(draws)
        return state

    normals = tuple(jnp.asarray(float(place)) for place in range(10))
    agents, zero = METHODS.get("agents")(), jnp.zeros(())
    assert agents.normals(Watched(max_levels=3), None, None) == 9
    agents.step(Watched(max_levels=3), None, zero, zero, STATE, None, Draws(normals, ()))
    assert [np.asarray(part).tolist() for part in seen[0]] == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    agents.step(Watched(max_levels=1), None, zero, zero, STATE, None, Draws(normals, ()))
    assert [np.asarray(part).tolist() for part in seen[1]] == [[0], [1], [2]]


# --- Levels that are not there ----------------------------------------------------------------------------------


def test_levels_that_are_not_there_change_nothing_and_get_no_gradient():
    sets = [VALUES | {"n_agents": agents} for agents in (3.0, 9.0, 20.0)]
    there = np.tri(3, dtype=bool)
    others = [
        STATE._replace(focus=np.where(row, STATE.focus, -3.0), context=np.where(row, STATE.context, 1e3))
        for row in there
    ]
    model = Tree(own_turn_clock=True, max_levels=LEVELS)
    found, other = at(model, sets), at(model, sets, others)
    agents, moved = found.pop("agents"), other.pop("agents")
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(other), strict=True):
        np.testing.assert_array_equal(a, b)

    def total(state, params):
        zero = jnp.zeros(())
        terms = model.drift(zero, state, params), model.diffusion(zero, state, params), model.margin(state, params)
        return sum(jnp.sum(leaf) for leaf in jax.tree.leaves((terms, model.forces(state, params))))

    params = [jax.tree.map(jnp.asarray, model.params(**values)) for values in sets]
    gradients = jax.jit(jax.vmap(jax.grad(total), (None, 0)))(
        cast(STATE, jnp.float64), jax.tree.map(lambda *rows: jnp.stack(rows), *params)
    )
    assert all(np.all(np.isfinite(leaf)) for leaf in gradients)
    for leaf in (gradients.focus, gradients.context, found["start"].focus, found["start"].context):
        assert not np.any(np.asarray(leaf)[~there])
    np.testing.assert_array_equal(agents.progress, moved.progress)
    np.testing.assert_array_equal(np.asarray(moved.context)[~there], 1e3)


def test_a_tree_without_room_for_its_levels_has_more_children():
    stack = jax.jit(Tree(max_levels=2).stack)(cast(Tree().params(n_agents=64.0, branching=2.0), jnp.float64))
    assert float(stack.levels) == 2.0
    assert float(stack.nodes.n_agents) == pytest.approx(8.0)


def test_without_output_nothing_is_divided_by_zero():
    params = cast(Tree().params(executor_tokens=0.0, reasoning_tokens=0.0), jnp.float64)
    noise, slopes = jax.jit(jax.value_and_grad(lambda p: jnp.sum(Tree().nodes(p).token_noise)))(params)
    # All of sigma_tau at the leaves' level and its share at the root, as in the star without inflow.
    assert float(noise) == pytest.approx(0.5 * (1.0 + 8.0**-0.5))
    assert all(np.isfinite(leaf) for leaf in jax.tree.leaves(slopes))


# --- Noise ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("own_turn_clock", [False, True])
def test_the_sde_has_the_covariances_of_the_agents(own_turn_clock):
    """One micro-step over all outcomes of its dispatches, and over Gauss-Hermite nodes of the tokens: in s and c, which
    are linear in what is drawn, its exact covariance is epsilon times that of the SDE.
    """
    model = Tree(own_turn_clock, LEVELS)
    nodes = systems.tree_levels(P, LEVELS, own_turn_clock)
    q, _, _ = systems.choice(STATE.focus, P["roster_similarity"] * (nodes[0]["K"] - 1.0))
    places, weights = np.polynomial.hermite_e.hermegauss(24)
    weights = weights / weights.sum()
    outcomes = list(itertools.product((False, True), repeat=LEVELS))
    dispatch = np.array([np.where(right, -np.inf, np.inf) for right in outcomes for _ in places])
    tokens = np.array([[place] * LEVELS for _ in outcomes for place in places])
    chances = np.array([w * np.prod(np.where(right, q, 1.0 - q)) for right in outcomes for w in weights])
    params = cast(model.params(**VALUES), jnp.float64)
    state = cast(STATE, jnp.float64)

    @jax.jit
    @jax.vmap
    def step(dispatch, tokens):
        out = micro_step(model, params, EPSILON, state, AgentDraws(jnp.zeros(LEVELS), tokens, dispatch))
        return jnp.concatenate([out.progress[None], out.context])

    values = np.asarray(step(jnp.asarray(dispatch), jnp.asarray(tokens)))
    centred = values - np.average(values, axis=0, weights=chances)
    agents = np.einsum("i,ij,ik->jk", chances, centred, centred)

    columns = [_noise(column) for column in first(at(model, [VALUES]))["diffusion"]]
    langevin = sum(np.outer(column, column) for column in columns)
    # Here all levels had one draw of their tokens, whose log-normals are proportional; they are independent.
    spread = np.array([node["rho"] * P["token_noise"] * node["tau"] / 1.5 for node in nodes])
    langevin[1:, 1:] += EPSILON * (np.outer(spread, spread) - np.diag(spread**2))
    # Quadrature of exp(0.45 z) squared with 24 nodes is exact to rounding.
    np.testing.assert_allclose(agents, EPSILON * langevin, rtol=1e-9, atol=1e-15)

    # And both are the closed forms of products of Bernoulli variables.
    path, gain = np.prod(q), EPSILON * P["resolution_rate"] * 0.7
    error = np.array([EPSILON * node["rho"] * P["error_tokens"] for node in nodes])
    np.testing.assert_allclose(agents[0, 0], gain**2 * path * (1.0 - path), rtol=1e-9)
    np.testing.assert_allclose(agents[0, 1:], -gain * error * path * (1.0 - q), rtol=1e-9)


def _noise(column):
    """Return what one Wiener process does to (s, c_0, c_1, ...)."""
    s = 0.0 if column.progress is None else column.progress
    return np.concatenate([[s], np.zeros(LEVELS) if column.context is None else column.context])


def test_one_micro_step_against_numpy():
    out = first(at(Tree(own_turn_clock=True, max_levels=LEVELS), [VALUES]))["agents"]
    rights = []
    for level, node in enumerate(systems.tree_levels(P, LEVELS, True)):
        q, _, h = systems.choice(STATE.focus[level], P["roster_similarity"] * (node["K"] - 1.0))
        rights.append(scipy.stats.norm.cdf(DRAWS.dispatch[level]) < q)
        alpha, sigma = node["clock"] * P["focus_rate"], np.sqrt(node["clock"]) * P["focus_noise"]
        target = systems.evidence(P, 0.3) * systems.attention({**P, "n_agents": node["K"]}, STATE.context[level])
        decay = np.exp(-alpha * EPSILON)
        x = target + (STATE.focus[level] - target) * decay
        x += sigma * np.sqrt((1.0 - decay**2) / (2.0 * alpha)) * DRAWS.focus[level]
        variance = np.log(1.0 + (P["token_noise"] / 1.5) ** 2)
        read = EPSILON * node["tau"] * np.exp(np.sqrt(variance) * DRAWS.tokens[level] - variance / 2.0)
        read += 0.0 if rights[-1] else EPSILON * P["error_tokens"]
        forgetting = node["clock"] * (P["compaction_rate"] + P["reflexion_rate"] * h)
        np.testing.assert_allclose(out.focus[level], x, rtol=1e-12)
        np.testing.assert_allclose(
            out.context[level], STATE.context[level] * (1.0 - EPSILON * forgetting) + node["rho"] * read, rtol=1e-12
        )
    gain = EPSILON * P["resolution_rate"] * 0.7
    np.testing.assert_allclose(out.progress, 0.3 + (gain if all(rights) else 0.0), rtol=1e-12)
    assert rights == [True, False, True]
