"""Parameters: bijectors, bounds, messages, and access by name."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st

from entropyjax.params import (
    AbstractParams,
    OrchestratorParams,
    ParameterError,
    Registry,
    Support,
    UnknownNameError,
    cast,
    get,
    make,
    nearest,
    parameter,
    replace,
)
from entropyjax.params.support import AT_LEAST_TWO, NON_NEGATIVE, POSITIVE, REAL, UNIT, UNIT_POSITIVE

SPECS = OrchestratorParams.specs()
SUPPORTS = [REAL, NON_NEGATIVE, POSITIVE, AT_LEAST_TWO, UNIT, UNIT_POSITIVE, Support(-3.0, 5.0)]
EPS = 2.0**-52

# --- Bijectors ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("support", SUPPORTS, ids=str)
@given(u=st.floats(-30.0, 30.0))
def test_round_trip_from_the_line(support, u):
    value = support.constrain(jnp.asarray(u))
    assert float(value) in support
    # Back again: rounding of the value by eps of its size moves u by that over the slope of the bijector.
    size = max(abs(float(value)), abs(support.lower) if np.isfinite(support.lower) else 0.0)
    slope = float(jax.grad(support.constrain)(jnp.asarray(u)))
    assert abs(float(support.unconstrain(value)) - u) <= 8.0 * EPS * (size / slope + abs(u) + 1.0)


@pytest.mark.parametrize("support", SUPPORTS, ids=str)
@given(share=st.floats(1e-6, 1.0 - 1e-6))
def test_round_trip_from_the_support(support, share):
    low = support.lower if np.isfinite(support.lower) else -50.0
    high = support.upper if np.isfinite(support.upper) else low + 100.0
    value = low + (high - low) * share
    back = float(support.constrain(support.unconstrain(value)))
    # u is of size 50 at the most, and known to eps of that; the slope of the bijector is 1 or the width at most.
    assert abs(back - value) <= 64.0 * EPS * (abs(value) + high - low)


@pytest.mark.parametrize("support", SUPPORTS, ids=str)
def test_bijectors_rise_and_have_finite_slopes(support):
    points = jnp.linspace(-30.0, 30.0, 241)
    values = np.asarray(support.constrain(points))
    assert np.all(np.diff(values) >= 0.0)
    slopes = jax.vmap(jax.grad(support.constrain))(points)
    assert np.all(np.isfinite(slopes)) and np.all(slopes > 0.0)
    inside = jnp.asarray([1e-8, 1e-3, 0.5, 1.0 - 1e-8]) * 3.0 + 2.0
    if float(support.upper) > 5.0:
        assert np.all(np.isfinite(jax.vmap(jax.grad(support.unconstrain))(inside)))


def test_float32_stays_float32():
    for support in SUPPORTS:
        value = support.constrain(jnp.asarray(0.3, jnp.float32))
        assert value.dtype == jnp.float32
        assert support.unconstrain(value).dtype == jnp.float32
        np.testing.assert_allclose(float(support.unconstrain(value)), 0.3, rtol=0, atol=2e-6)


# --- Supports -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("support", "inside", "outside", "text"),
    [
        (REAL, [-1e300, 0.0, 7.0], [np.inf, -np.inf, np.nan], "(-inf, inf)"),
        (NON_NEGATIVE, [0.0, 1e-300, 1e300], [-1e-300, np.inf, np.nan], "[0, inf)"),
        (POSITIVE, [1e-300, 5.0], [0.0, -1.0, np.inf], "(0, inf)"),
        (UNIT, [0.0, 0.5, 1.0], [-0.1, 1.0 + 1e-12, np.nan], "[0, 1]"),
        (UNIT_POSITIVE, [1e-12, 1.0], [0.0, 1.1], "(0, 1]"),
        (AT_LEAST_TWO, [2.0, 2.5, 1e6], [1.999, np.nan], "[2, inf)"),
        (Support(0.0, 1.0, open_upper=True), [0.0], [1.0], "[0, 1)"),
    ],
    ids=lambda item: str(item) if isinstance(item, Support) else "",
)
def test_bounds(support, inside, outside, text):
    assert all(value in support for value in inside)
    assert not any(value in support for value in outside)
    assert str(support) == text


# --- Specifications -----------------------------------------------------------------------------------------


def test_defaults_are_those_of_the_page():
    values = {SPECS[name].symbol: SPECS[name].default for name in SPECS}
    assert values == {
        "N": 8.0,
        "W": 64.0,
        "phi_s": 1.0,
        "alpha": 1.0,
        "Delta": 8.0,
        "g": 0.0,
        "eta": 0.5,
        "n": 2.0,
        "tau_sys": 1.0,
        "tau_d": 0.3,
        "tau_e": 1.0,
        "tau_r": 0.5,
        "b": 0.0,
        "tau_ref": 1.0,
        "chi": 6.0,
        "delta0": 0.08,
        "delta1": 0.0,
        "kappa": 0.05,
        "sigma_x": 0.3,
        "sigma_tau": 0.5,
        "epsilon": 1.0,
        "x0": 0.0,
        "s(0)": 0.0,
        "c(0)": 0.0,
    }
    assert list(SPECS) == [field.name for field in dataclasses.fields(OrchestratorParams)]
    assert all(spec.default in spec.support and spec.name == name for name, spec in SPECS.items())


def test_a_parameter_set_is_a_pytree_with_a_leaf_for_each_name():
    params = OrchestratorParams()
    assert len(jax.tree.leaves(params)) == len(SPECS)
    single = cast(params, jnp.float32)
    assert all(leaf.dtype == jnp.float32 and leaf.shape == () for leaf in jax.tree.leaves(single))
    batched = replace(params, {"n_agents": jnp.arange(2.0, 6.0)})
    doubled = jax.vmap(
        lambda p: 2.0 * p.n_agents, in_axes=(replace(jax.tree.map(lambda _: None, params), {"n_agents": 0}),)
    )
    np.testing.assert_array_equal(doubled(batched), 2.0 * np.arange(2.0, 6.0))


def test_a_subclass_adds_to_its_parents_parameters():
    class Longer(OrchestratorParams):
        extra: float = parameter(0.25, "-", UNIT, "y", "One more.")

    assert list(Longer.specs()) == [*SPECS, "extra"]
    assert make(Longer, {"extra": 1.0, "n_agents": 3}).extra == 1.0
    assert AbstractParams.specs() == {}


# --- Messages -----------------------------------------------------------------------------------------------

BAD = [
    ("n_agent", 3.0, "'n_agent' is not a parameter of this model; did you mean 'n_agents'?"),
    ("contxt_window", 3.0, "'contxt_window' is not a parameter of this model; did you mean 'context_window'?"),
    (
        "n_agents",
        1.0,
        "n_agents = 1 is outside [2, inf): Executors that the orchestrator chooses among. "
        "Choose a value in [2, inf); the default is 8.",
    ),
    (
        "context_window",
        -4.5,
        "context_window = -4.5 ktok is outside (0, inf): Nominal context window. "
        "Choose a value in (0, inf); the default is 64.",
    ),
    (
        "compaction_rate",
        float("nan"),
        "compaction_rate = nan 1/step is outside [0, inf): Forgetting of context. "
        "Choose a value in [0, inf); the default is 0.08.",
    ),
    (
        "initial_progress",
        np.array([0.2, 1.5, 3.0]),
        "initial_progress = 1.5 is outside [0, 1]: Resolved share of the task at the start. "
        "Choose a value in [0, 1]; the default is 0.",
    ),
    ("focus_noise", "much", "focus_noise must be a number in nat/sqrt(step), not 'much'."),
    ("focus_noise", True, "focus_noise must be a number in nat/sqrt(step), not True."),
    ("focus_noise", None, "focus_noise must be a number in nat/sqrt(step), not None."),
    ("evidence", 2j, "evidence must be a number in nat, not 2j."),
]


@pytest.mark.parametrize(("name", "value", "message"), BAD, ids=[f"{name}={value}" for name, value, _ in BAD])
def test_make_says_what_is_wrong(name, value, message):
    with pytest.raises(ParameterError) as caught:
        make(OrchestratorParams, {name: value})
    assert str(caught.value) == message


def test_an_outlandish_name_lists_all():
    with pytest.raises(ParameterError) as caught:
        make(OrchestratorParams, {"zzz": 1.0})
    assert str(caught.value) == ("'zzz' is not a parameter of this model; valid names are " + ", ".join(SPECS) + ".")
    assert nearest("zzz", ["one", "two"]) == "valid names are one, two."


@pytest.mark.parametrize("change", [lambda p: get(p, "evidense"), lambda p: replace(p, {"evidense": 1.0})])
def test_get_and_replace_say_which_name_was_meant(change):
    with pytest.raises(ParameterError) as caught:
        change(OrchestratorParams())
    assert str(caught.value) == "'evidense' is not a parameter of this model; did you mean 'evidence'?"


def test_every_bound_of_every_parameter_is_checked():
    for name, spec in SPECS.items():
        support = spec.support
        lower, upper = (support.lower, support.open_lower, -np.inf), (support.upper, support.open_upper, np.inf)
        for end, is_open, beyond in (lower, upper):
            with pytest.raises(ParameterError, match=f"^{name} = .* is outside"):
                make(OrchestratorParams, {name: np.nextafter(end, beyond)})
            if is_open or np.isinf(end):
                with pytest.raises(ParameterError, match=f"^{name} = .* is outside"):
                    make(OrchestratorParams, {name: end})
            else:
                assert get(make(OrchestratorParams, {name: end}), name) == end


# --- The lens -----------------------------------------------------------------------------------------------


@given(st.sampled_from(sorted(SPECS)), st.floats(2.0, 100.0))
def test_replace_then_get(name, value):
    """What was put is what is got; the rest stays; putting twice is putting the last."""
    params = OrchestratorParams()
    changed = replace(params, {name: value})
    assert get(changed, name) == value
    assert all(get(changed, other) == get(params, other) for other in SPECS if other != name)
    assert replace(replace(params, {name: -1.0}), {name: value}) == changed
    assert replace(changed, {name: get(params, name)}) == params


def test_replace_takes_traced_values_and_carries_gradients():
    params = OrchestratorParams()
    slope = jax.grad(lambda w: get(replace(params, {"context_window": w}), "context_window") ** 2)(3.0)
    assert float(slope) == 6.0


def test_values_of_other_kinds_are_taken():
    params = make(
        OrchestratorParams, {"n_agents": 3, "evidence": np.float32(2.5), "context_window": jnp.arange(1.0, 4.0)}
    )
    assert params.n_agents == 3 and params.evidence == 2.5 and params.context_window.shape == (3,)


def test_parameter_sets_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        OrchestratorParams().n_agents = 3.0


# --- Registries ---------------------------------------------------------------------------------------------


def test_a_registry_names_the_nearest():
    registry = Registry("thing", "entropyjax.params")

    @registry.register("first")
    class First:
        pass

    assert list(registry) == ["first"] and registry.get("first") is First
    assert registry.name_of(First()) == "first"
    with pytest.raises(UnknownNameError) as caught:
        registry.get("frist")
    assert str(caught.value) == "'frist' is not a thing; did you mean 'first'?"
