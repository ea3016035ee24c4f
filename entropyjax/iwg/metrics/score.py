"""`score`: all metrics of many runs as columns."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from entropyjax.iwg.errors import WorkflowError
from entropyjax.iwg.instance import Instance
from entropyjax.iwg.metrics.bags import Embedding
from entropyjax.iwg.metrics.failures import BLAME, blame, faults, macro_f1, recoveries
from entropyjax.iwg.metrics.sequences import lcs_f1
from entropyjax.iwg.metrics.series import Series, series
from entropyjax.iwg.metrics.steps import step_success, task_success
from entropyjax.iwg.metrics.strategies import exception_handling
from entropyjax.iwg.metrics.texts import consistency, faithfulness
from entropyjax.iwg.trajectory import Trajectory


class Column(NamedTuple):
    """Unit and meaning of a metric."""

    unit: str
    doc: str


COLUMNS: Mapping[str, Column] = {
    "lcs_f1": Column("-", "F1 of the longest common subsequence with the gold executors, one a turn."),
    "task_success": Column("-", "Whether each turn reported the checkpoint in its place, and there are as many."),
    "step_success_rate": Column("-", "Share of checkpoints reported in their place."),
    "exception_handling_f1": Column("-", "Whether the first recovery is of the first gold strategy."),
    "faithfulness": Column("-", "Share of the words of the last checkpoint that the next request holds."),
    "consistency": Column("-", "Likeness of the run's text and the gold text."),
    "success": Column("-", "Whether every checkpoint was reached."),
    "reached": Column("-", "Share of checkpoints that were reached, in whatever turn."),
    "answered": Column("-", "Whether the seed's answer stands in the final answer."),
    "dispatch_lcs_f1": Column("-", "As lcs_f1, with all dispatches of parallel turns."),
    "turns": Column("turn", "Number of turns."),
    "orchestrator_faults": Column("dispatch", "Dispatches that failed by the orchestrator."),
    "executor_faults": Column("dispatch", "Dispatches that failed by an executor."),
    "tokens": Column("ktok", "Tokens that the run added to its context."),
    "reasoning": Column("ktok", "Tokens of reasoning."),
    "spent": Column("ktok", "Tokens that all calls read and wrote."),
}
"""Metrics of a run; the first six as the public code of arXiv:2606.01351 defines them."""


@dataclasses.dataclass(frozen=True, eq=False)
class Scores:
    """Metrics of runs.

    **Attributes:**

    - `columns`: a value for each run, by the names in `COLUMNS`.
    - `series`: what the runs do turn by turn.
    - `blame`: share of the failed runs that is whose failure, by the names in `BLAME`; NaN if none failed.
    - `recovery_macro_f1`: macro-averaged F1 of the strategies declared at all exceptions.
    """

    columns: Mapping[str, np.ndarray]
    series: Series
    blame: Mapping[str, float]
    recovery_macro_f1: float

    @property
    def means(self) -> dict[str, float]:
        """Mean of each column over the runs."""
        return {name: float(np.mean(values)) for name, values in self.columns.items()}


def score(instances: Sequence[Instance], runs: Sequence[Trajectory], embed: Embedding | None = None) -> Scores:
    """Return the metrics of runs.

    **Arguments:** `instances`: those that were run, in any order; `embed`: embedding of texts for Consistency, overlap
    of words without one.

    **Raises:** `WorkflowError` for a run of an instance that is not there, or no run at all.
    """
    if not runs:
        raise WorkflowError("There are no runs to score.")
    known = {one.id: one for one in instances}
    missing = next((run.instance for run in runs if run.instance not in known), None)
    if missing is not None:
        raise WorkflowError(f"A run is of the instance '{missing}', which is not among those given; add it.")
    of = [known[run.instance] for run in runs]
    found = series(runs)
    columns = _public(of, runs, embed) | _own(of, runs, found)
    failed = [one for one in map(blame, runs) if one]
    shares = {name: failed.count(name) / len(failed) if failed else float("nan") for name in BLAME}
    pairs = [pair for run, one in zip(runs, of, strict=True) for pair in recoveries(run, one)]
    return Scores({name: columns[name] for name in COLUMNS}, found, shares, macro_f1(pairs))


def _public(of: Sequence[Instance], runs: Sequence[Trajectory], embed: Embedding | None) -> dict[str, np.ndarray]:
    """Return the metrics of the public code, to which a turn is its last dispatch, and its first request."""
    gold = [one.gold_checkpoints for one in of]
    found = [
        [turn.steps[-1].reflexion.summary for turn in run.turns[: len(row)]]
        for run, row in zip(runs, gold, strict=True)
    ]
    executors = [[turn.steps[-1].dispatch.executor for turn in run.turns] for run in runs]
    queries = [[turn.steps[0].dispatch.query for turn in run.turns] for run in runs]
    said = [" ".join(f"{t.plan.thought} {t.steps[-1].observation.output}" for t in run.turns) for run in runs]
    plans = [one.exceptions[0].plan if one.exceptions and run.turns else "" for one, run in zip(of, runs, strict=True)]
    return {
        "lcs_f1": lcs_f1([one.gold_executors for one in of], executors).f1,
        "task_success": task_success(gold, found),
        "step_success_rate": step_success(gold, found),
        "exception_handling_f1": exception_handling(plans, [_first_action(run) for run in runs]),
        "faithfulness": faithfulness([[one.value for one in row] for row in gold], queries),
        "consistency": consistency([" ".join(stage.output for stage in one.stages) for one in of], said, embed),
    }


def _first_action(run: Trajectory) -> str:
    concluded = (turn.steps[-1].reflexion for turn in run.turns)
    return next((one.action for one in concluded if one.action), "")


def _own(of: Sequence[Instance], runs: Sequence[Trajectory], found: Series) -> dict[str, np.ndarray]:
    steps = [[step for turn in run.turns for step in turn.steps] for run in runs]
    reached = [sum(one.observation.outcome == "reached" for one in row) for row in steps]
    dispatched = [[one.dispatch.executor for one in row] for row in steps]
    blamed = np.array([faults(run) for run in runs], float)
    answers = [one.seed.answer.lower() in run.answer.lower() for one, run in zip(of, runs, strict=True)]
    return {
        "success": np.array([float(run.success) for run in runs]),
        "reached": np.array(reached) / np.array([len(one.marks) for one in of]),
        "answered": np.array(answers, float),
        "dispatch_lcs_f1": lcs_f1([one.gold_executors for one in of], dispatched).f1,
        "turns": np.array([len(run.turns) for run in runs], float),
        "orchestrator_faults": blamed[:, 0],
        "executor_faults": blamed[:, 1],
        "tokens": np.nansum(found.tokens, axis=1),
        "reasoning": np.nansum(found.reasoning, axis=1),
        "spent": np.array([1e-3 * sum(turn.spent for turn in run.turns) for run in runs]),
    }
