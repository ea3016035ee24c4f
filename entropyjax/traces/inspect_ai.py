"""Evaluation logs of Inspect, the framework of the UK AI Security Institute, as JSON."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from entropyjax.traces.documents import json_documents
from entropyjax.traces.fields import count, fields, listed, named, whole
from entropyjax.traces.heads import first_fields
from entropyjax.traces.problems import Problems
from entropyjax.traces.read import AbstractFormat, register
from entropyjax.traces.runs import RunRecord
from entropyjax.traces.spans import Kind, Span, Tree

_GRADES = {"C": True, "I": False, "N": False}
"""What scorers call correct, incorrect and no answer; a partial answer is neither."""


class _Call(NamedTuple):
    """A call of the model: its tokens, and the tools that it could choose from."""

    input: float | None
    output: float | None
    reasoning: float | None
    tools: tuple[str, ...]


@register("inspect")
class Inspect(AbstractFormat):
    """Logs of Inspect: one document an evaluation (`inspect log dump`, or the log format "json"), or one a line.

    The shape is that of `tests/analysis/test_logs/*.json` and `tests/log/test_eval_log/*.json` in
    UKGovernmentBEIS/inspect_ai. A run is an epoch of a sample: the task is the evaluation's and the sample's id, the
    trial the epoch, the system the evaluation's task, the orchestrator its model. A dispatch is a call of a tool in the
    sample's own `messages`, so what agents call inside of a tool is none. Its context is the model's usage in the
    event of the same message, all tokens less those of the output, which counts those from the cache; `Tree.steps`
    says what is tokens. An error is that of the tool's answer.

    A run succeeded if the first scorer that says so says "C" or 1, and did not if "I", "N" or 0. The roster is the
    tools that the model could choose from.
    """

    title: ClassVar[str] = "evaluation logs of Inspect"
    suffixes: ClassVar[tuple[str, ...]] = (".json", ".jsonl")

    @classmethod
    def sniff(cls, head: str) -> bool:
        return first_fields(head) >= {"version", "status", "eval"}

    @classmethod
    def read(cls, path: Path, problems: Problems) -> Iterator[RunRecord]:
        for line, document in json_documents(path, problems):
            try:
                about = fields(document["eval"], "eval")
                samples = listed(document.get("samples") or [], "samples")
            except (KeyError, TypeError) as error:
                missing = f"{error} is missing" if isinstance(error, KeyError) else error
                problems.skip(path, line, f"this is no log of Inspect: {missing}.")
                continue
            for number, sample in enumerate(samples):
                if number:  # the first stands for the document, which is counted already
                    problems.count()
                try:
                    yield _run(sample, about)
                except (KeyError, TypeError, ValueError, OverflowError) as error:
                    missing = f"{error} is missing" if isinstance(error, KeyError) else error
                    problems.skip(path, line, f"sample {number} cannot be read: {missing}.")


def _run(sample: Any, about: dict[str, Any]) -> RunRecord:
    has = fields(sample, "the sample")
    task, epoch = named(has["id"], "id"), whole(has.get("epoch"), "epoch")
    system = str(about.get("task") or "unnamed")
    calls = _calls(has.get("events"))
    spans, used = _spans(listed(has.get("messages") or [], "messages"), calls)
    where = about.get("eval_id") or about.get("run_id") or system
    return RunRecord(
        run_id=str(has.get("uuid") or f"{where}/{task}/{epoch}"),
        task=f"{system}/{task}",
        system=system,
        orchestrator=str(about.get("model") or "unnamed"),
        steps=Tree(spans).steps({None}),
        roster=tuple(dict.fromkeys(tool for call in used for tool in call.tools)),
        trial=epoch,
        success=_success(has.get("scores")),
    )


def _calls(events: Any) -> dict[str, _Call]:
    """Return the calls of the model by the id of the message that they gave, and by those of its calls of tools."""
    out: dict[str, _Call] = {}
    for event in listed(events or [], "events"):
        if fields(event, "an event").get("event") != "model":
            continue
        output = fields(event.get("output") or {}, "output of a model")
        choices = listed(output.get("choices") or [], "choices")
        message = fields(fields(choices[0], "a choice").get("message") or {}, "a message") if choices else {}
        usage = fields(output.get("usage") or {}, "usage")
        made, total = (
            count(usage.get("output_tokens"), "output_tokens"),
            count(usage.get("total_tokens"), "total_tokens"),
        )
        given = count(usage.get("input_tokens"), "input_tokens")
        # Some providers count what the cache held apart from the input.
        given = given if made is None or total is None else max(total - made, given or 0.0)
        tools = tuple(
            named(fields(one, "a tool").get("name"), "a tool") for one in listed(event.get("tools") or [], "tools")
        )
        call = _Call(given or None, made, count(usage.get("reasoning_tokens"), "reasoning_tokens"), tools)
        out |= dict.fromkeys(_names(message), call)
    return out


def _names(message: dict[str, Any]) -> list[str]:
    """Return what a message can be told by; in older logs it has no id, but its calls of tools have."""
    calls = listed(message.get("tool_calls") or [], "tool_calls")
    return [str(one["id"]) for one in (message, *(fields(call, "a call") for call in calls)) if one.get("id")]


def _spans(messages: list[Any], calls: dict[str, _Call]) -> tuple[list[Span], list[_Call]]:
    """Return the messages as chats and calls of tools, whose time is their place, and the model's calls among them."""
    found = [fields(one, f"message {place}") for place, one in enumerate(messages)]
    failed = {str(one.get("tool_call_id")) for one in found if one.get("role") == "tool" and one.get("error")}
    spans: list[Span] = []
    used: list[_Call] = []
    for place, message in enumerate(found):
        if message.get("role") != "assistant":
            continue
        call = next((calls[name] for name in _names(message) if name in calls), None)
        used += [] if call is None else [call]
        tokens = (None, None, None) if call is None else call[:3]
        spans.append(Span(("", f"chat {place}"), None, Kind.CHAT, "", place, place, *tokens))
        for number, one in enumerate(listed(message.get("tool_calls") or [], "tool_calls")):
            error = str(one.get("id")) in failed or bool(one.get("parse_error"))
            name = named(one["function"], "function")
            spans.append(Span(("", f"{place} {number}"), None, Kind.TOOL, name, place + 0.5, place + 0.5, error=error))
    return spans, used


def _success(scores: Any) -> bool | None:
    """Return whether a run succeeded by the first scorer that says so."""
    for score in fields(scores or {}, "scores").values():
        value = fields(score, "a score").get("value")
        if isinstance(value, str) and value in _GRADES:
            return _GRADES[value]
        if isinstance(value, (bool, int, float)) and value in (0, 1):
            return bool(value)
    return None
