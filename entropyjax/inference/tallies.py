"""What each task contributes to the entropies of a set of runs: sums over its runs, which a bootstrap weighs anew."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from entropyjax.entropy import chao_shen, miller_madow, nsb, plug_in
from entropyjax.inference.groups import Groups, conditions, first_free_step, gauges, groups, histories
from entropyjax.records import UNKNOWN, TraceSet

CORRECTIONS = ("plug_in", "miller_madow", "chao_shen", "nsb")
_SIZES = 64
SUMS = (
    *(f"within_{name}" for name in CORRECTIONS),
    "within_runs",
    *(f"history_{name}" for name in CORRECTIONS),
    "history_runs",
    "task_agreeing",
    "task_pairs",
    "history_agreeing",
    "history_pairs",
    "gauge_sum",
    "gauge_pairs",
    "parallel",
    "turns",
    "log_probability",
    "valid_mass",
    "known",
)
"""Sums of each task at each step, in this order; entropies weigh as many runs as they are of."""


class Tallies(NamedTuple):
    """Counts and sums of each task at each step.

    **Attributes:**

    - `agents`: dispatches by executor; `previous`: those of the step before, of runs that go on; `pairs`: of both, with
      a column for each pair that was seen at the step, and columns of zeros.
    - `sums`: in the order of `SUMS`.
    - `roster`: executors on any roster of the set; `free`: first free step; `repeats`: whether any task has repeats.
    """

    agents: Float[np.ndarray, "tasks steps agents"]
    previous: Float[np.ndarray, "tasks steps agents"]
    pairs: Float[np.ndarray, "tasks steps pairs"]
    sums: Float[np.ndarray, "tasks steps sums"]
    roster: int
    free: int
    repeats: bool

    def sum_of(self, name: str) -> Float[np.ndarray, "tasks steps"]:
        """Return one of the sums."""
        return self.sums[..., SUMS.index(name)]


def tallies(traces: TraceSet, free: int | None = None) -> Tallies:
    """Return what each task contributes; in float64.

    **Arguments:** `free`: first step at which runs of a task can differ, by default told from the runs.
    """
    dispatches = traces.dispatches()
    task = np.unique(traces.task, return_inverse=True)[1].reshape(-1)
    shape = (int(task.max(initial=-1)) + 1, max(dispatches.shape[1], 1))
    within = groups(traces, np.repeat(conditions(traces)[:, None], dispatches.shape[1], axis=1))
    shared = groups(traces, histories(traces))
    free = first_free_step(shared) if free is None else free
    sums = _of_groups("within", within) | _of_groups("history", shared)
    sums |= dict(zip(("gauge_sum", "gauge_pairs"), gauges(traces, shared, free), strict=True))
    rows = {name: within if name.startswith(("within", "task")) else shared for name in sums}
    out = np.zeros((*shape, len(SUMS)))
    for name, values in sums.items():
        np.add.at(out[..., SUMS.index(name)], (task[rows[name].run], rows[name].step), values)
    for name, (run, step, values) in (_turns(traces) | _of_probabilities(traces)).items():
        np.add.at(out[..., SUMS.index(name)], (task[run], step), values)
    run, step = np.nonzero(dispatches >= 0)
    width = len(traces.agents)
    return Tallies(
        agents=_count(shape, width, task[run], step, dispatches[run, step]),
        **_lagged(shape, width, task, dispatches),
        sums=out,
        roster=int(traces.rosters[np.unique(traces.roster)].any(axis=0).sum()),
        free=free,
        repeats=len(np.unique(conditions(traces))) < len(traces),
    )


def _count(shape: tuple[int, int], width: int, task: np.ndarray, step: np.ndarray, code: np.ndarray) -> np.ndarray:
    cells = np.ravel_multi_index((task, step, code), (*shape, width))
    return np.bincount(cells, minlength=shape[0] * shape[1] * width).reshape(*shape, width).astype(float)


def _of_groups(prefix: str, found: Groups) -> dict[str, np.ndarray]:
    """Return entropies times runs, runs and pairs of each group."""
    size = found.size
    counts = jnp.asarray(np.pad(found.counts, ((0, _rounded(len(size)) - len(size)), (0, 0))))
    values = {name: np.asarray(value)[: len(size)] for name, value in _corrected(counts).items()}
    values["nsb"] = np.zeros(len(size))
    for categories in np.unique(found.categories):
        rows = found.categories == categories
        # Only how often each count occurs matters, so that few rows are different.
        few, number = np.unique(-np.sort(-found.counts[rows], axis=1), axis=0, return_inverse=True)
        values["nsb"][rows] = nsb(few, int(categories)).mean[number.reshape(-1)]
    pairs = "task" if prefix == "within" else prefix
    out = {f"{prefix}_{name}": size * value for name, value in values.items()}
    return out | {f"{prefix}_runs": size, f"{pairs}_agreeing": found.agreeing, f"{pairs}_pairs": found.pairs}


@jax.jit
def _corrected(counts: Array) -> dict[str, Array]:
    return {e.__name__: e(counts) for e in (plug_in, miller_madow, chao_shen)}


def _rounded(size: int) -> int:
    """Return a larger size, so that sets of about the same size share what is compiled."""
    return max(_SIZES, 1 << (size - 1).bit_length())


def _lagged(shape: tuple[int, int], width: int, task: np.ndarray, dispatches: np.ndarray) -> dict[str, np.ndarray]:
    """Return counts of consecutive dispatches, each pair in a column of its own step."""
    run, step = np.nonzero((dispatches[:, 1:] >= 0) & (dispatches[:, :-1] >= 0))
    before, after = dispatches[run, step].astype(np.int64), dispatches[run, step + 1].astype(np.int64)
    seen, number = np.unique((step * width + before) * width + after, return_inverse=True)
    of_step = seen // width**2
    column = np.arange(len(seen)) - np.searchsorted(of_step, of_step)
    most = _rounded(int(column.max(initial=0)) + 1)
    return {
        "previous": _count(shape, width, task[run], step + 1, before),
        "pairs": _count(shape, most, task[run], step + 1, column[number.reshape(-1)]),
    }


_Column = tuple[np.ndarray, np.ndarray, np.ndarray]


def _turns(traces: TraceSet) -> dict[str, _Column]:
    """Return run, place among the run's turns and ln of the dispatches of each turn."""
    turn, count = np.unique(np.stack([traces.run, traces.turn]), axis=1, return_counts=True)
    place = np.arange(turn.shape[1]) - np.searchsorted(turn[0], turn[0])
    return {"parallel": (turn[0], place, np.log(count)), "turns": (turn[0], place, np.ones(len(count)))}


def _of_probabilities(traces: TraceSet) -> dict[str, _Column]:
    """Return run, step, the entropy over the roster and the probability that fell on it at all."""
    if traces.log_probability is None:
        return {}
    on_roster = traces.rosters[traces.roster[traces.run]]
    mass = np.where(on_roster & np.isfinite(traces.log_probability), np.exp(traces.log_probability), 0.0)
    total = mass.sum(axis=1)
    rows = np.flatnonzero((total > 0.0) & (traces.agent != UNKNOWN))
    # The plug-in entropy of any non-negative row is that of the row's shares.
    entropy = np.asarray(plug_in(jnp.asarray(mass[rows])))
    run, step = traces.run[rows], traces.place[rows]
    values = {"log_probability": entropy, "valid_mass": total[rows], "known": np.ones(len(rows))}
    return {name: (run, step, value) for name, value in values.items()}
