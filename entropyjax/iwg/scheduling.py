"""The scheduling vector of an orchestrator that answers in words: from log-probabilities, from draws, or from one plan.

An executor's name is spelled by several tokens, and names share their first ones. The log-probabilities of a reply show
one path through the tree of what could have been written, and at each of its nodes the likeliest turns:

    P(name) = sum over spellings of prod_k P(token_k | tokens before it)

is exact along the paths that were drawn. A turn that leaves them counts for the one name that it begins; where it
begins several, or the endpoint did not list it, its probability is `missing`.
"""

import collections
import dataclasses
import math
import re
from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float

from entropyjax.iwg.chat import Reply

Tree = dict[str, dict[str, float]]
"""For each text that was seen to be begun with, what may follow it, with its probability."""

_ASTRAY = "\0"
"""A beginning that no name has."""


@dataclasses.dataclass(frozen=True, eq=False)
class Scheduling:
    """Probabilities of executors at one decision.

    **Attributes:**

    - `names`: the executors.
    - `source`: "log-probabilities"; "draws", shares of several plans; "parallel", one plan whose executors share the
      probability; or "nothing", where no executor is named.
    - `probability`: of each executor, renormalised over them; NaN where the source is "nothing".
    - `valid_mass`: probability that fell on executors at all, before it was renormalised.
    - `missing`: bound on what may be any executor's beside its share of that, as the endpoint did not tell it; 0 unless
      the source is log-probabilities.
    """

    names: tuple[str, ...]
    source: str
    probability: Float[np.ndarray, " executors"]
    valid_mass: float
    missing: float = 0.0


def scheduling_vector(
    replies: Reply | Sequence[Reply],
    names: Sequence[str],
    before: str = "",
    dispatched: Sequence[Sequence[str]] | None = None,
) -> Scheduling:
    """Return the scheduling vector behind the replies to one prompt, from the best source that they offer.

    Log-probabilities come first, averaged over replies whose words before the name differ; then, with several replies,
    the share of plans that dispatch an executor; then the executors that the one plan dispatches in parallel. Draws go
    before log-probabilities whose `missing` exceeds their `valid_mass`, as grammars make them.

    **Arguments:**

    - `replies`: one plan, or several that were drawn with the same prompt.
    - `names`: the executors.
    - `before`: text right before a name in a plan, such as '"executor": "'; by default a name may stand anywhere.
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
    source = "draws" if len(replies) > 1 else "parallel"
    shares = _shares(dispatched)
    # Where nobody is named, what is missing is all that is known.
    return _scheduling(names, source, shares, 0.0 if any(shares.get(name) for name in names) else missing)


def named(text: str, names: Iterable[str], before: str = "") -> tuple[str, ...]:
    """Return the executors that a text names as whole words, each once, in its order."""
    return tuple(dict.fromkeys(found[1] for found in _occurrences(text, names, before)))


def _occurrences(text: str, names: Iterable[str], before: str) -> Iterable[re.Match[str]]:
    # The longest first: "web search" is no "web".
    spelled = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    begin = re.escape(before) if before else r"(?<![\w-])"
    return re.finditer(rf"{begin}({spelled})(?![\w-])", text)


def _scheduling(names: tuple[str, ...], source: str, mass: dict[str, float], missing: float) -> Scheduling:
    found = np.array([mass.get(name, 0.0) for name in names])
    valid = float(found.sum())
    if valid == 0.0:
        return Scheduling(names, "nothing", np.full(len(names), np.nan), 0.0, missing)
    return Scheduling(names, source, found / valid, min(valid, 1.0), missing)


def _shares(dispatched: Sequence[Sequence[str]]) -> dict[str, float]:
    """Return the share of each name, where plans count alike and the names of a plan too."""
    shares: dict[str, float] = collections.defaultdict(float)
    for plan in dispatched:
        for name in set(plan):
            shares[name] += 1.0 / len(set(plan)) / len(dispatched)
    return shares


def _from_log_probabilities(
    replies: Sequence[Reply], names: tuple[str, ...], before: str
) -> tuple[dict[str, float], float]:
    """Return the probability of each name and what is missing, as a mean over the replies that tell."""
    trees: dict[str, Tree] = {}
    count: collections.Counter[str] = collections.Counter()
    silent = 0
    for reply in replies:
        spelling = _spelling(reply)
        start = _start(reply.text, names, before)
        if spelling is None:
            continue
        if start is None:
            silent += 1
            continue
        preamble = reply.text[:start]
        count[preamble] += 1
        _grow(trees.setdefault(preamble, {}), names, reply, *spelling, start)
    mass: dict[str, float] = collections.defaultdict(float)
    missing = 0.0
    for preamble, tree in trees.items():
        weight = count[preamble] / (count.total() + silent)
        found, lost = _fall(tree, names)
        for name, value in found.items():
            mass[name] += weight * value
        missing += weight * lost
    return mass, min(missing, 1.0)


def _start(text: str, names: Iterable[str], before: str) -> int | None:
    """Return where a plan's first name stands, or would have to stand."""
    found = next(iter(_occurrences(text, names, before)), None)
    if found is not None:
        return found.start(1)
    if not before:
        return _word(text, 0)
    place = text.find(before)
    return None if place < 0 else _word(text, place + len(before))


def _word(text: str, place: int) -> int:
    """Return where the first word from a place on begins."""
    return len(text) - len(text[place:].lstrip())


def _spelling(reply: Reply) -> tuple[list[str], int] | None:
    """Return the tokens that were drawn, and how many characters of them come before the text; `None` if unknown."""
    if not reply.logprobs:
        return None
    first = [alternatives[0][0] if alternatives else "" for alternatives in reply.logprobs]
    text = reply.text.strip()
    # Reasoning may come before the text, and blanks may have been taken away.
    place = "".join(first).find(text)
    if place >= 0:
        return first, place - (len(reply.text) - len(reply.text.lstrip()))
    # Where the drawn token does not come first, it is the one that the text goes on with.
    drawn, at = [], 0
    for alternatives in reply.logprobs:
        token = next((token for token, _ in alternatives if token and reply.text.startswith(token, at)), None)
        if token is None:
            break
        drawn.append(token)
        at += len(token)
    return (drawn, 0) if at == len(reply.text) else None


def _grow(tree: Tree, names: tuple[str, ...], reply: Reply, drawn: Sequence[str], offset: int, start: int) -> None:
    """Add to a tree what a reply shows of it: the turns at each token of the name that starts at `start`."""
    assert reply.logprobs is not None
    ends = np.cumsum([len(token) for token in drawn])
    first = int(np.searchsorted(ends, start + offset, side="right"))
    if first == len(drawn):
        return
    # What of the first token belongs to the words before the name.
    lead = drawn[first][: start + offset - int(ends[first]) + len(drawn[first])]
    begun = ""
    for token, alternatives in zip(drawn[first:], reply.logprobs[first:], strict=False):
        node = tree.setdefault(begun, {})
        known = set(node)
        for text, value in alternatives:
            tail = text if begun else _tail(text, lead)
            if tail not in known:
                node[tail] = node.get(tail, 0.0) + math.exp(value)
        begun += token if begun else _tail(token, lead)
        if not any(name.startswith(begun) for name in names):
            return
    if reply.finish == "stop":
        tree.setdefault(begun, {"": 1.0})


def _tail(token: str, lead: str) -> str:
    """Return what follows the lead in another first token: "" if a name may yet follow, `_ASTRAY` if none can."""
    if not lead.strip():
        return token.lstrip()
    if token.startswith(lead):
        return token[len(lead) :]
    return "" if lead.startswith(token) else _ASTRAY


def _fall(tree: Tree, names: tuple[str, ...]) -> tuple[dict[str, float], float]:
    """Let the probability 1 fall through the tree; return what reaches each name, and what may reach any."""
    mass, missing = dict.fromkeys(names, 0.0), 0.0
    open_ = [("", 1.0)]
    while open_:
        begun, weight = open_.pop()
        ended, possible = _ended(begun, names), [name for name in names if name.startswith(begun)]
        if ended is not None and not possible:
            mass[ended] += weight
        elif begun in tree and (possible or ended is not None):
            turns = tree[begun]
            missing += weight * max(1.0 - sum(turns.values()), 0.0)
            for text, probability in turns.items():
                if text:
                    open_.append((begun + text, weight * probability))
                elif begun in mass:
                    mass[begun] += weight * probability
                elif not begun:
                    missing += weight * probability
        elif len(possible) == 1 and ended is None:
            mass[possible[0]] += weight
        elif possible or ended is not None:
            missing += weight
    return mass, missing


def _ended(text: str, names: Iterable[str]) -> str | None:
    """Return the longest name that a text begins with and goes on after."""
    ended = [name for name in names if text.startswith(name) and re.match(r"[^\w-]", text[len(name) :])]
    return max(ended, key=len, default=None)
