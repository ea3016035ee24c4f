"""The dispatches of one simulated run, step by step."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, UInt32

from entropyjax.agents import AgentDraws, dispatch
from entropyjax.models import context as ctx
from entropyjax.models.gap import AbstractGapOrchestrator
from entropyjax.solve.lane import NOISE_STREAM
from entropyjax.solve.noise import Stream, draw, stream, threefry, uniform


class Streams(NamedTuple):
    """Streams of a key: of the dynamics, of the right executor of each task and step, and of which wrong one it is."""

    noise: Stream
    gold: Stream
    wrong: Stream


def streams(key: Array) -> Streams:
    """Return the streams of a key; the dynamics' is that of the solver."""
    return Streams(*(stream(key, NOISE_STREAM + number) for number in range(len(Streams._fields))))


class Dispatches(NamedTuple):
    """What happens at each step of a run; `alive` where its task was not resolved before."""

    alive: Bool[Array, " steps"]
    agent: Int[Array, " steps"]
    right: Bool[Array, " steps"]
    gold: Int[Array, " steps"]
    context: Float[Array, " steps"]
    tokens: Float[Array, " steps"]
    probability: tuple[Float[Array, " steps"], Float[Array, " steps"]]
    """Of the right executor, and of all others together."""


def dispatched(
    model: AbstractGapOrchestrator,
    params: Any,
    streams: Streams,
    epsilon: Float[Array, ""],
    done: Float[Array, ""],
    steps: int,
    lane: UInt32[Array, ""],
    task: UInt32[Array, ""],
) -> tuple[Dispatches, Bool[Array, ""]]:
    """Return the steps of one run and whether it succeeded: whether s >= `done` at its end.

    **Arguments:** `lane`: global index of the trajectory; `task`: number of its task.
    """
    agents = jnp.round(params.n_agents)
    rivals = jnp.round(ctx.rivals(params))
    window = params.effective_fraction * params.context_window

    def step(state: Any, number: UInt32[Array, ""]) -> tuple[Any, Dispatches]:
        draws = draw(streams.noise, lane, number, len(AgentDraws._fields), epsilon.dtype)
        choice = model.choice(state.focus, params)
        after, made = dispatch(model, params, epsilon, state, AgentDraws(*draws.normals[: len(AgentDraws._fields)]))
        gold = _one_of(agents, streams.gold, task, number)
        shift = jnp.where(made.right, jnp.int32(0), jnp.int32(1) + _one_of(rivals, streams.wrong, lane, number))
        return after, Dispatches(
            alive=state.progress < done,
            agent=(gold + shift) % agents.astype(jnp.int32),
            right=made.right,
            gold=gold,
            # The load is the whole context over this part of the window.
            context=ctx.load(params, state.context) * window,
            tokens=made.tokens,
            probability=(choice.right, choice.wrong),
        )

    final, found = jax.lax.scan(step, model.initial_state(params), jnp.arange(steps, dtype=jnp.uint32))
    return found, final.progress >= done


def _one_of(
    count: Float[Array, ""], source: Stream, first: UInt32[Array, ""], second: UInt32[Array, ""]
) -> Int[Array, ""]:
    """Return one of 0, ..., `count` - 1 with equal chances; the numbers drawn lie in (0, 1]."""
    word, _ = threefry(source, first, second)
    return jnp.ceil(uniform(word, count.dtype) * count).astype(jnp.int32) - jnp.int32(1)
