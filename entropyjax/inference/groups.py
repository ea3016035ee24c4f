"""Which recorded runs are compared at a step: those of one task, or those that share their past as well."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from entropyjax.records import TraceSet

_FORCED = 0.95


class Groups(NamedTuple):
    """Groups of two runs or more at one step.

    **Attributes:** `counts`: what they dispatched; `run`: a run of the group; `categories`: executors on its roster.
    """

    counts: Float[np.ndarray, "groups agents"]
    step: Int[np.ndarray, " groups"]
    run: Int[np.ndarray, " groups"]
    categories: Int[np.ndarray, " groups"]

    @property
    def size(self) -> Float[np.ndarray, " groups"]:
        """Runs of each group."""
        return self.counts.sum(axis=1)

    @property
    def pairs(self) -> Float[np.ndarray, " groups"]:
        """Pairs of runs of each group."""
        return 0.5 * self.size * (self.size - 1.0)

    @property
    def agreeing(self) -> Float[np.ndarray, " groups"]:
        """Pairs of runs that dispatched the same executor."""
        return 0.5 * (self.counts * (self.counts - 1.0)).sum(axis=1)


def conditions(traces: TraceSet) -> Int[np.ndarray, " runs"]:
    """Return a number for each run that is the same for repeats: one task, system, orchestrator and roster."""
    columns = np.stack([traces.task, traces.system, traces.orchestrator, traces.roster])
    return np.unique(columns, axis=1, return_inverse=True)[1].reshape(-1)


def histories(traces: TraceSet) -> Int[np.ndarray, "runs steps"]:
    """Return a number for each run and step that is the same for repeats whose earlier dispatches agree.

    Where a dispatch is not known nobody shares the past behind it.
    """
    dispatches = traces.dispatches()
    runs, steps = dispatches.shape
    out = np.empty((runs, steps), np.int64)
    now = conditions(traces).astype(np.int64)
    for step in range(steps):
        out[:, step] = now
        agent = dispatches[:, step].astype(np.int64)
        alone = len(traces.agents) * (now.max(initial=0) + 1) + np.arange(runs)
        code = np.where(agent >= 0, now * len(traces.agents) + agent, alone)
        now = np.unique(code, return_inverse=True)[1].reshape(-1)
    return out


def groups(traces: TraceSet, code: Int[np.ndarray, "runs steps"]) -> Groups:
    """Return the groups of runs with the same `code` at a step, of those whose dispatch there is known."""
    dispatches, width = traces.dispatches(), len(traces.agents)
    run, step = np.nonzero(dispatches >= 0)
    key = np.stack([step, code[run, step]])
    _, first, number = np.unique(key, axis=1, return_index=True, return_inverse=True)
    cells = number.reshape(-1) * width + dispatches[run, step]
    counts = np.bincount(cells, minlength=len(first) * width).reshape(-1, width).astype(float)
    kept = counts.sum(axis=1) > 1
    run, step = run[first][kept], step[first][kept]
    return Groups(counts[kept], step, run, traces.rosters.sum(axis=1)[traces.roster[run]])


def first_free_step(shared: Groups) -> int:
    """Return the first step at which fewer than 95% of the pairs that share their past agree, else the first with any.

    Protocols often force the first dispatch; agreement there says nothing of a task.
    """
    steps = int(shared.step.max(initial=0)) + 1
    pairs = np.bincount(shared.step, shared.pairs, steps)
    agreeing = np.bincount(shared.step, shared.agreeing, steps)
    for free in (agreeing < _FORCED * pairs, agreeing < pairs):
        if free.any():
            return int(np.argmax(free))
    return 0


def gauges(traces: TraceSet, shared: Groups, free: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the agreement of the task's other runs at step `free`, summed over the pairs of each group, and the pairs.

    For a pair i, j it is the share that agrees among those pairs of *other* runs of the task that share their past at
    `free`. With A agreeing pairs of R there in all, it leaves A - (m_i - 1) - (m_j - 1) + [i and j agree] of
    R - 2 (m - 1) + 1, where m_i runs of i's group of m chose as i did. Before `free`, and where nobody is left, no pair
    counts.
    """
    code, dispatches = histories(traces), traces.dispatches()
    if dispatches.shape[1] <= free:
        return np.zeros(len(shared.step)), np.zeros(len(shared.step))
    there = dispatches[:, free] >= 0
    past = np.where(there, code[:, free], -1)
    # Of each run: its group at `free`, and those of it that chose alike.
    of_group = _sizes(past)
    alike = _sizes(np.where(there, past * len(traces.agents) + dispatches[:, free], -1))
    condition = conditions(traces)
    total = np.bincount(condition, np.where(there, 0.5 * (of_group - 1.0), 0.0))[condition]
    agreeing = np.bincount(condition, np.where(there, 0.5 * (alike - 1.0), 0.0))[condition]
    run, pairs = shared.run, shared.pairs
    left = total[run] - 2.0 * of_group[run] + 3.0
    later = pairs * (agreeing[run] - 2.0 * alike[run] + 3.0)
    squares = (shared.counts**2).sum(axis=1)
    now = pairs * (agreeing[run] + 2.0) - (shared.size - 1.0) * squares + shared.agreeing
    counted = (shared.step >= free) & (left > 0.0)
    sums = np.where(shared.step == free, now, later) / np.where(counted, left, 1.0)
    return np.where(counted, sums, 0.0), np.where(counted, pairs, 0.0)


def _sizes(code: np.ndarray) -> np.ndarray:
    """Return how many have the same code as each."""
    _, number, count = np.unique(code, return_inverse=True, return_counts=True)
    return count[number.reshape(-1)].astype(float)
