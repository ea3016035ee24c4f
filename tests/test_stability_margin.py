"""The closed form of M = 0 on the fixed points, against roots found by scipy (model page, check 6)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq
from systems import DEFAULTS, attention, choice, evidence, tree_levels

from entropyjax.models import Mesh, Replicator, Star, Tree
from entropyjax.stability import has_margin_window, margin_context, margin_window

SETS = {
    "default": {},
    "many": {"n_agents": 24.0},
    "similar": {"n_agents": 40.0, "roster_similarity": 0.3, "dilution_order": 3.5},
    "reasoning": {"evidence": 4.0, "reasoning_gain": 0.6, "reasoning_tokens": 1.0, "progress_gain": 0.3},
    "reflexive": {"reflexion_rate": 0.1, "n_agents": 6.5, "effective_fraction": 0.8},
}


def margin_at(window, context, p):
    rivals = p["roster_similarity"] * (p["n_agents"] - 1.0)
    return evidence(p, 1.0) * attention({**p, "context_window": window}, context) - np.log(rivals)


@pytest.mark.parametrize("name", ["default", "many", "similar", "reasoning"])
def test_without_error_tokens_it_is_the_root_of_the_margin(name):
    p = {**DEFAULTS, **SETS[name], "error_tokens": 0.0}
    context = (p["executor_tokens"] + p["reasoning_tokens"]) / p["compaction_rate"]
    root = brentq(lambda w: margin_at(w, context, p), 1e-3, 1e6, xtol=1e-12, rtol=1e-14)
    params = Star().params(**SETS[name] | {"error_tokens": 0.0})
    np.testing.assert_allclose(margin_window(params), root, rtol=1e-10)
    np.testing.assert_allclose(margin_context(params), context, rtol=1e-12)


@pytest.mark.parametrize("name", SETS)
def test_with_error_tokens_it_is_a_fixed_point_with_even_odds(name):
    """At the window found, the drift vanishes at x = ln(N_e - 1), where q = 1/2."""
    p = {**DEFAULTS, **SETS[name]}
    params = Star().params(**SETS[name])
    context, window = float(margin_context(params)), float(margin_window(params))
    rivals = p["roster_similarity"] * (p["n_agents"] - 1.0)
    q, _, h = choice(np.log(rivals), rivals)
    assert q == pytest.approx(0.5)
    inflow = p["executor_tokens"] + p["reasoning_tokens"] + 0.5 * p["error_tokens"]
    assert context == pytest.approx(inflow / (p["compaction_rate"] + p["reflexion_rate"] * h))
    assert margin_at(window, context, p) == pytest.approx(0.0, abs=1e-10)
    # And the package's own drift says the same.
    at = Star().params(**SETS[name] | {"context_window": window})
    state = (
        Star().initial_state(at)._replace(focus=jnp.log(rivals), progress=jnp.ones(()), context=jnp.asarray(context))
    )
    np.testing.assert_allclose(jnp.stack([*Star().drift(jnp.zeros(()), state, at)]), 0.0, atol=1e-9)


def test_two_alike_need_no_window():
    assert margin_window(Star().params(n_agents=2.0)) == 0.0
    assert margin_window(Star().params(n_agents=9.0, roster_similarity=0.1)) == 0.0


def test_too_little_evidence_finds_no_window():
    for value in (0.0, 1.0, float(np.log(7.0)) * (1.0 - 1e-12)):
        assert np.isinf(margin_window(Star().params(evidence=value)))
    assert np.isfinite(margin_window(Star().params(evidence=float(np.log(7.0)) * (1.0 + 1e-9))))


def test_without_forgetting_there_is_no_window():
    assert np.isinf(margin_window(Star().params(compaction_rate=0.0)))


def test_it_broadcasts_and_grows_with_the_roster():
    agents = jnp.array([2.0, 3.0, 8.0, 24.0, 4000.0])
    windows = margin_window(Star().params(n_agents=8.0).__class__(n_agents=agents))
    assert windows.shape == (5,)
    assert np.all(np.diff(windows[:4]) > 0.0)
    assert np.isinf(windows[4])


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
@pytest.mark.parametrize("values", [{}, {"n_agents": 2.0}, {"evidence": 1.0}, *SETS.values()])
def test_values_keep_their_type_and_gradients_are_finite(values, dtype):
    params = jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), Star().params(**values))
    window, slopes = jax.value_and_grad(margin_window)(params)
    assert window.dtype == dtype
    assert all(np.isfinite(leaf) for leaf in jax.tree.leaves(slopes))


def test_the_gradient_is_the_slope():
    def at(agents):
        return margin_window(Star().params().__class__(n_agents=agents))

    slope = jax.grad(at)(jnp.asarray(8.0))
    np.testing.assert_allclose(slope, (at(8.0 + 1e-5) - at(8.0 - 1e-5)) / 2e-5, rtol=1e-6)


def test_it_speaks_of_what_is_made_of_stars_alone():
    assert all(has_margin_window(model) for model in (Star(), Mesh(), Tree()))
    assert not has_margin_window(Replicator())


@pytest.mark.parametrize("own_turn_clock", [False, True])
def test_a_tree_needs_the_largest_of_its_levels_windows(own_turn_clock):
    """At it one level has a fixed point with even odds, and no level needs more."""
    values = {"n_agents": 30.0, "branching": 6.0, "summary_ratio": 0.4, "reflexion_rate": 0.05}
    model, p = Tree(own_turn_clock, max_levels=3), {**DEFAULTS, **values}
    found = float(jax.jit(lambda p: margin_window(p, model))(model.params(**values)))
    windows = []
    for node in tree_levels(p, 2, own_turn_clock):
        rivals = node["K"] - 1.0
        q, _, h = choice(np.log(rivals), rivals)
        forgetting = node["clock"] * (p["compaction_rate"] + p["reflexion_rate"] * h)
        context = node["rho"] * (node["tau"] + p["error_tokens"] * (1.0 - q)) / forgetting
        at = {**p, "n_agents": node["K"]}
        windows.append(brentq(lambda w, at=at, context=context: margin_at(w, context, at), 1e-3, 1e6, xtol=1e-12))
    np.testing.assert_allclose(found, max(windows), rtol=1e-10)


def test_a_mesh_needs_the_window_of_its_star():
    values = {"n_agents": 6.0, "sharing": 0.6}
    p, w = {**DEFAULTS, **values}, 0.6 + 0.4 / 6.0
    context = w * (1.5 + 3.0) / 0.08
    root = brentq(
        lambda window: w * evidence(p, 1.0) * attention({**p, "context_window": window}, context) - np.log(5.0),
        1e-3,
        1e6,
        xtol=1e-12,
    )
    np.testing.assert_allclose(margin_window(Mesh().params(**values), Mesh()), root, rtol=1e-10)


# --- Checks 8 and 9 by long runs of the ODE ---------------------------------------------------------------------


def end_states(sets, starts):
    """Return (q, c) after 4000 steps at s = 1 from each start (x, c), by the package's solver."""
    from entropyjax.solve import METHODS, Grid, solve

    def end(params, x, c):
        y0 = Star().initial_state(params)._replace(focus=x, progress=jnp.ones(()), context=c)
        final = solve(Star(), params, y0, Grid(4000.0, 1, 8000), method=METHODS.get("rk4")()).final
        q = Star().choice(final.focus, params).right
        return q, final.context

    params = jax.tree.map(lambda *leaves: jnp.asarray(leaves), *[Star().params(**values) for values in sets])
    x, c = (jnp.asarray(column) for column in zip(*starts, strict=True))
    over_starts = jax.vmap(end, in_axes=(None, 0, 0))
    return jax.jit(jax.vmap(over_starts, in_axes=(0, None, None)))(params, x, c)


def count(ends):
    return len(np.unique(np.round(np.asarray(ends, float), 5)))


def test_check_8_one_or_two_stable_end_states():
    two, one = [(4, 48), (8, 64), (24, 96)], [(4, 64), (12, 64), (16, 96), (32, 96)]
    sets = [{"n_agents": float(n), "context_window": float(w)} for n, w in two + one]
    starts = [(8.0, 0.0), (8.0, 18.75), (4.0, 40.0), (0.0, 0.0), (0.0, 90.0), (-3.0, 93.75)]
    q, _ = end_states(sets, starts)
    assert [count(row) for row in q] == [2, 2, 2, 1, 1, 1, 1]
    # Where there are two, the focused start keeps focus and the one with a full context does not.
    assert np.all(q[:3, 0] > q[:3, -1] + 0.3)


def test_check_9_reasoning_has_an_interior_optimum():
    efforts = [0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0]
    common = {"evidence": 4.0, "reasoning_gain": 0.6, "n_agents": 8.0, "context_window": 128.0}
    q, _ = end_states([{**common, "reasoning_tokens": effort} for effort in efforts], [(8.0, 0.0)])
    q = dict(zip(efforts, np.asarray(q)[:, 0], strict=True))
    np.testing.assert_allclose([q[0.0], q[1.0], q[8.0]], [0.77, 0.92, 0.32], atol=0.01)
    best = max(q, key=q.get)
    assert 0.0 < best < 8.0
