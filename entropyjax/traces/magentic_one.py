"""Histories of Magentic-One teams, as the benchmark Who&When has them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from entropyjax.traces.documents import json_documents
from entropyjax.traces.fields import fields, flag, listed, named, whole
from entropyjax.traces.heads import first_fields
from entropyjax.traces.problems import Problems
from entropyjax.traces.read import AbstractFormat, register
from entropyjax.traces.runs import RunRecord, StepRecord

_DELEGATION = re.compile(r"Orchestrator \(-> (.+)\)")
_THOUGHT = "Orchestrator (thought)"
_CHARACTERS = 4.0
"""Characters in a token, roughly: right in shape and wrong in size."""


@register("magentic_one")
class MagenticOne(AbstractFormat):
    """One object a run, with a `history` of messages whose `role` is "Orchestrator (-> EXECUTOR)" where it delegates.

    The shape is that of the folder `Who&When/Hand-Crafted` in mingyin1/Agents_Failure_Attribution: `question_ID`,
    `history` of `role` and `content`, `is_corrected` or `is_correct`, and `mistake_step`, a place in the history from
    0. A dispatch is a delegation, and the marked failure is the last one up to that place. Nothing counts tokens
    there: those in context are the characters of the messages before over four, those of a step are all up to the
    next delegation, and the reasoning is the orchestrator's thoughts among these.
    """

    title: ClassVar[str] = "histories of Magentic-One teams (Who&When)"
    suffixes: ClassVar[tuple[str, ...]] = (".json", ".jsonl")

    @classmethod
    def sniff(cls, head: str) -> bool:
        return "history" in first_fields(head) and '"Orchestrator (' in head

    @classmethod
    def read(cls, path: Path, problems: Problems) -> Iterator[RunRecord]:
        for line, item in json_documents(path, problems):
            try:
                yield _run(item)
            except (KeyError, TypeError, ValueError) as error:
                missing = f"{error} is missing" if isinstance(error, KeyError) else error
                problems.skip(path, line, f"this is no history: {missing}.")


def _run(item: dict[str, Any]) -> RunRecord:
    task = named(item["question_ID"], "question_ID")
    steps: list[StepRecord] = []
    places: list[int] = []
    size = 0.0
    for place, message in enumerate(listed(item["history"], "history")):
        role = str(fields(message, f"message {place}").get("role"))
        found = _DELEGATION.fullmatch(role)
        if found:
            steps.append(StepRecord(found[1], len(steps), len(steps), context=size, tokens=0.0, reasoning=0.0))
            places.append(place)
        added = len(str(message.get("content") or "")) / _CHARACTERS
        size += added
        if steps:
            one = steps[-1]
            thought = added if role == _THOUGHT else 0.0
            steps[-1] = one._replace(tokens=(one.tokens or 0.0) + added, reasoning=(one.reasoning or 0.0) + thought)
    mistake = item.get("mistake_step")
    mistake = whole(int(mistake) if isinstance(mistake, str) and mistake else mistake or None, "mistake_step")
    before = [number for number, place in enumerate(places) if mistake is not None and place <= mistake]
    return RunRecord(
        run_id=task,
        task=task,
        system="magentic_one",
        orchestrator="unnamed",
        steps=steps,
        success=flag(item.get("is_corrected", item.get("is_correct")), "is_corrected"),
        failure_step=before[-1] if before else None,
    )
