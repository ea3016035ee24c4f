"""The full replicator flow: it contains the star, it has its own utilities, and padding changes nothing."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import systems
from scipy.integrate import solve_ivp

from entropyjax.models import Replicator, Star
from entropyjax.params import ParameterError
from entropyjax.solve import METHODS, Grid, solve

STAR = Star()
CASES = {
    "integer": {"n_agents": 6.0, "context_window": 96.0},
    "fractional": {"n_agents": 7.3, "context_window": 96.0, "initial_focus": 0.8},
    "similar": {
        "n_agents": 9.5,
        "roster_similarity": 0.37,
        "context_window": 80.0,
        "reflexion_rate": 0.1,
        "progress_gain": 0.3,
        "initial_focus": -1.0,
    },
}
ROOM = 12
# The same draws or none: both integrate the same equations, so only rounding differs, over 512 steps and sums
# over up to 12 executors.
ROUNDING = {"rtol": 1e-10, "atol": 1e-11}


def stack(model):
    sets = [model.params(**values) for values in CASES.values()]
    return jax.tree.map(lambda *leaves: jnp.array(leaves), *sets)


def run(model, method, key=None):
    """All cases at once: the result and the observables at the save times."""
    grid = Grid(32.0, 32, 16)

    def one(params):
        def save(t, state, alive):
            return {**model.observe(state, params), "logits": state.focus}

        return solve(model, params, grid=grid, key=key, index=3, save=save, method=METHODS.get(method)())

    return jax.jit(jax.vmap(one))(stack(model))


@pytest.mark.parametrize(
    "method",
    ["rk4", pytest.param("euler_maruyama", marks=pytest.mark.slow), pytest.param("ri6", marks=pytest.mark.slow)],
)
def test_check_5_equal_wrong_executors_are_the_star(method):
    """Along ODE trajectories, and path by path with the same key; also at a fractional N_e and phi_s < 1."""
    key = None if method == "rk4" else jax.random.key(4)
    full, reduced = run(Replicator(max_agents=ROOM), method, key), run(STAR, method, key)
    for lane, (name, values) in enumerate(CASES.items()):
        effective = 1.0 + values.get("roster_similarity", 1.0) * (values["n_agents"] - 1.0)
        logits = np.asarray(full.saved["logits"][lane])
        for rival in range(1, int(np.ceil(effective))):
            gap = logits[:, 0] - logits[:, rival]
            np.testing.assert_allclose(gap, reduced.saved["focus"][lane], **ROUNDING, err_msg=name)
        for observable in Star.observables:
            got, expected = full.saved[observable][lane], reduced.saved[observable][lane]
            np.testing.assert_allclose(got, expected, rtol=1e-8, atol=1e-10, err_msg=f"{name} {observable}")
    assert np.array_equal(full.outcome, reduced.outcome)
    assert np.array_equal(full.projections, reduced.projections)
    # The focus signals differ in shape between the models, so cubic interpolation differs by O(dt^4) = 1.5e-5
    # times a fourth derivative of order 10; straight lines with noise by O(dt^2) times curvature.
    tolerance = 2e-3 if key is None else 0.1
    for got, expected in zip(full.events[:4], reduced.events[:4], strict=True):
        assert np.array_equal(np.isfinite(got), np.isfinite(expected))
        finite = np.isfinite(np.asarray(got))
        np.testing.assert_allclose(got[finite], expected[finite], rtol=0, atol=tolerance)


@pytest.mark.parametrize("profile", ["geometric", "explicit"])
def test_heterogeneous_utilities_against_scipy(profile):
    n = 5
    values = {"n_agents": float(n), "context_window": 96.0, "initial_focus": 0.5, "reflexion_rate": 0.05}
    if profile == "geometric":
        shares = np.array([1.0, 0.8, 0.8 * 0.6, 0.8 * 0.6**2, 0.8 * 0.6**3])
        model, values = Replicator(), {**values, "rival_evidence": 0.8, "rival_decay": 0.6}
    else:
        shares = np.array([1.0, 0.9, 0.1, 0.4, 0.0])
        model = Replicator(affinities=(0.9, 0.1, 0.4))
    p = {**systems.DEFAULTS, **values}
    start = np.concatenate([[0.5], np.zeros(n - 1), [0.0, 0.0]])
    times = np.linspace(0.0, 32.0, 33)
    truth = solve_ivp(
        lambda t, y: systems.replicator_rhs(y, p, shares),
        (0.0, 32.0),
        start,
        method="DOP853",
        t_eval=times,
        rtol=1e-12,
        atol=1e-13,
    ).y.T
    params, grid = model.params(**values), Grid(32.0, 32, 32)
    saved = jax.jit(lambda: solve(model, params, grid=grid, method=METHODS.get("tsit5")()).saved)()
    # Tsit5 with dt = 1/32: (1/32)^5 times a constant of 1e-2.
    np.testing.assert_allclose(saved.focus[:, :n], truth[:, :n], rtol=0, atol=5e-9)
    np.testing.assert_allclose(saved.progress, truth[:, n], rtol=0, atol=1e-9)
    np.testing.assert_allclose(saved.context, truth[:, n + 1], rtol=0, atol=2e-8)


def test_padding_changes_nothing():
    values = {"n_agents": 7.6, "rival_evidence": 0.7, "rival_decay": 0.9, "context_window": 80.0}

    method, key = METHODS.get("euler_maruyama")(), jax.random.key(1)

    def final(room):
        model = Replicator(max_agents=room)
        params = model.params(**values)

        def save(t, state, alive):
            return model.observe(state, params)

        out = solve(model, params, grid=Grid(16.0, 8, 16), key=key, save=save, method=method)
        return out.saved, out.final, out.events

    small, large = (jax.jit(lambda room=room: final(room))() for room in (8, 32))
    np.testing.assert_allclose(large[1].focus[:8], small[1].focus, **ROUNDING)
    for a, b in zip(jax.tree.leaves((large[0], large[2])), jax.tree.leaves((small[0], small[2])), strict=True):
        np.testing.assert_allclose(a, b, **ROUNDING)


def test_a_roster_is_sized_to_a_sweep():
    model = Replicator(affinities=(0.5,))
    assert model.sized({"n_agents": np.array([4.0, 9.5]), "roster_similarity": 1.0}).max_agents == 10
    assert model.sized({"n_agents": 9.0, "roster_similarity": np.array([0.1, 0.5])}).max_agents == 5
    sized = model.sized({"n_agents": 2.0, "roster_similarity": 0.1})
    assert (sized.max_agents, sized.affinities) == (2, (0.5,))


def test_weights_carry_the_fraction():
    model = Replicator(max_agents=6)
    np.testing.assert_allclose(model.weights(model.params(n_agents=4.25)), [1, 1, 1, 1, 0.25, 0], rtol=0, atol=1e-15)
    params = model.params(n_agents=6.0, roster_similarity=0.5)
    np.testing.assert_allclose(model.weights(params), [1, 1, 1, 0.5, 0, 0], rtol=0, atol=1e-15)


def test_utilities():
    model = Replicator(max_agents=5)
    shares = model.utilities(model.params(rival_evidence=0.5, rival_decay=0.0))
    np.testing.assert_array_equal(shares, [1.0, 0.5, 0.0, 0.0, 0.0])
    np.testing.assert_allclose(
        model.utilities(model.params(rival_evidence=0.5, rival_decay=0.5)), [1.0, 0.5, 0.25, 0.125, 0.0625]
    )
    explicit = Replicator(max_agents=3, affinities=(0.1, 0.2, 0.3))
    np.testing.assert_array_equal(explicit.utilities(explicit.params()), [1.0, 0.1, 0.2])


def test_the_margin_is_the_log_odds_at_the_target():
    """With equal rivals it is Delta_eff m - ln(N_e - 1), and it counts a strong rival as one."""
    model = Replicator(max_agents=8)
    params = model.params(n_agents=8.0)
    state = model.initial_state(params)
    reduced = STAR.margin(STAR.initial_state(STAR.params()), STAR.params())
    np.testing.assert_allclose(model.margin(state, params), reduced, rtol=1e-12)
    even = model.params(n_agents=2.0, rival_evidence=1.0)
    np.testing.assert_allclose(model.margin(state, even), 0.0, atol=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_agents": 1}, "max_agents = 1 is too small: a roster has at least 2 executors."),
        (
            {"affinities": (0.5, 1.2)},
            r"affinities holds 1.2: each is the share of the evidence that speaks for a rival, a number in \[0, 1\].",
        ),
    ],
)
def test_error_messages(options, message):
    with pytest.raises(ParameterError, match=message):
        Replicator(**options)


def test_bad_profiles_are_refused():
    with pytest.raises(ParameterError, match=r"rival_evidence = 1.5 is outside \[0, 1\]"):
        Replicator().params(rival_evidence=1.5)
