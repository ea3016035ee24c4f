"""Observations of Langfuse, as its pages, its API and its exports to storage give them."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from entropyjax.traces.documents import json_documents
from entropyjax.traces.fields import count, fields, flag, listed, moment, named, whole
from entropyjax.traces.gather import Gathered
from entropyjax.traces.heads import first_fields
from entropyjax.traces.problems import Problems
from entropyjax.traces.read import AbstractFormat, register
from entropyjax.traces.runs import RunRecord
from entropyjax.traces.spans import Kind, Span

KINDS: Mapping[str, Kind] = {"AGENT": Kind.AGENT, "TOOL": Kind.TOOL, "GENERATION": Kind.CHAT}
"""Spans, chains, retrievers and events are no choice of the orchestrator's, so they are passed over."""

_STORED: Mapping[str, str] = {
    "traceId": "trace_id",
    "parentObservationId": "parent_observation_id",
    "startTime": "start_time",
    "endTime": "end_time",
    "usageDetails": "usage_details",
    "sessionId": "session_id",
    "traceName": "trace_name",
    "model": "provided_model_name",
}
"""What exports to storage call the fields."""


@register("langfuse")
class Langfuse(AbstractFormat):
    """Observations of Langfuse: one a line, a list, or in the list `observations`, or `data`, of a document.

    The shapes are those of `packages/shared/scripts/seeder/utils/framework-traces/*.json` in langfuse/langfuse, a
    `trace` and its `observations`, which is what the button of a trace's page downloads, and of the reference of the
    export to blob storage (langfuse.com/docs), whose rows have names with underscores.

    A run is a session (`sessionId`), or a trace that belongs to none. A dispatch is an observation AGENT or TOOL that
    the orchestrator called, found by `Tree.orchestrator`; spans and chains are passed over. `Tree.steps` says what is
    context and what is tokens: the input of a generation is the sum of its `usageDetails` that begin with "input", as
    on the pages of Langfuse. An error is the level ERROR.

    `task`, `trial` and `success` are those in the metadata of the trace, or of an observation without a parent; a
    score "success" of the trace counts where they are silent. Without a task a run is a task of its own.
    """

    title: ClassVar[str] = "observations of Langfuse"
    suffixes: ClassVar[tuple[str, ...]] = (".jsonl", ".json")

    @classmethod
    def sniff(cls, head: str) -> bool:
        found = first_fields(head)
        own = not found.isdisjoint(("parentObservationId", "parent_observation_id", "traceId", "trace_id"))
        typed = "type" in found and not found.isdisjoint(("startTime", "start_time"))
        # A trace may be longer than the head, and its observations stand behind it.
        inside = not found.isdisjoint(("observations", "data")) or found == {"trace"}
        return (own and typed) or (inside and any(f'"{name}"' in head for name in ("projectId", "traceId")))

    @classmethod
    def read(cls, path: Path, problems: Problems) -> Iterator[RunRecord]:
        found = Gathered()
        for line, document in json_documents(path, problems):
            try:
                observations = _observations(document, found)
            except (TypeError, ValueError, OverflowError) as error:
                problems.skip(path, line, f"this trace cannot be read: {error}.")
                continue
            for number, one in enumerate(observations):
                if number:  # the first stands for the document, which is counted already
                    problems.count()
                try:
                    _observation(one, found)
                except (TypeError, ValueError, OverflowError) as error:
                    where = "this" if one is document else f"observation {number}"
                    problems.skip(path, line, f"{where} cannot be read: {error}.")
        yield from found.runs()


def _observations(document: dict[str, Any], found: Gathered) -> list[Any]:
    """Return the observations of a document, and note what its trace says."""
    inside = next((document[name] for name in ("observations", "data") if name in document), None)
    if inside is None:
        return [document]
    trace = document.get("trace", document if "observations" in document else None)
    if trace is not None:
        has = fields(trace, "trace")
        scores = [fields(one, "a score") for one in listed(has.get("scores") or [], "scores")]
        said = [one.get("value") for one in scores if one.get("name") == "success"]
        words = _words(has) | {"system": has.get("name"), "conversation": has.get("sessionId") or None}
        if words["success"] is None and said and said[0] in (0, 1):
            words["success"] = bool(said[0])
        # Before all that observations say.
        found.hear(named(has.get("id"), "id of the trace"), float("-inf"), words)
    return listed(inside, "the list of observations")


def _observation(one: Any, found: Gathered) -> None:
    has = fields(one, "the observation")
    trace, key = named(_of(has, "traceId"), "traceId"), named(has.get("id"), "id")
    kind = KINDS.get(str(has.get("type")).upper(), Kind.OTHER)
    parent, ended, model = (_of(has, name) for name in ("parentObservationId", "endTime", "model"))
    start = moment(_of(has, "startTime"), "startTime")
    end = max(start, moment(ended, "endTime")) if ended else start
    name = named(has.get("name"), "name") if kind in (Kind.AGENT, Kind.TOOL) else ""
    span = Span(
        key=(trace, key),
        parent=(trace, str(parent)) if parent else None,
        kind=kind,
        name=name,
        start=start,
        end=end,
        error=has.get("level") == "ERROR",
        model=str(model) if model else None,
    )
    given, made, thought = _tokens(has)
    words = {} if parent else _words(has)
    words |= {"system": _of(has, "traceName"), "conversation": _of(has, "sessionId") or None}
    found.add(span._replace(input=given, output=made, reasoning=thought))
    found.hear(trace, start, words)


def _of(has: Mapping[str, Any], name: str) -> Any:
    return has.get(name, has.get(_STORED[name]))


def _words(has: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the metadata says of a run; it may be an object or the text of one."""
    about = has.get("metadata")
    try:
        about = json.loads(about) if isinstance(about, str) else about
    except (ValueError, RecursionError):
        about = None
    about = about if isinstance(about, dict) else {}
    return {
        "task": about.get("task"),
        "trial": whole(about.get("trial"), "trial"),
        "success": flag(about.get("success"), "success"),
    }


def _tokens(has: Mapping[str, Any]) -> tuple[float | None, float | None, float | None]:
    """Return the tokens of the input, the output and the reasoning; a generation without input has no count of it."""
    usage = fields(_of(has, "usageDetails") or {}, "usageDetails")
    if not usage:
        old = fields(has.get("usage") or {}, "usage")
        old = old if old.get("unit") in (None, "TOKENS") else {}
        usage = {"input": old.get("input", old.get("promptTokens"))}
        usage |= {"output": old.get("output", old.get("completionTokens"))}
    given = _sum(value for name, value in usage.items() if name.startswith("input"))
    made = _sum(value for name, value in usage.items() if name.startswith("output"))
    return given or None, made, _sum(value for name, value in usage.items() if "reasoning" in name)


def _sum(values: Iterator[Any]) -> float | None:
    known = [one for one in (count(value, "a number of tokens") for value in values) if one is not None]
    return sum(known) if known else None
