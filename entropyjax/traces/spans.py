"""From spans of agents, tools and chats to the dispatches of an orchestrator: what all formats of spans share."""

import bisect
import enum
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from entropyjax.traces.runs import StepRecord

Key = tuple[str, str]


class Kind(enum.Enum):
    """What a span is; only agents and tools can be dispatched."""

    AGENT = "agent"
    WORKFLOW = "workflow"
    TOOL = "tool"
    CHAT = "chat"
    OTHER = "other"


class Span(NamedTuple):
    """One span, named by its trace and its id; `None` is what the log does not say.

    Times have any one unit, tokens are single tokens.
    """

    key: Key
    parent: Key | None
    kind: Kind
    name: str
    start: float
    end: float
    input: float | None = None
    output: float | None = None
    reasoning: float | None = None
    error: bool | None = None
    compacted: bool = False
    model: str | None = None


_CALLERS = (Kind.AGENT, Kind.WORKFLOW, Kind.TOOL)
_NESTING = (*_CALLERS, Kind.CHAT)


class Tree:
    """The spans of one run, in order of their start, and which span called which.

    The caller of a span is its nearest ancestor that is an agent, a workflow or a tool; spans of any other kind between
    them are passed over, and a parent that is not in the log counts as none.
    """

    def __init__(self, spans: Iterable[Span]):
        self._by_key = {span.key: span for span in sorted(spans, key=lambda span: (span.start, span.end))}
        self.callers = {span.key: self._above(span, _CALLERS) for span in self._by_key.values()}
        self.chatting = {self.callers[span.key] for span in self._by_key.values() if span.kind is Kind.CHAT}
        self.called: dict[Key | None, list[Span]] = {}
        for span in self._by_key.values():
            if span.kind in _CALLERS:
                self.called.setdefault(self.callers[span.key], []).append(span)

    def _above(self, span: Span, kinds: Collection[Kind]) -> Key | None:
        """Return the nearest ancestor of one of the kinds."""
        seen = {span.key}
        above = span.parent
        while above is not None and above in self._by_key and above not in seen:
            if self._by_key[above].kind in kinds:
                return above
            seen.add(above)
            above = self._by_key[above].parent
        return None

    def orchestrator(self) -> tuple[str | None, set[Key | None]]:
        """Return the orchestrator's name and its spans.

        It is the agent, or the workflow, of the earliest span without a caller that called anything; a workflow that
        called one agent only is passed over for that agent, and so is an agent that never chats for one that does.
        Every span without a caller that has the orchestrator's name is a turn of it. Without such a span it is the
        application, which has no name and is the caller `None`.
        """
        roots = list(self._agents(None))
        first = next((root for root in roots if self.called.get(root.key)), None)
        if first is None:
            return None, {None}
        return first.name, {root.key for root in roots if root.name == first.name}

    def _agents(self, caller: Key | None) -> Iterator[Span]:
        for span in self.called.get(caller, []):
            below = self.called.get(span.key, [])
            one = len({each.name for each in below}) == 1 and any(self.called.get(each.key) for each in below)
            mute = span.key not in self.chatting and any(each.key in self.chatting for each in below)
            if (span.kind is Kind.WORKFLOW or mute) and one and below[0].kind is not Kind.TOOL:
                yield from self._agents(span.key)
            elif span.kind is not Kind.TOOL:
                yield span

    def steps(self, orchestrator: Collection[Key | None]) -> list[StepRecord]:
        """Return the dispatches by an orchestrator's spans as steps, with what its chats say about them.

        A chat leads to the dispatches inside it, and to those that begin after it has ended and before the next one
        has; they share a turn. The context of a step is the chat's input. Its tokens are the growth of the input to
        the next chat, or the chat's output where the next one is unknown, smaller or compacted. What belongs to a turn
        is shared equally among its dispatches.
        """
        dispatches = [one for caller in orchestrator for one in self.called.get(caller, [])]
        dispatches = sorted((one for one in dispatches if one.kind is not Kind.WORKFLOW), key=lambda one: one.start)
        chats = self.chats(orchestrator)
        places = {chat.key: place for place, chat in enumerate(chats)}
        ends = [chat.end for chat in chats]
        leading = [
            places.get(self._above(one, _NESTING), bisect.bisect_right(ends, one.start) - 1)  # type: ignore[arg-type]
            for one in dispatches
        ]
        sizes = Counter(leading)
        out: list[StepRecord] = []
        for number, (one, chat) in enumerate(zip(dispatches, leading, strict=True)):
            same = number > 0 and chat >= 0 and leading[number - 1] == chat
            turn = out[-1].turn + (not same) if out else 0
            known = _tokens(chats, chat, sizes[chat]) if chat >= 0 else (None, None, None)
            out.append(StepRecord(self._executor(one) or None, number, turn, *known, error=one.error))
        return out

    def chats(self, orchestrator: Collection[Key | None]) -> list[Span]:
        """Return the orchestrator's own chats in order; a chat inside a chat is the same call, seen twice."""
        own = (s for s in self._by_key.values() if s.kind is Kind.CHAT and self.callers[s.key] in orchestrator)
        return sorted((s for s in own if self._above(s, _NESTING) in orchestrator), key=lambda chat: chat.end)

    def _executor(self, span: Span) -> str:
        """Return who was dispatched, empty if unknown: a tool that called one agent stands for that agent."""
        names = {one.name for one in self.called.get(span.key, []) if one.kind is Kind.AGENT}
        return names.pop() if span.kind is Kind.TOOL and len(names) == 1 else span.name


def _tokens(chats: Sequence[Span], number: int, share: int) -> tuple[float | None, float | None, float | None]:
    """Return the context, the tokens and the reasoning of each of `share` dispatches."""
    chat = chats[number]
    after = chats[number + 1] if number + 1 < len(chats) else None
    added = chat.output
    if after is not None and not after.compacted and after.input is not None and chat.input is not None:
        added = after.input - chat.input if after.input >= chat.input else added
    tokens = None if added is None else added / share
    return chat.input, tokens, None if chat.reasoning is None else chat.reasoning / share
