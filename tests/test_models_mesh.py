"""The mesh: against its equations in numpy, and the stars that it contains."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import systems
from systems import DEFAULTS

from entropyjax.agents import AgentDraws, micro_step
from entropyjax.models import Mesh, Star
from entropyjax.models.orchestrator import OrchestratorState
from entropyjax.params import cast

MESH, STAR = Mesh(), Star()
STATE = OrchestratorState(*map(jnp.asarray, (1.7, 0.3, 12.0)))
VALUES = {**systems.STARS["all terms"], "sharing": 0.3, "token_noise": 0.7}


def everything(model, params, state):
    """All that the layers above ask of a model, by value."""
    zero, draws = jnp.zeros(()), AgentDraws(*map(jnp.asarray, (0.4, -0.7, -1.3)))
    return (
        model.initial_state(params),
        model.drift(zero, state, params),
        model.diffusion(zero, state, params),
        {name: value for name, value in model.observe(state, params).items() if name != "tokens"},
        model.focus_signal(params, jnp.asarray(0.5))(state),
        model.entropy_trend(state, params),
        micro_step(model, params, jnp.asarray(0.5), state, draws),
    )


run = jax.jit(everything, static_argnums=0)


def same(a, b, rtol):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for left, right in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(left, right, rtol=rtol, atol=1e-13)


@pytest.mark.parametrize("sharing", [0.0, 0.3, 1.0])
def test_the_drift_is_the_one_of_the_page(sharing):
    p = {**DEFAULTS, **VALUES, "sharing": sharing}
    found = run(MESH, cast(MESH.params(**{**VALUES, "sharing": sharing}), jnp.float64), STATE)[1]
    # A dozen operations in another order.
    np.testing.assert_allclose(jnp.stack([*found]), systems.mesh_rhs(np.array([*STATE]), p), rtol=1e-12)


def test_it_is_the_star_with_evidence_and_inflow_times_w():
    w = 0.3 + 0.7 / VALUES["n_agents"]
    fewer = {k: w * {**DEFAULTS, **VALUES}[k] for k in ("evidence", "error_tokens", "token_noise", "executor_tokens")}
    # The reasoning of an agent is as good as ever: tau_r / tau_ref stays as it is.
    fewer |= {"reasoning_tokens": w * DEFAULTS["reasoning_tokens"], "reasoning_scale": w}
    star = {k: v for k, v in VALUES.items() if k != "sharing"} | fewer
    mesh = run(MESH, cast(MESH.params(**VALUES), jnp.float64), STATE)
    same(mesh, run(STAR, cast(STAR.params(**star), jnp.float64), STATE), 1e-12)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_at_full_sharing_it_is_the_star_to_the_last_bit_at_n_times_the_tokens(dtype):
    values, state = {k: v for k, v in VALUES.items() if k != "sharing"}, cast(STATE, dtype)
    params = cast(MESH.params(**values, sharing=1.0), dtype), cast(STAR.params(**values), dtype)
    zero = jnp.zeros((), dtype)
    for mesh, star in zip(MESH.drift(zero, state, params[0]), STAR.drift(zero, state, params[1]), strict=True):
        np.testing.assert_array_equal(mesh, star)
    np.testing.assert_array_equal(MESH.tokens(state, params[0]), params[1].n_agents * STAR.tokens(state, params[1]))


def test_a_local_mesh_has_one_nth_of_the_evidence():
    params = MESH.params(n_agents=10.0, sharing=0.0)
    assert float(MESH.nodes(params).evidence) == pytest.approx(0.8)


def test_at_rest_it_is_the_star_with_evidence_and_inflow_times_w():
    params = MESH.params(n_agents=6.0, context_window=40.0, sharing=0.7)
    state = MESH.at_rest(20.0, 1.0, params)
    same(state, STAR.at_rest(20.0, 1.0, MESH.nodes(params)), 1e-15)
    np.testing.assert_allclose(MESH.drift(0.0, state, params).focus, 0.0, atol=1e-14)
