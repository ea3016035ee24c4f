"""The tree of what a model could have written at a place, as far as its log-probabilities show it.

A name is spelled by several tokens, and names share their first ones. A reply shows one path through the tree, and at
each of its nodes the likeliest turns:

    P(name) = sum over spellings of prod_k P(token_k | tokens before it)

is exact along the paths that were drawn. A turn that leaves them counts for the one name that it begins; where it
begins several, or the endpoint did not list it, its probability is missing.
"""

import math
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from entropyjax.iwg.chat import Reply

Tree = dict[str, dict[str, float]]
"""For each text that was seen to be begun with, what may follow it, with its probability."""

_ASTRAY = "\0"
"""A beginning that no name has."""


class Spelling(NamedTuple):
    """The tokens that a reply was drawn as.

    **Attributes:** `tokens`: their texts; `offset`: how many characters of them come before the reply's text.
    """

    tokens: Sequence[str]
    offset: int


def spelling(reply: Reply) -> Spelling | None:
    """Return how a reply was spelled, `None` if its log-probabilities do not tell."""
    if not reply.logprobs:
        return None
    first = [alternatives[0][0] if alternatives else "" for alternatives in reply.logprobs]
    text = reply.text.strip()
    whole = "".join(first)
    # Reasoning may come before the text, and blanks may have been taken away.
    place = 0 if whole.startswith(text) else whole.rfind(text)
    if place >= 0:
        return Spelling(first, place - (len(reply.text) - len(reply.text.lstrip())))
    # Where the drawn token does not come first, it is the one that the text goes on with.
    drawn, at = [], 0
    for alternatives in reply.logprobs:
        token = next((token for token, _ in alternatives if token and reply.text.startswith(token, at)), None)
        if token is None:
            break
        drawn.append(token)
        at += len(token)
    return Spelling(drawn, 0) if at == len(reply.text) else None


def grow(tree: Tree, names: Iterable[str], reply: Reply, spelled: Spelling, start: int) -> None:
    """Add to a tree the turns that a reply shows at each token of the name that starts at `start` in its text."""
    assert reply.logprobs is not None
    drawn, start = spelled.tokens, start + spelled.offset
    ends = np.cumsum([len(token) for token in drawn])
    first = int(np.searchsorted(ends, start, side="right"))
    if first == len(drawn):
        return
    # What of the first token belongs to the words before the name.
    lead = drawn[first][: len(drawn[first]) - (int(ends[first]) - start)]
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


def fall(tree: Tree, names: Sequence[str]) -> tuple[dict[str, float], float]:
    """Let the probability 1 fall through a tree; return what reaches each name, and what may reach any."""
    mass, missing = dict.fromkeys(names, 0.0), 0.0
    falling = [("", 1.0)]
    while falling:
        begun, weight = falling.pop()
        ended, possible = _ended(begun, names), [name for name in names if name.startswith(begun)]
        if ended is not None and not possible:
            mass[ended] += weight
        elif begun in tree and (possible or ended is not None):
            turns = tree[begun]
            missing += weight * max(1.0 - sum(turns.values()), 0.0)
            for text, probability in turns.items():
                if text:
                    falling.append((begun + text, weight * probability))
                elif begun in mass:
                    # The text ends here.
                    mass[begun] += weight * probability
                elif not begun:
                    missing += weight * probability
        elif begun and len(possible) == 1 and ended is None:
            mass[possible[0]] += weight
        elif possible or ended is not None:
            missing += weight
    return mass, missing


def _ended(text: str, names: Iterable[str]) -> str | None:
    """Return the longest name that a text begins with and goes on after."""
    ended = [name for name in names if text.startswith(name) and re.match(r"[^\w-]", text[len(name) :])]
    return max(ended, key=len, default=None)
