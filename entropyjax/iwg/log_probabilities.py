"""The scheduling vector out of the log-probabilities of a reply's tokens."""

import math
import re
from collections.abc import Sequence

from entropyjax.iwg.chat import Reply
from entropyjax.iwg.trajectory import Scheduling

_END = '"'
_EXECUTOR = re.compile(r'"executor"\s*:\s*"')

Alternatives = Sequence[Sequence[tuple[str, float]]]


def from_log_probabilities(reply: Reply, roster: Sequence[str], start: int | None = None) -> Scheduling | None:
    """Return the probabilities of executors' names at the place where a reply names the first one.

    Token by token along the name that was taken, every alternative is a branch to the names that go on with it: its
    probability, times that of the tokens before, goes to them in equal shares, as what follows it is not known. What
    goes to no name is invalid; the rest, the valid mass, is normalised. Alternatives that an endpoint leaves out are
    invalid too, so that the valid mass is a lower bound.

    **Arguments:** `start`: where in the text the name begins; by default behind `"executor": "`.

    **Returns:** `None` if the reply has no log-probabilities, names no executor, or no name got any probability.
    """
    if reply.logprobs is None:
        return None
    if start is None:
        found = _EXECUTOR.search(reply.text)
        if found is None:
            return None
        start = found.end()
    taken = _aligned(reply.text, reply.logprobs)
    if taken is None:
        return None
    mass = _masses(reply.text, reply.logprobs, taken, roster, start)
    valid = math.fsum(mass.values())
    if valid <= 0.0:
        return None
    shares = {name: value / valid for name, value in mass.items() if value > 0.0}
    return Scheduling("log_probabilities", shares, min(valid, 1.0))


def _masses(
    text: str, tokens: Alternatives, taken: list[tuple[int, int]], roster: Sequence[str], start: int
) -> dict[str, float]:
    mass, typed, path = dict.fromkeys(roster, 0.0), "", 1.0
    for alternatives, (offset, chosen) in zip(tokens, taken, strict=True):
        if offset + len(alternatives[chosen][0]) <= start:
            continue
        # The first token may begin before the name.
        head = text[offset:start]
        for place, (token, log_probability) in enumerate(alternatives):
            if place == chosen or not token.startswith(head):
                continue
            _share(mass, _going_on(roster, typed + token[len(head) :]), path * math.exp(log_probability))
        token, log_probability = alternatives[chosen]
        typed, path = typed + token[len(head) :], path * math.exp(log_probability)
        names = _going_on(roster, typed)
        if len(names) <= 1:
            _share(mass, names, path)
            return mass
    _share(mass, _going_on(roster, typed), path)
    return mass


def _share(mass: dict[str, float], names: list[str], probability: float) -> None:
    for name in names:
        mass[name] += probability / len(names)


def _going_on(roster: Sequence[str], typed: str) -> list[str]:
    """Return the names that go on with what is typed, or end in it; none if nothing is typed yet of any name."""
    return [name for name in roster if typed and (name.startswith(typed) or typed.startswith(name + _END))]


def _aligned(text: str, tokens: Alternatives) -> list[tuple[int, int]] | None:
    """Return the offset of each token and which alternative was taken there, so that together they make the text."""
    ways: list[dict[int, tuple[int, int]]] = []
    reached = [0]
    for alternatives in tokens:
        step: dict[int, tuple[int, int]] = {}
        for offset in reached:
            for place, (token, _) in enumerate(alternatives):
                if token and text.startswith(token, offset):
                    step.setdefault(offset + len(token), (offset, place))
        ways.append(step)
        reached = list(step)
    offset, out = len(text), []
    for step in reversed(ways):
        if offset not in step:
            return None
        out.append(step[offset])
        offset = out[-1][0]
    return out[::-1] if offset == 0 else None
