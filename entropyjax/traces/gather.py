"""Spans of many traces, gathered to runs: what formats of spans with agents share."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from entropyjax.traces.runs import RunRecord
from entropyjax.traces.spans import Key, Span, Tree


class _Trace(NamedTuple):
    """What the spans of a trace say of its run: each is the earliest span's that says it, with that span's start."""

    said: dict[str, tuple[float, Any]]
    spans: dict[Key, Span]


class Gathered:
    """Traces by their names, which become runs: a run is a conversation, or a trace that belongs to none."""

    def __init__(self) -> None:
        self._traces: dict[str, _Trace] = {}

    def add(self, span: Span) -> None:
        """Add a span to its trace."""
        self._trace(span.key[0]).spans[span.key] = span

    def hear(self, trace: str, start: float, words: Mapping[str, Any]) -> None:
        """Note what a span that began at `start` says of its run; `None` is nothing.

        Words are `conversation`, `system`, `task`, `trial` and `success`.
        """
        _hear(self._trace(trace).said, {name: (start, value) for name, value in words.items() if value is not None})

    def runs(self) -> Iterator[RunRecord]:
        """Yield the runs in which anything was called."""
        conversations: dict[str, list[_Trace]] = {}
        for name, found in self._traces.items():
            conversations.setdefault(str(found.said.get("conversation", (0, name))[1]), []).append(found)
        for name, members in conversations.items():
            run = _run(name, members)
            if run is not None:
                yield run

    def _trace(self, name: str) -> _Trace:
        return self._traces.setdefault(name, _Trace({}, {}))


def _hear(known: dict[str, tuple[float, Any]], words: Mapping[str, tuple[float, Any]]) -> None:
    """Keep what was said first."""
    known |= {name: word for name, word in words.items() if name not in known or word[0] < known[name][0]}


def _run(name: str, members: list[_Trace]) -> RunRecord | None:
    tree = Tree(span for one in members for span in one.spans.values())
    if not tree.called:
        return None
    _, orchestrator = tree.orchestrator()
    models = [chat.model for chat in tree.chats(orchestrator) if chat.model]
    words: dict[str, tuple[float, Any]] = {}
    for one in members:
        _hear(words, one.said)
    has = {word: value for word, (_, value) in words.items()}
    return RunRecord(
        run_id=name,
        task=str(has.get("task", name)),
        system=str(has.get("system", "unnamed")),
        orchestrator=models[0] if models else "unnamed",
        steps=tree.steps(orchestrator),
        trial=has.get("trial"),
        success=has.get("success"),
    )
