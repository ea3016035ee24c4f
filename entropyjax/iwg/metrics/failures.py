"""Whose failures they were, and whether recoveries fit what went wrong."""

from collections.abc import Sequence

import numpy as np

from entropyjax.iwg.instance import Instance
from entropyjax.iwg.strategy import STRATEGIES, strategy_of
from entropyjax.iwg.trajectory import ORCHESTRATOR_FAULTS, Trajectory

BLAME = ("orchestrator", "executor", "budget")
"""Whose failure a failed run can be."""


def blame(run: Trajectory) -> str:
    """Return whose failure a run was, empty for a success.

    The orchestrator's if it stopped or said nothing of use; else that of the last dispatch that failed (an exception is
    the executor's); the budget's if none did.
    """
    if run.success:
        return ""
    if run.end in ("answered", "no_reply"):
        return "orchestrator"
    outcomes = [step.observation.outcome for turn in run.turns for step in turn.steps]
    failed = [one for one in outcomes if one == "exception" or one in ORCHESTRATOR_FAULTS]
    if not failed:
        return "budget"
    return "executor" if failed[-1] == "exception" else "orchestrator"


def faults(run: Trajectory) -> tuple[int, int]:
    """Return how many dispatches failed by the orchestrator, and how many by an executor."""
    outcomes = [step.observation.outcome for turn in run.turns for step in turn.steps]
    return sum(one in ORCHESTRATOR_FAULTS for one in outcomes), outcomes.count("exception")


def recoveries(run: Trajectory, instance: Instance) -> list[tuple[str, str]]:
    """Return the gold strategy of each exception that a run met, and the strategy that it declared."""
    return [
        (instance.exception[step.observation.mark].strategy, strategy_of(step.reflexion.action))
        for turn in run.turns
        for step in turn.steps
        if step.observation.outcome == "exception"
    ]


def macro_f1(pairs: Sequence[tuple[str, str]]) -> float:
    """Return the mean over strategies of F1 = 2 tp / (2 tp + fp + fn); NaN without pairs.

    The mean is over strategies that occur on either side. This is not the public code's Exception-Handling F1, which is
    the share of equal pairs at first exceptions.

    **Arguments:** `pairs`: gold and declared strategy of each exception.
    """
    place = {name: number for number, name in enumerate(STRATEGIES)}
    table = np.zeros((len(place), len(place)))
    for gold, made in pairs:
        table[place[gold], place[made]] += 1.0
    sides = table.sum(axis=0) + table.sum(axis=1)
    occur = sides > 0.0
    return float(np.mean(2.0 * np.diag(table)[occur] / sides[occur])) if occur.any() else float("nan")
