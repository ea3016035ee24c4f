"""Runs of LangSmith, as its SDK writes them and its API gives them."""

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

KINDS: Mapping[str, Kind] = {"tool": Kind.TOOL, "llm": Kind.CHAT}
"""Chains, retrievers, prompts and parsers are no choice of the orchestrator's, so they are passed over."""

THREADS = ("session_id", "thread_id", "conversation_id")
"""Names that the metadata has for a conversation."""

_PER_MS = 1e-3


@register("langsmith")
class LangSmith(AbstractFormat):
    """Runs of LangSmith: one a line, a list, or in the lists `runs`, or `post` and `patch`, of a document.

    The shapes are those of `Run` in `python/langsmith/schemas.py`, of `python/bench/data/run_ops_*.jsonl` and of
    `js/src/tests/test_data/*.json` in langchain-ai/langsmith-sdk, and of the export of `query_traces.py` in
    langchain-ai/langchain-skills, which says `run_id` for `id` and `token_usage` for the tokens. Records of one `id`
    are one run of LangSmith: its begin and its end. `child_runs` are read too.

    A run is a thread (`session_id`, `thread_id` or `conversation_id` in the metadata of a trace's root), or a trace
    that names none. A dispatch is a run of the type "tool" that no other tool made; chains are passed over, so in a
    graph of several agents that hand the conversation on, whoever has the turn is the orchestrator. `Tree.steps` says
    what is context and what is tokens, from the usage of the runs of the type "llm".

    The task is the dataset's example (`reference_example_id`). `task`, `trial` and `success` in the root's metadata
    count before it; without any of it a run is a task of its own.
    """

    title: ClassVar[str] = "runs of LangSmith"
    suffixes: ClassVar[tuple[str, ...]] = (".jsonl", ".json")

    @classmethod
    def sniff(cls, head: str) -> bool:
        found = first_fields(head)
        inside = not found.isdisjoint(("runs", "post", "patch")) and '"run_type"' in head
        # The type may stand behind inputs that are longer than the head.
        begun = found >= {"name", "start_time", "inputs"}
        return not found.isdisjoint(("run_type", "dotted_order")) or begun or inside

    @classmethod
    def read(cls, path: Path, problems: Problems) -> Iterator[RunRecord]:
        seen: dict[str, tuple[int, dict[str, Any]]] = {}
        for line, document in json_documents(path, problems):
            try:
                for number, item in enumerate(_items(document)):
                    if number:  # the first stands for the document, which is counted already
                        problems.count()
                    _item(item, path, line, problems, seen)
            except TypeError as error:
                problems.skip(path, line, f"this cannot be read: {error}.")
        found = Gathered()
        for key, (line, has) in seen.items():
            try:
                _gather(key, has, found)
            except (KeyError, TypeError) as error:
                missing = f"{error} is missing" if isinstance(error, KeyError) else error
                problems.skip(path, line, f"the run {key} cannot be read: {missing}.")
        yield from found.runs()


def _items(document: dict[str, Any]) -> Iterator[Any]:
    """Yield the runs of a document, and the runs inside of those, which know their parent by that."""
    inside = [one for name in ("runs", "post", "patch") for one in listed(document.get(name) or [], name)]
    waiting = inside[::-1] or [document]
    while waiting:
        item = waiting.pop()
        yield item
        if isinstance(item, dict):
            above = {"parent_run_id": item.get("id"), "trace_id": item.get("trace_id") or item.get("id")}
            children = listed(item.get("child_runs") or [], "child_runs")
            waiting += [_below(above, one) for one in reversed(children)]


def _below(above: Mapping[str, Any], item: Any) -> Any:
    """Return a run inside another one, with what it does not say itself."""
    return {**item, **{k: v for k, v in above.items() if item.get(k) is None}} if isinstance(item, dict) else item


def _item(item: Any, path: Path, line: int, problems: Problems, seen: dict[str, tuple[int, dict[str, Any]]]) -> None:
    """Add what a record says to what is known of its run."""
    try:
        has = fields(item, "the run")
        key = named(has.get("id") or has.get("run_id"), "id")
        said = {name: value for name, value in _said(has).items() if value is not None}
    except (TypeError, ValueError, OverflowError) as error:
        problems.skip(path, line, f"this run cannot be read: {error}.")
        return
    first, known = seen.get(key, (line, {}))
    seen[key] = first, known | said


def _said(item: dict[str, Any]) -> dict[str, Any]:
    """Return what is needed of a record, without its texts."""
    extra = fields(item.get("extra") or {}, "extra")
    about = fields(extra.get("metadata") or item.get("custom_metadata") or {}, "metadata")
    chosen = fields(extra.get("invocation_params") or {}, "invocation_params")
    given, made, thought = _tokens(item, about)
    # What runs inside say there is the application's own.
    own = {} if item.get("parent_run_id") else about
    return {
        "trace": item.get("trace_id"),
        "parent": item.get("parent_run_id"),
        "run_type": item.get("run_type"),
        "name": item.get("name"),
        "start_time": _time(item.get("start_time"), "start_time"),
        "end": _time(item.get("end_time"), "end_time"),
        # An end without an error says nothing: the other record may have it.
        "error": True if item.get("error") or item.get("status") == "error" else None,
        "input": given,
        "output": made,
        "reasoning": thought,
        "model": about.get("ls_model_name") or chosen.get("model") or chosen.get("model_name"),
        "system": item.get("session_name"),
        "conversation": next((about[name] for name in THREADS if about.get(name)), None),
        "task": item.get("reference_example_id") if own.get("task") is None else own["task"],
        "trial": whole(own.get("trial"), "trial"),
        "success": flag(own.get("success"), "success"),
    }


def _tokens(item: dict[str, Any], about: Mapping[str, Any]) -> tuple[float | None, float | None, float | None]:
    """Return the tokens of the input, the output and the reasoning; a chat without input has no count of it."""
    out = item.get("outputs")
    places = (
        _inside(out, "usage_metadata"),
        _inside(out, "generations", 0, 0, "message", "kwargs", "usage_metadata"),
        item.get("usage_metadata"),
        about.get("usage_metadata"),
        item.get("token_usage"),
        _inside(out, "llm_output", "token_usage"),
        _inside(out, "usage"),
        {name: item.get(name) for name in ("prompt_tokens", "completion_tokens", "completion_token_details")},
    )
    usage = next((place for place in places if isinstance(place, dict) and any(place.values())), {})
    kinds = ("output_token_details", "completion_tokens_details", "output_tokens_details", "completion_token_details")
    details = fields(next((usage[name] for name in kinds if usage.get(name)), {}), "the details of the tokens")
    return (
        count(usage.get("input_tokens", usage.get("prompt_tokens")), "the number of input tokens") or None,
        count(usage.get("output_tokens", usage.get("completion_tokens")), "the number of output tokens"),
        count(details.get("reasoning", details.get("reasoning_tokens")), "the number of reasoning tokens"),
    )


def _inside(value: Any, *path: str | int) -> Any:
    """Return what stands at a path, or `None`: outputs have whatever shape the application likes."""
    try:
        for part in path:
            value = value[part]
    except (KeyError, IndexError, TypeError):
        return None
    return value


def _time(value: Any, name: str) -> float | None:
    """Return seconds since 1970; the SDK of JavaScript counts milliseconds."""
    if value is None or isinstance(value, str):
        return None if value is None else moment(value, name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} is {value!r}, and a time was expected")
    return value * _PER_MS


def _gather(key: str, has: dict[str, Any], found: Gathered) -> None:
    start, trace = has["start_time"], str(has.get("trace", key))
    kind = KINDS.get(str(has["run_type"]), Kind.OTHER)
    parent = (trace, str(has["parent"])) if has.get("parent") else None
    tokens = (has.get("input"), has.get("output"), has.get("reasoning"))
    name = named(has["name"], "name") if kind is Kind.TOOL else ""
    model = str(has["model"]) if "model" in has else None
    end = max(start, has.get("end", start))
    found.add(Span((trace, key), parent, kind, name, start, end, *tokens, has.get("error", False), model=model))
    if parent is None:
        words = {word: has.get(word) for word in ("conversation", "task", "trial", "success")}
        found.hear(trace, start, words | {"system": has.get("system", has.get("name"))})
