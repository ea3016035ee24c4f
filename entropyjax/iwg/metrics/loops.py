"""Loops: the same dispatches over and over, with nothing reached between them."""

from collections.abc import Sequence
from typing import TypeVar

from entropyjax.iwg.trajectory import Trajectory

T = TypeVar("T")

LONGEST = 4
"""Dispatches of the longest block that is looked for."""

TIMES = 4
"""How often in a row a block must come. The longest gold recovery asks the same executor three times."""


def loops(run: Trajectory) -> bool:
    """Return whether a run loops: a block of at most four dispatches comes four times in a row, and reaches nothing.

    Dispatches are the same if executor and request are. An answer that reaches a checkpoint ends a loop.
    """
    made: list[tuple[str, str]] = []
    for turn in run.turns:
        for step in turn.steps:
            if step.observation.outcome == "reached":
                made = []
            else:
                made.append((step.dispatch.executor, step.dispatch.query))
                if repeats(made):
                    return True
    return False


def repeats(items: Sequence[T], longest: int = LONGEST, times: int = TIMES) -> bool:
    """Return whether a sequence ends in a block of at most `longest` items that comes `times` times in a row."""
    for size in range(1, longest + 1):
        tail = items[-size * times :]
        if len(tail) == size * times and all(tail[k] == tail[k - size] for k in range(size, len(tail))):
            return True
    return False
