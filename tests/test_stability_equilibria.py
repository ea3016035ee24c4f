"""All fixed points: against a dense scan, 40-digit roots, the eigenvalues of numpy, and the model page's checks."""

import functools
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import star_mpmath
from hypothesis import given, settings, strategies as st
from systems import DEFAULTS, attention, evidence

from entropyjax.entropy import binary
from entropyjax.models import AbstractModel, Replicator, Star, context as ctx
from entropyjax.models.gap import AbstractGapOrchestrator
from entropyjax.models.orchestrator import AbstractOrchestrator, Forces, OrchestratorState
from entropyjax.params import cast, replace
from entropyjax.results import Kind, Phase, describe
from entropyjax.stability import certificate, equilibria, margin_context, margin_window, phases

LANES = 500
STAR = Star()


# Compilation is what these tests cost, and they run little of what is compiled.
QUICK = {"xla_backend_optimization_level": 0}


@functools.cache
def solver(dtype):
    """Of a batch of stars: fixed points, their contexts' derivatives along a direction, and Jacobians of the drift."""

    def one(params, direction):
        def contexts(params):
            found = equilibria(STAR, params, dtype=dtype)
            return found.state.context, found

        _, slope, found = jax.jvp(contexts, (params,), (direction,), has_aux=True)

        def jacobian(state):
            def drift(x, c):
                moved = STAR.drift(jnp.zeros((), dtype), OrchestratorState(x, state.progress, c), params)
                return jnp.stack([moved.focus, moved.context])

            return jnp.stack(jax.jacfwd(drift, argnums=(0, 1))(state.focus, state.context), -1)

        return found, jax.vmap(jacobian)(found.state), slope

    return jax.jit(jax.vmap(one), compiler_options=QUICK)


def solve(dtype=jnp.float64, direction=None, **values):
    """Return what `solver` does, in numpy, for up to `LANES` stars; values repeat to fill the batch."""
    number = max(np.size(value) for value in values.values())
    full = {name: jnp.asarray(np.resize(value, LANES), dtype) for name, value in values.items()}
    params = jax.tree.map(lambda leaf: jnp.full(LANES, leaf, dtype), STAR.params())
    tangent = replace(jax.tree.map(jnp.zeros_like, params), direction or {})
    found = solver(dtype)(replace(params, full), tangent)
    return jax.tree.map(lambda leaf: np.asarray(leaf)[:number], found)


def draw(seed, wide):
    """Random parameter sets: around the defaults, or over as many decades as the bounds make sense of."""
    rng = np.random.default_rng(seed)

    def log(low, high, zero=0.0):
        value = np.exp(rng.uniform(np.log(low), np.log(high), LANES))
        return np.where(rng.random(LANES) < zero, 0.0, value)

    if not wide:
        return {
            "n_agents": 2.0 + log(0.1, 200.0),
            "context_window": log(5.0, 500.0),
            "evidence": log(2.0, 16.0),
            "dilution_order": log(0.7, 6.0),
            "error_tokens": log(0.5, 30.0),
            "compaction_rate": log(0.02, 0.3),
            "reflexion_rate": log(0.01, 2.0, 0.5),
        }
    return {
        "n_agents": 2.0 + log(1e-3, 1e6),
        "context_window": log(1e-2, 1e5),
        "evidence": log(0.1, 60.0),
        "dilution_order": log(0.2, 12.0),
        "effective_fraction": log(0.05, 1.0),
        "roster_similarity": log(1e-3, 1.0),
        "error_tokens": log(1e-2, 1e3, 0.15),
        "compaction_rate": log(1e-4, 1.0, 0.2),
        "reflexion_rate": log(1e-3, 30.0, 0.3),
        "executor_tokens": log(1e-3, 10.0, 0.1),
        "reasoning_tokens": log(1e-3, 10.0, 0.1),
        "system_tokens": log(1e-2, 10.0, 0.1),
        "roster_tokens": log(1e-4, 1.0, 0.2),
        "focus_rate": log(1e-2, 1e2),
        "resolution_rate": log(1e-3, 1.0, 0.2),
        "progress_gain": rng.uniform(0.0, 1.0, LANES),
        "initial_progress": rng.uniform(0.0, 1.0, LANES),
    }


def scan(values, points=2000):
    """Count the sign changes of F on a dense grid, linear and logarithmic: the model page in numpy."""
    p = {name: np.broadcast_to(values.get(name, default), LANES)[:, None] for name, default in DEFAULTS.items()}
    inflow = p["executor_tokens"] + p["reasoning_tokens"]
    some = p["compaction_rate"] > 0.0
    top = np.where(some, (inflow + p["error_tokens"]) / np.where(some, p["compaction_rate"], 1.0), 1e8) * 1.01 + 1e-6
    c = top * np.unique(np.concatenate([np.linspace(0.0, 1.0, points), np.geomspace(1e-8, 1.0, points)]))
    x = evidence(p, np.where(p["resolution_rate"] > 0.0, 1.0, p["initial_progress"])) * attention(p, c)
    log_rivals = np.log(p["roster_similarity"] * (p["n_agents"] - 1.0))
    log_wrong = -np.logaddexp(0.0, x - log_rivals)
    log_right = -np.logaddexp(0.0, log_rivals - x)
    wrong = np.exp(log_wrong)
    entropy = -np.exp(log_right) * log_right - wrong * (log_wrong - log_rivals)
    h = entropy / np.log1p(np.exp(log_rivals))
    above = inflow + p["error_tokens"] * wrong - (p["compaction_rate"] + p["reflexion_rate"] * h) * c > 0.0
    return np.sum(above[:, 1:] != above[:, :-1], axis=1) + ~above[:, 0]


def test_check_8_and_roots_in_forty_digits():
    points = [(4, 48), (8, 64), (24, 96), (4, 64), (12, 64), (16, 96), (32, 96)]
    agents, windows = np.array(points, float).T
    found, *_ = solve(n_agents=agents, context_window=windows)
    assert found.count.tolist() == [3, 3, 3, 1, 1, 1, 1]
    assert found.phase.tolist() == [
        *[Phase.BISTABLE] * 3,
        Phase.FOCUSED,
        Phase.COLLAPSED,
        Phase.FOCUSED,
        Phase.COLLAPSED,
    ]
    assert np.all(found.certified)
    assert found.kind[0].tolist() == [Kind.STABLE_NODE, Kind.SADDLE, Kind.STABLE_NODE, Kind.NONE, Kind.NONE]
    for place, (n, w) in enumerate(points):
        for context in found.state.context[place][: found.count[place]]:
            exact = star_mpmath.root(0.9999 * context, 1.0001 * context, n_agents=n, context_window=w)
            np.testing.assert_allclose(context, float(exact), rtol=1e-13)


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (2, 3))])
def test_certificates_agree_with_a_dense_scan(seed):
    """2000 random parameter sets around the defaults."""
    values = draw(seed, wide=False)
    found, *_ = solve(**values)
    assert np.all(found.certified)
    assert np.array_equal(found.count, scan(values))
    assert np.all(found.count % 2 == 1)


@settings(max_examples=4)
@given(seed=st.integers(0, 2**32 - 1))
def test_odd_ranges_are_certified_and_keep_the_invariants(seed):
    """N up to 1e6, windows from tiny to huge, no errors, no compaction, strong reflexion, ..."""
    values = draw(seed, wide=True)
    found, jacobians, _ = solve(**values)
    exists = found.phase != Phase.NO_COMPACTION
    rates, tokens = ("compaction_rate", "reflexion_rate"), ("executor_tokens", "reasoning_tokens", "error_tokens")
    forgets, flows = (sum(values[name] for name in names) > 0.0 for names in (rates, tokens))
    # Without either the context stays where it is.
    assert np.array_equal(exists, forgets | ~flows)
    assert np.all(found.count[~exists] == 0)
    # Interval arithmetic in double precision decides nearly everything; what it does not, it says.
    assert np.mean(found.certified[exists]) > 0.99
    sure = exists & found.certified
    assert np.all(found.count[sure] % 2 == 1)
    # The grid can miss a pair of roots, and finds none that is not there.
    seen = scan(values)
    assert np.all(seen[sure] <= found.count[sure])
    assert np.mean(seen[sure] == found.count[sure]) > 0.99
    filled = np.isfinite(found.state.context) & sure[:, None]
    jacobians = jacobians[filled]
    assert np.all(np.trace(jacobians, axis1=-2, axis2=-1) < 0.0)
    expected = (-values["focus_rate"][:, None] * found.spectrum.slope)[filled]
    size = np.max(np.abs(jacobians), axis=(-2, -1)) ** 2
    assert np.all(np.abs(np.linalg.det(jacobians) - expected) <= 1e-9 * size)
    spiral = found.kind == Kind.STABLE_SPIRAL
    assert not np.any(spiral & (values["reflexion_rate"] == 0.0)[:, None])
    h_slope = values["reflexion_rate"][:, None] * found.state.context * found.state.focus
    log_choices = np.log1p(values["roster_similarity"] * (values["n_agents"] - 1.0))[:, None]
    assert np.all((h_slope / log_choices > values["error_tokens"][:, None])[spiral])


def test_the_spectrum_is_that_of_numpy():
    found, jacobians, _ = solve(**draw(11, wide=False))
    filled = np.isfinite(found.state.context)
    exact = np.linalg.eigvals(jacobians[filled])
    exact = np.take_along_axis(exact, np.argsort(-exact.real - 1e-3 * exact.imag, axis=-1), -1)
    pair = found.spectrum.pair[filled]
    scale = np.max(np.abs(exact), axis=-1)
    assert np.all(np.abs(np.sum(pair, -1) - np.sum(exact, -1)) < 1e-12 * scale)
    # A double eigenvalue moves by the root of rounding.
    assert np.all(np.abs(pair[:, 0].real - exact[:, 0].real) < 1e-7 * scale)
    assert np.array_equal(found.stable[filled], np.all(exact.real < 0.0, axis=-1))
    assert np.any(found.kind == Kind.STABLE_SPIRAL)


@pytest.mark.slow
def test_single_precision_finds_the_same():
    values = draw(5, wide=False)
    double, *_ = solve(**values)
    single, *_ = solve(jnp.float32, **values)
    assert single.state.context.dtype == np.float32
    assert np.mean(single.certified) > 0.99
    same = single.count == double.count
    assert np.all(same[single.certified])
    np.testing.assert_allclose(single.state.context[same], double.state.context[same], rtol=2e-3)


def test_check_6_without_errors_the_context_is_known_and_the_margin_changes_sign_at_its_window():
    agents = np.array([4.0, 8.0, 40.0])
    common = {"error_tokens": 0.0, "evidence": 6.0}
    windows = np.array([float(margin_window(STAR.params(n_agents=n, **common))) for n in agents])
    found, *_ = solve(
        n_agents=np.tile(agents, 3),
        context_window=np.concatenate([windows, 0.999 * windows, 1.001 * windows]),
        **common,
    )
    assert np.all(found.count == 1) and np.all(found.certified)
    np.testing.assert_allclose(found.state.context[:, 0], 1.5 / 0.08, rtol=1e-14)
    np.testing.assert_allclose(found.observables["margin"][:3, 0], 0.0, atol=1e-12)
    assert found.phase[3:].tolist() == [Phase.COLLAPSED] * 3 + [Phase.FOCUSED] * 3


def test_roots_on_the_kink_of_even_odds_are_certified():
    """At M = 0 the root lies where the formulas change their branch."""
    agents = np.array([3.0, 8.0, 24.0, 200.0])
    sets = [STAR.params(n_agents=n, reflexion_rate=0.05) for n in agents]
    windows = [float(margin_window(params)) for params in sets]
    found, *_ = solve(n_agents=agents, context_window=windows, reflexion_rate=0.05)
    assert np.all(found.certified)
    contexts = np.array([float(margin_context(params)) for params in sets])
    nearest = np.nanmin(np.abs(found.state.context - contexts[:, None]), axis=1)
    assert np.all(nearest < 1e-11 * contexts)


def test_without_forgetting_there_is_no_fixed_point():
    found, *_ = solve(compaction_rate=[0.0, 0.0], error_tokens=[6.0, 0.0])
    assert found.phase.tolist() == [Phase.NO_COMPACTION] * 2
    assert found.count.tolist() == [0, 0]
    assert np.all(np.isnan(found.state.context))
    assert "never forgotten" in describe(Phase(int(found.phase[0])))


def test_progress_is_that_of_the_end_unless_nothing_moves():
    common = {"progress_gain": 0.5, "evidence": 6.0, "initial_progress": 0.3}
    found, *_ = solve(resolution_rate=[0.05, 0.0], **common)
    assert found.state.progress[:, 0].tolist() == [1.0, 0.3]
    without, *_ = solve(progress_gain=0.0, evidence=[6.0 * 1.5, 6.0 * 1.15])
    np.testing.assert_allclose(found.state.context, without.state.context, rtol=1e-13)


def test_one_result_prints_itself():
    found, *_ = solve(n_agents=[8.0])
    one = jax.tree.map(lambda leaf: leaf[0], found)
    lines = str(one).splitlines()
    assert lines[0] == f"bistable: {describe(Phase.BISTABLE)} Certified."
    assert [line.split(":")[0].strip() for line in lines[1:]] == ["stable node", "saddle", "stable node"]
    assert "500 parameter points" in str(jax.tree.map(lambda leaf: np.resize(leaf, (500, *leaf.shape[1:])), found))


def test_the_gradient_is_that_of_the_implicit_function():
    """Along a direction of all parameters at once, against central differences."""
    rng = np.random.default_rng(3)
    names = [name for name, value in DEFAULTS.items() if value > 0.0]
    way = {name: DEFAULTS[name] * rng.uniform(-1.0, 1.0, LANES) for name in names}
    *_, slope = solve(direction={name: jnp.asarray(value) for name, value in way.items()}, evidence=np.full(LANES, 8.0))
    step = 1e-6
    (ahead, *_), (behind, *_) = (
        solve(**{name: DEFAULTS[name] + sign * step * way[name] for name in names}) for sign in (1.0, -1.0)
    )
    difference = (ahead.state.context - behind.state.context)[:, :3] / (2.0 * step)
    # Differences of 1e-6 leave about nine digits of the contexts.
    np.testing.assert_allclose(slope[:, :3], difference, rtol=1e-5, atol=1e-5)
    assert np.all(slope[:, 3:] == 0.0)


def check_phases(values, dtype):
    found, (single, *_) = phases(STAR, replace(STAR.params(), values), dtype=dtype), solve(**values)
    last = np.take_along_axis(single.observables["margin"], np.maximum(single.count - 1, 0)[:, None], 1)[:, 0]
    return jax.tree.map(np.asarray, found), single, single.observables["margin"][:, 0], last


def unforgetful(seed):
    values = draw(seed, wide=False)
    values["compaction_rate"][:5] = 0.0
    values["reflexion_rate"][:5] = 0.0
    return values


@pytest.mark.slow
def test_phases_of_a_batch_in_single_precision():
    found, single, first, last = check_phases(unforgetful(7), jnp.float32)
    assert found.margin.dtype == np.float32
    sure = found.certified | (found.label == Phase.NO_COMPACTION)
    assert np.mean(sure) > 0.99
    assert np.array_equal(found.count[sure], single.count[sure])
    clear = sure & ~(np.abs(first) < 1e-3)
    assert np.array_equal(found.label[clear], single.phase[clear])
    np.testing.assert_allclose(found.margin[sure], first[sure], rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(found.last_margin[sure], last[sure], rtol=1e-3, atol=1e-3)


@pytest.mark.slow
def test_phases_of_a_batch_are_those_of_its_points():
    found, single, first, last = check_phases(unforgetful(7), jnp.float64)
    assert np.array_equal(found.label, single.phase)
    assert np.array_equal(found.count, single.count)
    assert np.array_equal(found.stable_count, single.stable_count)
    assert np.array_equal(found.certified, single.certified)
    np.testing.assert_allclose(found.margin, first, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(found.last_margin, last, rtol=1e-12, atol=1e-13)
    # Axes broadcast, and a point is a batch without axes.
    agents, windows = np.array([[4.0], [8.0]]), np.array([48.0, 64.0])
    plane = phases(STAR, replace(STAR.params(), {"n_agents": agents, "context_window": windows}))
    assert plane.label.tolist() == [[Phase.BISTABLE, Phase.FOCUSED], [Phase.COLLAPSED, Phase.BISTABLE]]
    assert phases(STAR, STAR.params()).label == Phase.BISTABLE


class Wobble(AbstractGapOrchestrator):
    """Attention by a function that interval arithmetic has no rule for."""

    def dilution(self, load, params):
        attention = jnp.square(jnp.cos(jnp.arctan(jnp.maximum(load, 0.0))))
        return attention, 1.0 - attention


class Levels(AbstractOrchestrator):
    """Levels that do not act on each other: a star without errors, one with, and a level that this lane lacks."""

    def initial_state(self, params):
        return OrchestratorState(jnp.zeros(3), params.initial_progress, jnp.zeros(3))

    def choice(self, focus, params):
        return binary.choice(focus, ctx.rivals(params))

    def target(self, state, params):
        return ctx.effective_evidence(params, state.progress) * self.attention(state, params)

    def gap_direction(self, focus):
        return jnp.ones_like(focus)

    def lead(self, focus, params):
        return jnp.min(focus)

    def margin(self, state, params):
        return jnp.min(self.target(state, params)[:2]) - jnp.log(ctx.rivals(params))

    def forces(self, state, params):
        return Forces(jnp.zeros(()), jnp.zeros(()))

    def drift(self, t, state, params):
        whole = super().drift(t, state, params)
        without = whole.context - params.error_tokens * self.choice(state.focus, params).wrong
        level = jnp.arange(3)
        context = jnp.where(level == 0, without, jnp.where(level == 1, whole.context, 0.0))
        return whole._replace(context=context, progress=whole.progress[0])


@pytest.mark.slow
def test_models_that_cannot_be_followed_are_not_certified():
    reason = certificate(Wobble())
    assert (
        reason == "Interval arithmetic cannot follow Wobble: it uses 'atan', for which interval arithmetic has no rule."
    )
    params = STAR.params()
    found, star = equilibria(Wobble(), params), equilibria(STAR, params)
    assert not found.certified
    assert star.certified and certificate(STAR) == ""
    # With n = 2 the two are the same function.
    np.testing.assert_allclose(found.state.context, star.state.context, rtol=1e-12)


@pytest.mark.slow
def test_fixed_points_of_levels_are_all_combinations():
    found = jax.jit(lambda params: equilibria(Levels(), params, slots=9))(STAR.params())
    star = equilibria(STAR, STAR.params())
    assert int(found.count) == 3 and int(found.stable_count) == 2
    np.testing.assert_allclose(found.state.context[:3, 0], 18.75)
    np.testing.assert_allclose(found.state.context[:3, 1], star.state.context[:3], rtol=1e-13)
    np.testing.assert_array_equal(found.state.context[:3, 2], 0.0)
    assert found.stable[:3].tolist() == [True, False, True]


@pytest.mark.slow
def test_the_replicator_with_unequal_rivals():
    model = Replicator(max_agents=8)
    params = model.params(rival_evidence=0.4, rival_decay=0.7, reflexion_rate=0.02)
    found = jax.jit(lambda params: equilibria(model, params))(params)
    assert found.certified and int(found.count) in (1, 3)
    for slot in range(int(found.count)):
        state = jax.tree.map(lambda leaf, slot=slot: leaf[slot], found.state)

        def drift(y):
            moved = model.drift(jnp.zeros(()), OrchestratorState(y[:-1], jnp.ones(()), y[-1]), cast(params, float))
            return jnp.append(moved.focus, moved.context)

        at = jnp.append(state.focus, state.context)
        np.testing.assert_allclose(drift(at), 0.0, atol=1e-12)
        exact = np.linalg.eigvals(np.asarray(jax.jacfwd(drift)(at)))
        mine = np.append(found.spectrum.pair[slot], np.full(7, found.spectrum.relaxation[slot]))
        np.testing.assert_allclose(np.sort(mine.real), np.sort(exact.real), rtol=1e-6)
        assert bool(found.stable[slot]) == bool(np.all(exact.real < 0.0))


def test_codes_of_different_kinds_keep_their_own_sentences():
    assert describe(Phase.FOCUSED) != describe(Kind.NONE)
    for kind in (Phase, Kind):
        assert len({describe(code) for code in kind}) == len(kind)


def test_a_plateau_is_certified_too():
    """A model of a user's own needs no more than its drift."""

    class Plateau(AbstractGapOrchestrator):
        def dilution(self, load, params):
            return 0.1 + 0.9 * ctx.attention(params, load), 0.9 * ctx.inattention(params, load)

    assert certificate(Plateau()) == ""


def test_a_model_without_a_state_at_rest_says_so():
    class Restless(AbstractModel):
        Params: ClassVar[Any] = Star.Params
        domain: ClassVar[Any] = Star.domain
        observables: ClassVar[Any] = {}
        initial_state, drift, diffusion = Star.initial_state, Star.drift, Star.diffusion
        focus_signal, entropy_trend, progress = Star.focus_signal, Star.entropy_trend, Star.progress

    with pytest.raises(NotImplementedError, match="Restless does not say where it comes to rest"):
        equilibria(Restless(), STAR.params())
