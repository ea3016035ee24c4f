"""The contract that every registered model keeps; a new model is covered by adding its file."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st

from entropyjax.models import MODELS, Interval, combine, project
from entropyjax.params import ParameterError, UnknownNameError, cast

TWINS = ("linear", "saturating")
"""What these compile is what the constant entropy does, but for a line of the drift that has tests of its own."""
NAMES = [pytest.param(name, marks=pytest.mark.slow) if name in TWINS else name for name in MODELS]
LANES = 64
LARGEST = 16.0
SEEDS = st.integers(0, 2**32 - 1)


@functools.cache
def model_of(name):
    """The model, with room for rosters of up to `LARGEST` where its sizes are static."""
    model = MODELS.get(name)()
    return model.sized({**{k: spec.default for k, spec in model.Params.specs().items()}, "n_agents": LARGEST})


def draw_value(rng, spec):
    """A value inside the support: the default (or 1) times a log-normal factor, a uniform one on an interval."""
    low, high = spec.support.lower, spec.support.upper
    if np.isfinite(low) and np.isfinite(high):
        return low + (high - low) * rng.uniform(0.02, 0.98, LANES)
    if not np.isfinite(low):
        return spec.default + 2.0 * rng.normal(size=LANES)
    scale = max(spec.default - low, 0.1)
    return low + scale * np.exp(0.6 * rng.normal(size=LANES))


def sample(name, seed, dtype=jnp.float64):
    """Random parameters and states of one batch; states inside the domain, logits on both sides of 0."""
    model, rng = model_of(name), np.random.default_rng(seed)
    values = {field: draw_value(rng, spec) for field, spec in model.Params.specs().items()}
    if "n_agents" in values:
        values["n_agents"] = rng.uniform(2.0, LARGEST, LANES)
    params = cast(model.params(**values), dtype)
    shapes = jax.eval_shape(model.initial_state, jax.tree.map(lambda leaf: leaf[0], params))
    leaves = []
    for leaf, interval in zip(shapes, model.domain, strict=True):
        shape = (LANES, *leaf.shape)
        if np.isfinite(interval.lower) and np.isfinite(interval.upper):
            value = rng.uniform(interval.lower, interval.upper, shape)
        elif np.isfinite(interval.lower):
            value = interval.lower + 30.0 * rng.exponential(size=shape)
        else:
            value = 4.0 * rng.normal(size=shape)
        leaves.append(jnp.asarray(value, dtype))
    return params, type(shapes)(*leaves)


@functools.cache
def compiled(name):
    """Everything that the contract asks of a model on a batch, compiled once for each floating type."""
    model = model_of(name)

    def one(params, state):
        zero = jnp.zeros((), state[0].dtype)
        tangent = model.drift(zero, state, params)
        observed, rates = jax.jvp(lambda y: model.observe(y, params), (state,), (tangent,))
        return {
            "drift": tangent,
            "diffusion": model.diffusion(zero, state, params),
            "observed": observed,
            "rates": rates,
            "trend": model.entropy_trend(state, params),
            "progress": model.progress(state),
            "projected": project(model, state),
        }

    return jax.jit(jax.vmap(one))


@functools.cache
def gradients(name):
    """Gradients of each output's sum by parameters and state."""
    model = model_of(name)

    def total(params, state):
        zero = jnp.zeros((), state[0].dtype)
        level = jnp.asarray(0.5, zero.dtype)
        outputs = (
            model.drift(zero, state, params),
            model.diffusion(zero, state, params),
            model.observe(state, params),
            model.entropy_trend(state, params),
            model.focus_signal(params, level)(state),
        )
        return sum(jnp.sum(leaf) for leaf in jax.tree.leaves(outputs))

    return jax.jit(jax.vmap(jax.grad(total, argnums=(0, 1))))


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
@pytest.mark.parametrize("name", NAMES)
def test_shapes_types_and_finite_values(name, dtype):
    model = model_of(name)
    params, state = sample(name, 0, dtype)
    out = compiled(name)(params, state)
    assert jax.tree.structure(out["drift"]) == jax.tree.structure(state)
    leaves, treedef = jax.tree.flatten(state)
    for got, leaf in zip(jax.tree.leaves(out["drift"]), leaves, strict=True):
        assert got.shape == leaf.shape
    assert (len(out["diffusion"]) >= 1) == model.has_noise()
    for column in out["diffusion"]:
        # None marks a component without this noise; the others broadcast against the state.
        for part, leaf in zip(treedef.flatten_up_to(column), leaves, strict=True):
            assert part is None or np.broadcast_shapes(part.shape, leaf.shape) == leaf.shape
    assert set(out["observed"]) == set(model.observables)
    for leaf in jax.tree.leaves((out["drift"], out["diffusion"], out["observed"], out["trend"])):
        assert leaf.dtype == dtype
        assert np.all(np.isfinite(leaf))
    for value in out["observed"].values():
        assert value.shape == (LANES,)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_finite(name, dtype):
    for leaf in jax.tree.leaves(gradients(name)(*sample(name, 1, dtype))):
        assert leaf.dtype == dtype
        assert np.all(np.isfinite(leaf))


@pytest.mark.parametrize("name", NAMES)
def test_gradients_at_the_default_start_are_finite(name):
    """x = 0, s = 0 and c = 0 are where square roots and logarithms have their edges."""
    model = model_of(name)
    params = cast(model.params(), jnp.float64)
    batch = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (LANES, *leaf.shape)), params)
    state = jax.vmap(model.initial_state)(batch)
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(gradients(name)(batch, state)))


@pytest.mark.parametrize("name", NAMES)
@given(seed=SEEDS)
def test_the_forces_are_the_change_of_the_entropy(name, seed):
    """-R + C_f = dH/dt along the drift, by forward differentiation of H."""
    if not {"entropy", "resolution", "loading"} <= set(model_of(name).observables):
        pytest.skip("the model declares no forces")
    out = compiled(name)(*sample(name, seed))
    resolution, loading = (np.asarray(out["observed"][k]) for k in ("resolution", "loading"))
    rate = np.asarray(out["rates"]["entropy"])
    # Relative to the forces' size; where both vanish, the rounding of logits of 10 that drift at 100 a step.
    scale = np.abs(resolution) + np.abs(loading)
    assert np.all(np.abs(loading - resolution - rate) < 1e-10 * scale + 1e-12)


@pytest.mark.parametrize("name", NAMES)
@given(seed=SEEDS)
def test_the_trend_has_the_sign_of_the_change_of_the_entropy(name, seed):
    out = compiled(name)(*sample(name, seed))
    if "entropy" not in out["rates"]:
        pytest.skip("the model declares no entropy")
    rate, trend = np.asarray(out["rates"]["entropy"]), np.asarray(out["trend"])
    clear = np.abs(rate) > 1e-9
    assert np.all(np.sign(trend[clear]) == np.sign(rate[clear]))


@functools.cache
def focus_signals(name):
    model = model_of(name)
    return jax.jit(jax.vmap(lambda params, level, state: model.focus_signal(params, level)(state)))


@pytest.mark.parametrize("name", NAMES)
@given(seed=SEEDS)
def test_the_focus_signal_is_positive_exactly_where_focused(name, seed):
    if not {"normalised_entropy", "focus"} <= set(model_of(name).observables):
        pytest.skip("the model declares no focus")
    params, state = sample(name, seed)
    levels = np.random.default_rng(seed).uniform(0.05, 0.95, LANES)
    signal = np.asarray(focus_signals(name)(params, jnp.asarray(levels), state))
    observed = compiled(name)(params, state)["observed"]
    h, x = np.asarray(observed["normalised_entropy"]), np.asarray(observed["focus"])
    clear = (np.abs(h - levels) > 1e-9) & (np.abs(x) > 1e-9)
    assert np.array_equal(signal[clear] > 0.0, ((h < levels) & (x > 0.0))[clear])


@pytest.mark.parametrize("name", NAMES)
def test_the_initial_state_lies_in_the_domain(name):
    model = model_of(name)
    state = model.initial_state(cast(model.params(), jnp.float64))
    assert all(isinstance(interval, Interval) for interval in model.domain)
    moved, changed = project(model, state)
    assert not bool(changed)
    for before, after in zip(jax.tree.leaves(state), jax.tree.leaves(moved), strict=True):
        np.testing.assert_array_equal(before, after)
    progress = model.progress(state)
    assert (progress is not None) == model.has_progress()
    assert progress is None or 0.0 <= float(progress) <= 1.0


@pytest.mark.parametrize("name", NAMES)
def test_projection(name):
    model = model_of(name)
    inside, (same, moved) = sample(name, 2)[1], compiled(name)(*sample(name, 2))["projected"]
    assert not np.any(moved)
    assert all(np.array_equal(a, b) for a, b in zip(same, inside, strict=True))
    start = model.initial_state(cast(model.params(), jnp.float64))
    for place, interval in enumerate(model.domain):
        for bound, outside in ((interval.lower, interval.lower - 1.0), (interval.upper, interval.upper + 1.0)):
            leaves = list(start)
            leaves[place] = jnp.full_like(leaves[place], outside)
            projected, moved = project(model, type(start)(*leaves))
            assert bool(moved) == bool(np.isfinite(bound))
            if np.isfinite(bound):
                np.testing.assert_array_equal(projected[place], np.full_like(leaves[place], bound))
        leaves = list(start)
        leaves[place] = jnp.full_like(leaves[place], jnp.nan)
        projected, moved = project(model, type(start)(*leaves))
        assert np.all(np.isnan(projected[place]))
        assert not bool(moved)


@pytest.mark.parametrize("name", NAMES)
def test_combine_adds_what_is_there(name):
    model = model_of(name)
    params, state = (jax.tree.map(lambda leaf: leaf[0], tree) for tree in sample(name, 3))
    zero = jnp.asarray(0.0)
    for column in model.diffusion(zero, state, params):
        out = combine(state, (jnp.asarray(0.5), column))
        for before, after, part in zip(state, out, column, strict=True):
            expected = before if part is None else before + 0.5 * part
            np.testing.assert_allclose(after, expected, rtol=1e-15)


@pytest.mark.parametrize("name", NAMES)
def test_names_symbols_and_sentences(name):
    model = model_of(name)
    for item in model.observables.values():
        assert item.symbol and item.unit and item.doc.endswith(".")
    symbols = [item.symbol for item in model.observables.values()]
    assert len(symbols) == len(set(symbols))
    specs = model.Params.specs()
    assert all(spec.default in spec.support and spec.doc.endswith(".") and spec.unit for spec in specs.values())
    assert len({spec.symbol for spec in specs.values()}) == len(specs)
    assert MODELS.name_of(model) == name
    assert set(model.reported) <= set(model.observables)


@pytest.mark.parametrize("name", NAMES)
def test_params_are_checked(name):
    model = model_of(name)
    with pytest.raises(ParameterError, match="is not a parameter of this model"):
        model.params(no_such_thing=1.0)


def test_an_unknown_model_is_met_with_the_nearest():
    with pytest.raises(UnknownNameError, match="'strar' is not a model; did you mean 'star'"):
        MODELS.get("strar")
