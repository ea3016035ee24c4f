"""The expected course of an orchestrator over its steps, which observations are compared with."""

from typing import Any, Literal, NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from entropyjax.agents import expected_step
from entropyjax.entropy import Choice, binary
from entropyjax.inference.errors import InferenceError
from entropyjax.models import AbstractModel, context as ctx
from entropyjax.models.orchestrator import AbstractOrchestrator
from entropyjax.solve.noise import Draws
from entropyjax.solve.runge_kutta import RK4

Scheme = Literal["agents", "ode"]

SUBSTEPS = 4
"""Steps of the classical Runge-Kutta method to one of the orchestrator."""


class Course(NamedTuple):
    """What is expected at the decisions t = 0, 1, ..., of one lane.

    **Attributes:** `gap`: x; `rivals`: N_e - 1; `tokens`: what a step adds in ktok, absent where the model has none.
    """

    gap: Float[Array, " steps"]
    rivals: Float[Array, ""]
    tokens: Float[Array, " steps"] | None

    def choice(self, shift: Float[Array, ""]) -> Choice:
        """Return the functionals of the choice at each step, the gap moved by `shift`."""
        return binary.choice(self.gap + shift, self.rivals)


def check_model(model: AbstractModel, scheme: Scheme) -> None:
    """Raise `InferenceError` unless the model's choice is one gap and it has the scheme."""
    if not one_gap(model):
        raise InferenceError(
            f"{type(model).__name__} does not choose by one gap x, which dispatches are compared with; fit the star."
        )
    if scheme == "agents" and not has_agents(model):
        raise InferenceError(f"No agents are paired with {type(model).__name__}; fit it with the scheme 'ode'.")


def one_gap(model: AbstractModel) -> bool:
    """Return whether the model's state is one gap x, or an entropy that stands for one."""
    return "focus" in model.observables and (has_agents(model) or not isinstance(model, AbstractOrchestrator))


def has_agents(model: AbstractModel) -> bool:
    """Return whether agents are paired with the model, so that its expected step is known."""
    return expected_step.dispatch(type(model)) is not expected_step.dispatch(object)


def course(
    model: AbstractModel,
    params: Any,
    steps: int,
    scheme: Scheme,
    context: Float[Array, " steps"] | None = None,
    agreeing: bool = False,
) -> Course:
    """Return the expected course of one lane.

    By `agents` a step is the agents' own with all that is drawn at its mean (a decision is one step of length 1); by
    `ode` it is the mean field's, of which decisions take samples.

    **Arguments:**

    - `context`: whole context at each step in ktok as measured; it takes the place of the model's own.
    - `agreeing`: of two runs that have agreed at every step so far, which are right more often than others:
      P(right | agreed) = q^2 / S.
    """
    one = jnp.ones((), jnp.result_type(params.n_agents))

    def move(state: Any, here: tuple[Array, Any]) -> tuple[Any, tuple[Any, Any]]:
        t, measured = here
        if measured is not None:
            state = state._replace(context=measured - _static(params))
        seen = model.observe(state, params)
        tokens = seen.get("tokens")
        if scheme == "ode":
            after = _flow(model, params, t, one, state)
        else:
            after = expected_step(model, params, one, state, _wrong(seen, agreeing))
        return after, (seen["focus"], tokens)

    _, (gap, tokens) = lax.scan(move, model.initial_state(params), (jnp.arange(steps, dtype=one.dtype), context))
    return Course(gap, ctx.rivals(params), tokens)


def _static(params: Any) -> Array:
    """Return tau_sys + N tau_d in ktok: the load is the whole context over eta W."""
    return ctx.load(params, 0.0) * params.effective_fraction * params.context_window


def _wrong(seen: dict[str, Array], agreeing: bool) -> Array:
    right = seen["right_probability"]
    return 1.0 - right**2 / seen["collision_probability"] if agreeing else 1.0 - right


def _flow(model: AbstractModel, params: Any, t: Array, length: Array, state: Any) -> Any:
    dt = length / SUBSTEPS
    for _ in range(SUBSTEPS):
        state = RK4().step(model, params, t, dt, state, model.drift(t, state, params), Draws((), ()))
        t = t + dt
    return state
