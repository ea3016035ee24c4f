"""Traces of the OpenAI Agents SDK, as its `export()` gives them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from entropyjax.traces.documents import json_documents
from entropyjax.traces.fields import count, fields, flag, listed, moment, named, whole
from entropyjax.traces.problems import Problems
from entropyjax.traces.read import AbstractFormat, register
from entropyjax.traces.runs import RunRecord
from entropyjax.traces.spans import Key, Kind, Span, Tree

KINDS: Mapping[str, Kind] = {
    "function": Kind.TOOL,
    "handoff": Kind.TOOL,
    "generation": Kind.CHAT,
    "response": Kind.CHAT,
}
"""Agents hold the turn and are not called, so they are passed over, as all other types of spans are."""


class _Group(NamedTuple):
    """The traces of one conversation, its spans, and the tools and handoffs that each agent has."""

    traces: list[dict[str, Any]]
    spans: dict[Key, Span]
    offers: dict[Key, list[str]]


@register("openai_agents")
class OpenAIAgents(AbstractFormat):
    """Objects `trace` and `trace.span`: one a line, or in the list `data` (or `spans`) of a document, or a list.

    The shapes are those of `src/agents/tracing/{traces,spans,span_data}.py` in openai/openai-agents-python. A run is a
    group (`group_id`), or a trace that has none. In the SDK agents hand the turn on with the conversation, so whoever
    has the turn is the orchestrator: a dispatch is a handoff, to `to_agent`, or a function call, unless a function made
    it; an agent that runs as a tool is dispatched by the name of its function, and what it calls itself is no
    dispatch. The roster is the tools and handoffs of the agents that had the turn. `Tree.steps` says what is context
    and what is tokens, from the `usage` of the last generation or response.

    `metadata` of the trace may hold `task`, `trial` and `success`; without a task a run is a task of its own.
    """

    title: ClassVar[str] = "traces of the OpenAI Agents SDK"
    suffixes: ClassVar[tuple[str, ...]] = (".jsonl", ".json")

    @classmethod
    def sniff(cls, head: str) -> bool:
        start = "".join(head[:4096].split())
        return start.startswith(("{", "[")) and '"object":"trace' in start

    @classmethod
    def read(cls, path: Path, problems: Problems) -> Iterator[RunRecord]:
        traces: dict[str, dict[str, Any]] = {}
        spans: dict[Key, tuple[Span, list[str]]] = {}
        for line, document in json_documents(path, problems):
            for number, item in _items(document):
                if number is not None:
                    problems.count()
                try:
                    _item(item, traces, spans)
                except (KeyError, TypeError, ValueError, OverflowError) as error:
                    missing = f"{error} is missing" if isinstance(error, KeyError) else error
                    where = "this" if number is None else f"item {number}"
                    problems.skip(path, line, f"{where} cannot be read: {missing}.")
        groups: dict[str, _Group] = {}
        for trace, found in traces.items():
            groups.setdefault(str(found.get("group_id") or trace), _Group([], {}, {})).traces.append(found)
        for key, (span, offers) in spans.items():
            name = str(traces.get(key[0], {}).get("group_id") or key[0])
            group = groups.setdefault(name, _Group([], {}, {}))
            group.spans[key], group.offers[key] = span, offers
        yield from (_run(name, group) for name, group in groups.items() if group.spans)


def _items(document: dict[str, Any]) -> Iterator[tuple[int | None, Any]]:
    """Yield the items of a document with their number, or the document as the one item that it is."""
    inside = next((document[name] for name in ("data", "spans") if isinstance(document.get(name), list)), None)
    if "object" in document or inside is None:
        yield None, document
    if inside is not None:
        yield from enumerate(inside)


def _item(item: Any, traces: dict[str, dict[str, Any]], spans: dict[Key, tuple[Span, list[str]]]) -> None:
    what = fields(item, "the item").get("object")
    if what == "trace":
        has = fields(item.get("metadata") or {}, "metadata")
        whole(has.get("trial"), "trial")
        flag(has.get("success"), "success")
        traces[named(item["id"], "id")] = item
    elif what == "trace.span":
        span = _span(item)
        data = item["span_data"]
        offers = [one for name in ("tools", "handoffs") for one in listed(data.get(name) or [], name)]
        offers = offers if data.get("type") == "agent" else []
        spans[span.key] = (span, [named(one, "a tool or handoff") for one in offers])
    else:
        raise TypeError(f"object is {what!r}, and 'trace' or 'trace.span' was expected")


def _span(item: dict[str, Any]) -> Span:
    data = fields(item["span_data"], "span_data")
    kind = KINDS.get(str(data.get("type")), Kind.OTHER)
    usage = fields(data.get("usage") or {}, "usage")
    details = fields(usage.get("output_tokens_details") or usage.get("completion_tokens_details") or {}, "details")
    trace, parent = named(item["trace_id"], "trace_id"), item.get("parent_id")
    start = moment(item["started_at"], "started_at")
    return Span(
        key=(trace, named(item["id"], "id")),
        parent=(trace, str(parent)) if parent else None,
        kind=kind,
        name=str(data.get("name") or data.get("to_agent") or ""),
        start=start,
        end=moment(item["ended_at"], "ended_at") if item.get("ended_at") else start,
        input=count(usage.get("input_tokens", usage.get("prompt_tokens")), "input_tokens"),
        output=count(usage.get("output_tokens", usage.get("completion_tokens")), "output_tokens"),
        reasoning=count(details.get("reasoning_tokens"), "reasoning_tokens"),
        error=bool(item.get("error")),
        model=str(data["model"]) if data.get("model") else None,
    )


def _run(name: str, group: _Group) -> RunRecord:
    tree = Tree(group.spans.values())
    own = (offers for key, offers in group.offers.items() if tree.callers[key] is None)
    models = [chat.model for chat in tree.chats({None}) if chat.model]
    has = {key: value for trace in reversed(group.traces) for key, value in (trace.get("metadata") or {}).items()}
    workflows = [str(trace["workflow_name"]) for trace in group.traces if trace.get("workflow_name")]
    return RunRecord(
        run_id=name,
        task=name if has.get("task") is None else str(has["task"]),
        system=workflows[0] if workflows else "unnamed",
        orchestrator=models[0] if models else "unnamed",
        steps=tree.steps({None}),
        roster=tuple(dict.fromkeys(one for offers in own for one in offers)),
        trial=has.get("trial"),
        success=has.get("success"),
    )
