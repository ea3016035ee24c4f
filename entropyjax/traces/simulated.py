"""Logs of simulated runs: what agents did, as a reader of their logs would see it."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from entropyjax.agents import AgentError, check_executors, check_rates
from entropyjax.models import context as ctx
from entropyjax.models.gap import AbstractGapOrchestrator
from entropyjax.params import cast
from entropyjax.records import UNKNOWN, TraceSet
from entropyjax.solve.events import Criteria
from entropyjax.traces.dispatching import Dispatches, Streams, dispatched, streams


def simulated_traces(
    model: AbstractGapOrchestrator,
    params: Any,
    *,
    runs: int,
    tasks: int,
    steps: int,
    key: Array,
    epsilon: float = 1.0,
    criteria: Criteria = Criteria(),
    log_probabilities: bool = False,
) -> TraceSet:
    """Simulate agents and return their logs.

    A task has a right executor at each step, drawn once for all of its runs. A wrong dispatch takes one of the
    N_e - 1 = phi_s (N - 1) executors that can be confused with it, the next ones in the order of the roster, with
    equal chances. A run ends when s >= 1 - s_tol, and has succeeded, or after `steps` without success. The context is
    tau_sys + N tau_d + c before the dispatch, the tokens are what the step added, an error is a wrong dispatch.

    **Arguments:**

    - `model`: an orchestrator with one gap, the star for example.
    - `params`: its parameters, each one number or one for each task; N and N_e are whole numbers, N the same for all.
    - `runs`: runs of each task; `tasks`: tasks; `steps`: the most dispatches of a run.
    - `key`: a JAX key. Run r of task k has the noise of trajectory k `runs` + r.
    - `epsilon`: length of a dispatch in steps, 1 for a real orchestrator.
    - `criteria`: its `progress_tolerance` is s_tol.
    - `log_probabilities`: keep the scheduling vector itself, which real logs seldom have.

    **Raises:** `AgentError` for another model, executors that are no whole number, or rates too high for `epsilon`.
    """
    agents = _check(model, params, runs, tasks, steps, epsilon)
    dtype = jnp.result_type(float)
    lanes = jnp.arange(runs * tasks, dtype=jnp.uint32)
    task = lanes // jnp.uint32(runs)
    each = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (tasks,))[task], cast(params, dtype))
    sizes = jnp.asarray(epsilon, dtype), 1.0 - jnp.asarray(criteria.progress_tolerance, dtype)
    found, success = jax.tree.map(np.asarray, _simulate(model, each, streams(key), *sizes, steps, lanes, task))
    if not np.isfinite(found.context).all():
        raise AgentError("A simulated context is not finite; lower the token counts or the noise.")
    table = _log_probabilities(found, np.asarray(ctx.rivals(each)), agents) if log_probabilities else None
    return _traces(found, success, runs, tasks, agents, type(model).__name__, table)


def _traces(
    found: Any, success: np.ndarray, runs: int, tasks: int, agents: int, model: str, table: np.ndarray | None
) -> TraceSet:
    """Return the steps at which runs were alive as columns."""
    alive = found.alive
    place = np.broadcast_to(np.arange(alive.shape[1], dtype=np.int32), alive.shape)[alive]
    zeros = np.zeros(runs * tasks, np.int32)
    numbers = np.arange(runs * tasks, dtype=np.int32)
    return TraceSet(
        agents=tuple(f"executor_{k}" for k in range(agents)),
        tasks=tuple(f"task_{k}" for k in range(tasks)),
        systems=("simulated",),
        orchestrators=(model,),
        rosters=np.ones((1, agents), bool),
        run_id=np.array([f"task_{k}_run_{r}" for k in range(tasks) for r in range(runs)], dtype=object),
        task=numbers // runs,
        system=zeros,
        orchestrator=zeros,
        roster=zeros,
        trial=numbers % runs,
        success=success.astype(np.int8),
        failure_step=np.full(runs * tasks, UNKNOWN, np.int32),
        offsets=np.concatenate([[0], np.cumsum(alive.sum(axis=1))]).astype(np.int64),
        step=place,
        turn=place,
        agent=found.agent[alive],
        error=(~found.right[alive]).astype(np.int8),
        context=found.context[alive].astype(float),
        tokens=found.tokens[alive].astype(float),
        reasoning=np.full(len(place), np.nan),
        log_probability=table,
    )


@eqx.filter_jit
def _simulate(
    model: Any, params: Any, keys: Streams, epsilon: Any, done: Any, steps: int, lanes: Any, tasks: Any
) -> Any:
    def one(each: Any, lane: Any, task: Any) -> Any:
        return dispatched(model, each, keys, epsilon, done, steps, lane, task)

    return jax.vmap(one)(params, lanes, tasks)


def _check(model: Any, params: Any, runs: int, tasks: int, steps: int, epsilon: float) -> int:
    """Return N."""
    if not isinstance(model, AbstractGapOrchestrator):
        raise AgentError(f"{type(model).__name__} does not choose by one gap, so its runs have no log; take the star.")
    if min(runs, tasks, steps) < 1:
        raise AgentError(f"{runs} runs of {tasks} tasks with {steps} steps are none; take at least one of each.")
    shapes = {np.shape(leaf) for leaf in jax.tree.leaves(params)} - {(), (tasks,)}
    if shapes:
        raise AgentError(
            f"A parameter has the shape {shapes.pop()}; give one number, or one for each of {tasks} tasks."
        )
    check_rates(params, epsilon)
    return check_executors(params)


def _log_probabilities(found: Dispatches, rivals: np.ndarray, agents: int) -> np.ndarray:
    """Return ln p over the roster at each step; minus infinity for executors that cannot be confused."""
    alive = found.alive
    right, wrong = (each[alive].astype(float) for each in found.probability)
    others = np.broadcast_to(rivals[:, None], alive.shape)[alive]
    shift = (np.arange(agents) - found.gold[alive][:, None]) % agents
    with np.errstate(divide="ignore"):
        other = np.where(shift <= np.round(others)[:, None], np.log(wrong / others)[:, None], -np.inf)
        return np.where(shift == 0, np.log(right)[:, None], other)
