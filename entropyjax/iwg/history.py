"""What lies in the orchestrator's context, and what policies keep of it when it grows."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from entropyjax.iwg.tokens import Counter

_MARGIN = 0.5
_RECENT = 2


class Entry(NamedTuple):
    """A piece of the context: what it says, its tokens, and a summary that may take its place."""

    text: str
    tokens: int
    summary: str = ""


History = tuple[Entry, ...]

Policy = Callable[[History, float, Counter], History]
"""Called as policy(history, room, counter): what is kept when `room` tokens are there for it."""


def size(history: History) -> int:
    """Return the tokens of a history."""
    return sum(one.tokens for one in history)


def keep(history: History, room: float, counter: Counter) -> History:
    """Keep everything; the run ends when the context is full."""
    del room, counter
    return history


def truncate(history: History, room: float, counter: Counter) -> History:
    """Drop the oldest entries until the others fit."""
    del counter
    left, first = float(size(history)), 0
    while left > room and first < len(history):
        left -= history[first].tokens
        first += 1
    return history[first:]


def compact(history: History, room: float, counter: Counter) -> History:
    """Put the summaries of all but the last two entries in their place, once more than half of the room is taken."""
    if size(history) <= _MARGIN * room:
        return history
    old, new = history[:-_RECENT], history[-_RECENT:]
    short = tuple(
        one if one.text == one.summary else Entry(one.summary, counter(one.summary), one.summary) for one in old
    )
    return truncate((*short, *new), room, counter)


POLICIES: Mapping[str, Policy] = {"keep": keep, "truncate": truncate, "compact": compact}
"""Policies by name."""
