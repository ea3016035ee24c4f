"""The scheduling vector of an orchestrator that answers in words: from log-probabilities, draws, or one plan."""

import collections
import re
from collections.abc import Iterable, Sequence
from typing import Literal

from entropyjax.iwg.chat import Reply
from entropyjax.iwg.spelling import Tree, fall, grow, spelling
from entropyjax.iwg.trajectory import Scheduling

Before = str | re.Pattern[str]
"""What stands right before a name in a plan: a text or a pattern; empty where a name may stand anywhere."""


def scheduling_vector(
    replies: Reply | Sequence[Reply],
    names: Sequence[str],
    before: Before = "",
    dispatched: Sequence[Sequence[str]] | None = None,
) -> Scheduling:
    """Return the scheduling vector behind the replies to one prompt, from the best source that they offer.

    Log-probabilities come first, averaged over replies whose words before the name differ; then, with several replies,
    the share of plans that dispatch an executor; then the executors that the one plan dispatches in parallel. Draws go
    before log-probabilities whose `missing` exceeds their `valid_mass`, as grammars make them.

    Without `before` the probabilities are those at the place where a name was written, which flatters the valid mass of
    a model that often writes none.

    **Arguments:**

    - `replies`: one plan, or several that were drawn with the same prompt.
    - `names`: the executors.
    - `before`: what stands right before a name in a plan, such as '"executor": "'.
    - `dispatched`: names that each plan dispatches, by default those that are found in its text.

    **Raises:** `ValueError` if there is no reply, or two executors share a name.
    """
    replies = (replies,) if isinstance(replies, Reply) else tuple(replies)
    names = tuple(names)
    if not replies:
        raise ValueError("There is no reply to read a scheduling vector from; give at least one.")
    if len(set(names)) < len(names) or not all(name.strip() for name in names):
        raise ValueError(f"The executors are {', '.join(map(repr, names))}; each needs a name of its own.")
    mass, missing = _from_log_probabilities(replies, names, before)
    valid = sum(mass.values())
    if valid > 0.0 and (valid >= missing or len(replies) == 1):
        return _scheduling(names, "log-probabilities", mass, missing)
    if dispatched is None:
        dispatched = [named(reply.text, names, before) for reply in replies]
    found = by_dispatch(dispatched, names)
    # Where nobody is named, what is missing is all that is known.
    return Scheduling("nothing", {}, 0.0, missing) if found.source == "nothing" else found


def by_dispatch(plans: Sequence[Sequence[str]], names: Sequence[str]) -> Scheduling:
    """Return the scheduling vector of plans from the executors that each dispatches.

    Plans count alike, and so do the executors of a plan: for a single one H is ln of their number.
    """
    source = "draws" if len(plans) > 1 else "parallel"
    return _scheduling(names, source, _shares(plans), 0.0)


def named(text: str, names: Iterable[str], before: Before = "") -> tuple[str, ...]:
    """Return the executors that a text names as whole words, each once, in its order."""
    return tuple(dict.fromkeys(found[1] for found in _occurrences(text, names, before)))


def _occurrences(text: str, names: Iterable[str], before: Before) -> Iterable[re.Match[str]]:
    # The longest first: "web search" is no "web".
    spelled = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    begin = _pattern(before) if before else r"(?<![\w-])"
    return re.finditer(rf"{begin}({spelled})(?![\w-])", text)


def _pattern(before: Before) -> str:
    return re.escape(before) if isinstance(before, str) else before.pattern


def _scheduling(
    names: Iterable[str],
    source: Literal["log-probabilities", "draws", "parallel"],
    mass: dict[str, float],
    missing: float,
) -> Scheduling:
    found = {name: mass[name] for name in names if mass.get(name, 0.0) > 0.0}
    valid = sum(found.values())
    if not found:
        return Scheduling("nothing", {}, 0.0, missing)
    return Scheduling(source, {name: value / valid for name, value in found.items()}, min(valid, 1.0), missing)


def _shares(dispatched: Sequence[Sequence[str]]) -> dict[str, float]:
    """Return the share of each name, where plans count alike and the names of a plan too."""
    shares: dict[str, float] = collections.defaultdict(float)
    for plan in dispatched:
        for name in set(plan):
            shares[name] += 1.0 / len(set(plan)) / len(dispatched)
    return shares


def _from_log_probabilities(
    replies: Sequence[Reply], names: tuple[str, ...], before: Before
) -> tuple[dict[str, float], float]:
    """Return the probability of each name and what is missing, as a mean over the replies that tell."""
    trees: dict[str, Tree] = {}
    count: collections.Counter[str] = collections.Counter()
    silent = 0
    for reply in replies:
        spelled = spelling(reply)
        if spelled is None:
            continue
        start = _start(reply.text, names, before)
        if start is None:
            silent += 1
            continue
        preamble = reply.text[:start]
        count[preamble] += 1
        grow(trees.setdefault(preamble, {}), names, reply, spelled, start)
    mass: dict[str, float] = collections.defaultdict(float)
    missing = 0.0
    for preamble, tree in trees.items():
        weight = count[preamble] / (count.total() + silent)
        found, lost = fall(tree, names)
        for name, value in found.items():
            mass[name] += weight * value
        missing += weight * lost
    return mass, min(missing, 1.0)


def _start(text: str, names: Iterable[str], before: Before) -> int | None:
    """Return where a plan's first name stands, or would have to stand."""
    if before:
        place = re.search(_pattern(before), text)
        return None if place is None else _word(text, place.end())
    found = next(iter(_occurrences(text, names, before)), None)
    return _word(text, 0) if found is None else found.start(1)


def _word(text: str, place: int) -> int:
    """Return where the first word from a place on begins."""
    return len(text) - len(text[place:].lstrip())
