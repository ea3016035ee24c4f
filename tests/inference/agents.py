"""Simulated orchestrators whose entropies, histories and tasks are known exactly."""

from typing import NamedTuple

import numpy as np

from entropyjax.records import TraceSet


class Truth(NamedTuple):
    """Exact values at each step: of the decision, over repeats of a task, over tasks."""

    decision: np.ndarray
    decision_share: np.ndarray
    within: np.ndarray
    task_share: np.ndarray
    pooled: np.ndarray
    pooled_share: np.ndarray


def trace(dispatches, task, agents, **columns):
    """Return rows of dispatches, -1 behind the end of a run, as a set of runs of one system."""
    dispatches, task = np.asarray(dispatches), np.asarray(task, np.int32)
    lengths = (dispatches >= 0).sum(axis=1)
    steps = int(lengths.sum())
    place = np.arange(steps) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    runs, zeros, unknown = len(task), np.zeros(len(task), np.int32), np.full(steps, np.nan)
    return TraceSet(
        **{
            "agents": tuple(f"agent {k}" for k in range(agents)),
            "tasks": tuple(f"task {k}" for k in range(task.max(initial=0) + 1)),
            "systems": ("simulated",),
            "orchestrators": ("none",),
            "rosters": np.ones((1, agents), bool),
            "run_id": np.array([f"run {k}" for k in range(runs)], dtype=object),
            "task": task,
            "system": zeros,
            "orchestrator": zeros,
            "roster": zeros,
            "trial": zeros,
            "success": zeros,
            "failure_step": zeros - 1,
            "offsets": np.concatenate([[0], np.cumsum(lengths)]),
            "step": place,
            "turn": place,
            "agent": dispatches[dispatches >= 0],
            "error": np.zeros(steps, np.int8),
            "context": unknown,
            "tokens": unknown,
            "reasoning": unknown,
        }
        | columns
    )


def kernels(right, agents, rivals):
    """Return P[step, shift, last, next]: the right executor with probability q_t, its `rivals` neighbours else.

    The right one depends on the dispatch before and on the task's shift, so that runs of a task that part stay apart.
    """
    last, shift = np.arange(agents)[:, None], np.arange(agents)
    out = np.zeros((len(right), agents, agents, agents))
    for t, q in enumerate(right):
        goal = (3 * last + shift + t) % agents
        for rank in range(rivals + 1):
            np.add.at(out[t], (shift[None, :], last, (goal + rank) % agents), (1.0 - q) / rivals if rank else q)
    return out


def simulate(rng, tasks, runs, right, *, agents=15, rivals=3, stop=0.06):
    """Return runs that start with executor 0, as a protocol may force, and end at random with no regard to choices."""
    kernel = kernels(right, agents, rivals)
    shift = np.repeat(rng.integers(0, agents, tasks), runs)
    rows = np.full((tasks * runs, len(right) + 1), -1)
    rows[:, 0] = 0
    going = np.ones(len(rows), bool)
    for t in range(len(right)):
        p = kernel[t, shift, np.maximum(rows[:, t], 0)]
        drawn = (rng.random(len(rows))[:, None] > np.cumsum(p, axis=1)[:, :-1]).sum(axis=1)
        rows[going, t + 1] = drawn[going]
        going &= rng.random(len(rows)) > stop
    return trace(rows, np.repeat(np.arange(tasks), runs), agents)


def truth(right, *, agents=15, rivals=3):
    """Return the exact values at the steps behind the forced one, over tasks with every shift alike."""
    kernel, right = kernels(right, agents, rivals), np.asarray(right)
    at = np.zeros((agents, agents))
    at[:, 0] = 1.0
    marginals = []
    for step in kernel:
        at = np.einsum("sl,sln->sn", at, step)
        marginals.append(at)
    each, all_tasks = np.array(marginals), np.array(marginals).mean(axis=1)
    other = (1.0 - right) / rivals
    return Truth(
        decision=-right * np.log(right) - rivals * other * np.log(other),
        decision_share=right**2 + rivals * other**2,
        within=entropy(each).mean(axis=1),
        task_share=(each**2).sum(axis=-1).mean(axis=1),
        pooled=entropy(all_tasks),
        pooled_share=(all_tasks**2).sum(axis=-1),
    )


def entropy(p):
    return -np.sum(np.where(p > 0.0, p * np.log(np.where(p > 0.0, p, 1.0)), 0.0), axis=-1)
