"""Runs of simulated orchestrators in each cell, and how they ended."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import jax
import numpy as np

import entropyjax as ej
from entropyjax import iwg
from entropyjax.iwg.metrics.series import Series
from loop.grid import CRITERIA, DEPTH, TURNS, Cell, Size, cells, truth


class Account(NamedTuple):
    """Whose account of tokens the context is, and what the instances say by it.

    `contexts`: how fits take the context, as logged or as the model expects it.
    """

    name: str
    measured: bool
    difficulty: dict[str, int]
    contexts: tuple[str, ...]


ACCOUNTS = (
    Account("The model's own account of tokens", False, {}, ("measured", "modelled")),
    Account("Tokens measured off the run", True, {"output_tokens": 1000, "error_tokens": 3000}, ("measured",)),
)


def run_cells(account: Account, size: Size, seed: int = 0) -> Iterator[tuple[Cell, list[iwg.Trajectory]]]:
    """Generate instances for each N, and yield the runs of every cell on those of its N."""
    rules = iwg.Rules(iwg.Budget(TURNS))
    made: dict[int, list[iwg.Instance]] = {}
    for number, cell in enumerate(cells(size)):
        if cell.executors not in made:
            knobs = iwg.Difficulty(executors=cell.executors, depth=DEPTH, similarity=1.0, **account.difficulty)
            made[cell.executors] = list(iwg.generate("retrieval", knobs, seed=seed, count=size.instances))
        key = jax.random.fold_in(jax.random.key(seed), number)
        found = iwg.simulate(ej.Star(), truth(cell), made[cell.executors], key, rules=rules, measured=account.measured)
        yield cell, [dataclasses.replace(one, system=cell.name) for one in found]


def entropies(run: iwg.Trajectory) -> np.ndarray:
    """Return h = H / ln N of each turn."""
    laws = [np.array(list(turn.plan.scheduling.probability.values())) for turn in run.turns]
    return np.array([-np.sum(p[p > 0] * np.log(p[p > 0])) / np.log(len(p)) for p in laws])


def outcome(run: iwg.Trajectory) -> str:
    """Return how a run ended, by the criteria of every sweep.

    Collapsed: h was below theta - hysteresis, and was theta or above at a later turn.
    """
    h = entropies(run)
    theta, low = CRITERIA.collapse_threshold, CRITERIA.collapse_threshold - CRITERIA.hysteresis
    armed = np.logical_or.accumulate(h < low)
    if (armed & (h >= theta)).any():
        return "collapsed"
    return "resolved" if run.success else "unresolved" if (h < theta).any() else "never_focused"


class Observed(NamedTuple):
    """Scores of the runs of a cell.

    **Attributes:** `runs`: how many there are; `failed`: of them were not resolved in focus; `collapsed`; `succeeded`:
    reached every checkpoint, in focus or not; `dispatches`; `entropy`: mean H in nat; `horizon`: the turn of the first
    minimum of the mean H.
    """

    runs: int
    failed: int
    collapsed: int
    succeeded: int
    dispatches: int
    entropy: float
    horizon: float

    @classmethod
    def of(cls, runs: Sequence[iwg.Trajectory]) -> "Observed":
        ends = [outcome(one) for one in runs]
        rows = np.full((len(runs), max(len(one.turns) for one in runs)), np.nan)
        for row, one in zip(rows, runs, strict=True):
            row[: len(one.turns)] = entropies(one) * np.log(len(one.roster))
        return cls(
            runs=len(ends),
            failed=len(ends) - ends.count("resolved"),
            collapsed=ends.count("collapsed"),
            succeeded=sum(one.success for one in runs),
            dispatches=sum(len(one.turns) for one in runs),
            entropy=float(np.mean(np.nanmean(rows, axis=1))),
            # Of the five series the entropy alone matters here.
            horizon=Series(rows, rows, rows, rows, rows).cognitive_horizon(),
        )
