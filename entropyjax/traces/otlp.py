"""Spans of OpenTelemetry in OTLP JSON, with the attributes of its conventions for generative AI."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from entropyjax.traces.documents import json_documents
from entropyjax.traces.fields import count, fields, flag, listed, named, whole
from entropyjax.traces.gather import Gathered
from entropyjax.traces.genai import kind_of, said
from entropyjax.traces.heads import first_fields
from entropyjax.traces.problems import Problems
from entropyjax.traces.read import AbstractFormat, register
from entropyjax.traces.runs import RunRecord
from entropyjax.traces.spans import Kind, Span


@register("otlp")
class Otlp(AbstractFormat):
    """OTLP JSON: one document, or one a line, as the file exporter of the OpenTelemetry collector writes them.

    A run is a conversation, or a trace where no span names one; its spans may lie on any lines of one file. Its
    orchestrator is the agent of the earliest agent span without a caller that called anything (`Tree.orchestrator`). A
    dispatch is a span `invoke_agent` or `execute_tool` whose caller, the nearest agent or tool above it, is a span of
    the orchestrator: what executors call themselves is no dispatch. A tool that called one agent is named by the agent.
    `Tree.steps` says what is context and what is tokens.

    An error is a span with the status ERROR. No convention has the task, its repeat and the success: they are the
    attributes `entropyjax.task`, `entropyjax.trial` and `entropyjax.success` of any span; without a task a run is a
    task of its own.
    """

    title: ClassVar[str] = "OpenTelemetry spans of generative AI, OTLP JSON"
    suffixes: ClassVar[tuple[str, ...]] = (".jsonl", ".json")

    @classmethod
    def sniff(cls, head: str) -> bool:
        return not first_fields(head).isdisjoint(_DOCUMENTS)

    @classmethod
    def read(cls, path: Path, problems: Problems) -> Iterator[RunRecord]:
        found = Gathered()
        for line, document in json_documents(path, problems):
            try:
                _document(path, line, document, problems, found)
            except (KeyError, TypeError, ValueError, OverflowError) as error:
                problems.skip(path, line, f"this is no OTLP document: {error}.")
        yield from found.runs()


_DOCUMENTS = ("resourceSpans", "resourceMetrics", "resourceLogs")


def _document(path: Path, line: int, document: Any, problems: Problems, found: Gathered) -> None:
    if "resourceSpans" not in document and any(name in document for name in _DOCUMENTS):
        return
    number = 0
    for resource in listed(document.get("resourceSpans"), "resourceSpans"):
        system = _attributes(fields(resource, "a resource").get("resource")).get("service.name")
        # Before 2022 a scope was an instrumentation library.
        scopes = resource.get("scopeSpans", resource.get("instrumentationLibrarySpans", []))
        for scope in listed(scopes, "scopeSpans"):
            for one in listed(fields(scope, "a scope").get("spans", []), "spans"):
                problems.count()
                try:
                    _span(one, system, found)
                except (KeyError, TypeError, ValueError, OverflowError) as error:
                    missing = f"{error} is missing" if isinstance(error, KeyError) else error
                    problems.skip(path, line, f"span {number} cannot be read: {missing}.")
                number += 1


def _span(one: Any, system: Any, found: Gathered) -> None:
    trace = named(fields(one, "the span")["traceId"], "traceId")
    has = _attributes(one)
    kind, start, parent = kind_of(has), int(one["startTimeUnixNano"]), one.get("parentSpanId")
    model = said(has, "model")
    span = Span(
        key=(trace, named(one["spanId"], "spanId")),
        parent=(trace, str(parent)) if parent else None,
        kind=kind,
        name=_name(one, kind, has),
        start=start,
        end=int(one.get("endTimeUnixNano") or start),
        input=count(said(has, "input"), "the number of input tokens"),
        output=count(said(has, "output"), "the number of output tokens"),
        reasoning=count(said(has, "reasoning"), "the number of reasoning tokens"),
        error=fields(one.get("status") or {}, "status").get("code") in (2, "STATUS_CODE_ERROR"),
        compacted=bool(flag(said(has, "compacted"), "compacted")),
        model=None if model is None else str(model),
    )
    words = {
        "system": system,
        "conversation": said(has, "conversation"),
        "task": said(has, "task"),
        "trial": whole(said(has, "trial"), "entropyjax.trial"),
        "success": flag(said(has, "success"), "entropyjax.success"),
    }
    found.add(span)
    found.hear(trace, start, words)


def _name(one: dict[str, Any], kind: Kind, has: Mapping[str, Any]) -> str:
    """Return the name of an agent or a tool; the span's own name, "invoke_agent NAME", stands in for the attribute."""
    if kind not in (Kind.AGENT, Kind.WORKFLOW, Kind.TOOL):
        return ""
    label = said(has, "tool" if kind is Kind.TOOL else "agent")
    if label is None:
        label = str(one.get("name") or "").removeprefix(f"{said(has, 'operation')} ")
    return named(label, "its name")


def _attributes(owner: Any) -> dict[str, Any]:
    """Return the attributes that hold one value; int64 stands as text in OTLP JSON."""
    out: dict[str, Any] = {}
    for one in listed(fields(owner or {}, "a resource").get("attributes") or [], "attributes"):
        value = fields(fields(one, "an attribute").get("value") or {}, "the value of an attribute")
        if "intValue" in value:
            out[str(one.get("key"))] = int(value["intValue"])
        else:
            out[str(one.get("key"))] = next((value[kind] for kind in _PLAIN if kind in value), None)
    return out


_PLAIN = ("stringValue", "boolValue", "doubleValue")
