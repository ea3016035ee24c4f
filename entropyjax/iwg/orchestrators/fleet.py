"""The agent-level model of many runs at once, one micro-step for each decision."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, UInt32

from entropyjax.agents import AgentDraws, AgentError, check_executors, check_rates, dispatch
from entropyjax.models import context as ctx
from entropyjax.models.gap import AbstractGapOrchestrator
from entropyjax.models.orchestrator import OrchestratorState
from entropyjax.params import cast
from entropyjax.solve.lane import NOISE_STREAM
from entropyjax.solve.noise import Stream, draw, stream, threefry, uniform

_WRONG_STREAM = NOISE_STREAM + 2
"""Stream of a key that draws which of the wrong executors is taken."""


class Situation(NamedTuple):
    """What a run asks its model about: the context before it in ktok, and the share of its marks that is reached."""

    run: int
    context: float
    progress: float


class Decision(NamedTuple):
    """What the model decides: how far behind the right executor on the roster the one is that it takes, 0 for itself.

    `context` in ktok is what the model holds to lie before it, `tokens` what the step adds in its own account, `right`
    and `wrong` the probabilities of the right executor and of all others together.
    """

    shift: Int[Array, "..."]
    context: Float[Array, "..."]
    tokens: Float[Array, "..."]
    right: Float[Array, "..."]
    wrong: Float[Array, "..."]


class Fleet:
    """The states of a model for some runs; `decide` advances those that ask.

    **Arguments:**

    - `model`: an orchestrator with one gap, the star for example.
    - `params`: its parameters, each one number or one for each run; N and N_e are whole numbers, N the same for all.
    - `runs`: how many; run r has the noise of trajectory r of `key`, as everywhere in the library.
    - `epsilon`: length of a decision in steps.
    - `measured`: whether context and progress are those of the run. Else they are the model's own, and the run only
      tells which executor is right.

    **Raises:** `AgentError` for another model, executors that are no whole number, rates too high for `epsilon`.
    """

    def __init__(
        self,
        model: AbstractGapOrchestrator,
        params: Any,
        runs: int,
        key: Array,
        *,
        epsilon: float = 1.0,
        measured: bool = False,
    ):
        if not isinstance(model, AbstractGapOrchestrator):
            raise AgentError(f"{type(model).__name__} does not choose by one gap, so it cannot be run; take the star.")
        check_rates(params, epsilon)
        self.agents = check_executors(params)
        dtype = jnp.result_type(float)
        each = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (runs,)), cast(params, dtype))
        self.model, self.params, self.measured = model, each, measured
        self.rivals = np.round(np.asarray(ctx.rivals(each))).astype(int)
        self.reasoning = np.asarray(each.reasoning_tokens, float)
        self._streams = stream(key, NOISE_STREAM), stream(key, _WRONG_STREAM)
        self._epsilon = jnp.asarray(epsilon, dtype)
        self._state = jax.vmap(model.initial_state)(each)
        self._number = np.zeros(runs, np.uint32)

    def decide(self, situations: list[Situation]) -> list[Decision]:
        """Return the decision of each run that asks, and advance it; at most one question a run."""
        runs = np.array([one.run for one in situations])
        live = np.zeros(len(self._number), bool)
        live[runs] = True
        seen = np.zeros((2, len(live)), self._epsilon.dtype)
        seen[:, runs] = [[one.context for one in situations], [one.progress for one in situations]]
        lanes = jnp.asarray(live), jnp.asarray(self._number), jnp.asarray(seen)
        self._state, made = _advance(
            self.model, self.params, self._streams, self._epsilon, jnp.asarray(self.measured), self._state, *lanes
        )
        self._number = self._number + live.astype(np.uint32)
        columns = [np.asarray(column)[runs].tolist() for column in made]
        return [Decision(*row) for row in zip(*columns, strict=True)]


@eqx.filter_jit
def _advance(
    model: Any,
    params: Any,
    streams: tuple[Stream, Stream],
    epsilon: Any,
    measured: Bool[Array, ""],
    state: Any,
    live: Bool[Array, " runs"],
    number: UInt32[Array, " runs"],
    seen: Float[Array, "2 runs"],
) -> tuple[Any, Decision]:
    def one(each: Any, state: Any, live: Any, number: Any, lane: Any, context: Any, progress: Any) -> Any:
        # The load that the model sees is the whole measured context.
        dynamic = context - each.system_tokens - each.n_agents * each.roster_tokens
        seen = OrchestratorState(state.focus, progress, dynamic)
        state = jax.tree.map(lambda new, old: jnp.where(measured, new, old), seen, state)
        after, made = _decided(model, each, streams, epsilon, state, lane, number)
        return jax.tree.map(lambda new, old: jnp.where(live, new, old), after, state), made

    lanes = jnp.arange(live.shape[0], dtype=jnp.uint32)
    return jax.vmap(one)(params, state, live, number, lanes, seen[0], seen[1])


def _decided(
    model: Any, params: Any, streams: tuple[Stream, Stream], epsilon: Any, state: Any, lane: Any, number: Any
) -> tuple[Any, Decision]:
    draws = draw(streams[0], lane, number, len(AgentDraws._fields), epsilon.dtype)
    choice = model.choice(state.focus, params)
    after, made = dispatch(model, params, epsilon, state, AgentDraws(*draws.normals[: len(AgentDraws._fields)]))
    word, _ = threefry(streams[1], lane, number)
    other = jnp.ceil(uniform(word, epsilon.dtype) * jnp.round(ctx.rivals(params))).astype(jnp.int32)
    return after, Decision(
        shift=jnp.where(made.right, jnp.int32(0), other),
        context=ctx.load(params, state.context) * (params.effective_fraction * params.context_window),
        tokens=made.tokens,
        right=choice.right,
        wrong=choice.wrong,
    )
