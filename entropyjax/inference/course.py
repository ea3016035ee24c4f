"""The expected course of an orchestrator over its steps, which observations are compared with."""

from typing import Any, Literal, NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from entropyjax.agents import expected_step, focus_deviation
from entropyjax.entropy import Choice, binary
from entropyjax.inference.errors import InferenceError
from entropyjax.inference.filter import Noise
from entropyjax.models import AbstractModel, context as ctx
from entropyjax.models.orchestrator import AbstractOrchestrator
from entropyjax.solve.noise import Draws
from entropyjax.solve.runge_kutta import RK4

Scheme = Literal["agents", "ode"]

SUBSTEPS = 4
"""Steps of the classical Runge-Kutta method to one of the orchestrator."""


class Course(NamedTuple):
    """What is expected at the decisions t = 0, 1, ..., of one lane.

    **Attributes:** `gap`: x without noise; `noise`: how that goes on, and `deviation`: how far it takes the gap, absent
    where there is none; `rivals`: N_e - 1; `tokens`: what a step adds in ktok, absent where the model has none.
    """

    gap: Float[Array, " steps"]
    noise: Noise | None
    deviation: Float[Array, " steps"] | None
    rivals: Float[Array, ""]
    tokens: Float[Array, " steps"] | None

    def choice(self, spread: Float[Array, ""], node: Float[Array, ""]) -> Choice:
        """Return the functionals of the choice at each step, the gap moved by `node` deviations of task and noise."""
        return binary.choice(self.gap + scale(spread, self.deviation) * node, self.rivals)


class Known(NamedTuple):
    """What is known of one lane's steps, in ktok and as shares; NaN or `None` where nothing is."""

    context: Float[Array, "..."] | None = None
    tokens: Float[Array, "..."] | None = None
    wrong: Float[Array, "..."] | None = None


UNKNOWN = Known()
"""Nothing is known."""


def scale(spread: Float[Array, "..."], deviation: Float[Array, "..."] | None) -> Float[Array, "..."]:
    """Return the deviation of a gap of which neither the task nor the noise is known."""
    # The root has no derivative where both are 0, as they may be at the first step.
    return spread if deviation is None else jnp.sqrt(jnp.maximum(spread**2 + deviation**2, 1e-30))


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
    model: AbstractModel, params: Any, steps: int, scheme: Scheme, known: Known = UNKNOWN, agreeing: bool = False
) -> Course:
    """Return the expected course of one lane, given what is known of it.

    By `agents` a step is the agents' own with all that is drawn and not known at its mean (a decision is one step of
    length 1); by `ode` it is the mean field's, of which decisions take samples. Where a run's own context is known the
    agents' gap is normal about the course, however strong the noise of tokens and dispatches:

        x_t ~ N(course, deviation^2),   deviation = sigma_x sqrt((1 - e^{-2 alpha t}) / (2 alpha)).

    **Arguments:**

    - `known`: the context takes the place of the model's own, tokens and wrong dispatches of what is expected of them;
      the mean field has no place for the last two.
    - `agreeing`: of two runs that have agreed at every step so far, which are right more often than others:
      P(right | agreed) = q^2 / S.
    """
    one = jnp.ones((), jnp.result_type(params.n_agents))
    times = jnp.arange(steps, dtype=one.dtype)

    def move(state: Any, here: tuple[Array, Known]) -> tuple[Any, tuple[Any, Any]]:
        t, now = here
        if now.context is not None:
            state = state._replace(context=now.context - _static(params))
        seen = model.observe(state, params)
        tokens = seen.get("tokens")
        if scheme == "ode":
            after = _flow(model, params, t, one, state)
        else:
            wrong = _where_known(now.wrong, _wrong(seen, agreeing))
            inflow = None if now.tokens is None else _where_known(now.tokens, ctx.inflow(params, wrong))
            after = expected_step(model, params, one, state, wrong, inflow)
        return after, (seen["focus"], tokens)

    _, (gap, tokens) = lax.scan(move, model.initial_state(params), (times, known))
    if scheme == "ode":
        return Course(gap, None, None, ctx.rivals(params), tokens)
    noise = Noise(jnp.exp(-params.focus_rate), focus_deviation(params, one))
    return Course(gap, noise, _deviation(params, times), ctx.rivals(params), tokens)


def _deviation(params: Any, times: Array) -> Array:
    # At t = 0 it is 0, where the root has no derivative.
    return jnp.concatenate([jnp.zeros_like(times[:1]), focus_deviation(params, times[1:])])


def _where_known(value: Array | None, expected: Array) -> Array:
    return expected if value is None else jnp.where(jnp.isnan(value), expected, value)


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
