"""One JSON object a run: names, ids, counts and flags, as the library's own normalised logs have them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from entropyjax.traces.fields import count, flag, listed, whole
from entropyjax.traces.heads import first_fields
from entropyjax.traces.problems import Problems
from entropyjax.traces.read import AbstractFormat, json_lines, register
from entropyjax.traces.runs import RunRecord, StepRecord


@register("normalised")
class Normalised(AbstractFormat):
    """JSON lines with `run_id`, `task_id`, `roster` and `steps`; a step has `agent`, `turn` and token counts."""

    title: ClassVar[str] = "normalised runs, one JSON object a line"
    suffixes: ClassVar[tuple[str, ...]] = (".jsonl",)

    @classmethod
    def sniff(cls, head: str) -> bool:
        found = first_fields(head)
        return head.lstrip().startswith("{") and "run_id" in found and not found.isdisjoint(("steps", "roster"))

    @classmethod
    def read(cls, path: Path, problems: Problems) -> Iterator[RunRecord]:
        for line, item in json_lines(path, problems):
            try:
                yield _run(item)
            except (KeyError, TypeError, ValueError, OverflowError) as error:
                missing = f"'{error.args[0]}' is missing" if isinstance(error, KeyError) else str(error)
                problems.skip(path, line, f"this is no run: {missing}.")


def _run(item: Mapping[str, Any]) -> RunRecord:
    steps = [_step(one, number) for number, one in enumerate(listed(item["steps"], "steps"))]
    return RunRecord(
        run_id=str(item["run_id"]),
        task=str(item["task_id"]),
        system=str(item.get("system") or item.get("source") or "unnamed"),
        orchestrator=str(item.get("orchestrator_model") or "unnamed"),
        steps=steps,
        roster=tuple(map(str, listed(item.get("roster") or [], "roster"))),
        trial=whole(item.get("trial"), "trial"),
        success=flag(item.get("success"), "success"),
        failure_step=whole(item.get("failure_step"), "failure_step"),
    )


def _step(one: Any, number: int) -> StepRecord:
    if not isinstance(one, dict):
        raise TypeError(f"step {number} is {type(one).__name__}, and an object was expected")
    agent = one.get("agent")
    if agent is not None and not isinstance(agent, str):
        raise TypeError(f"agent of step {number} is {agent!r}, and a name was expected")
    place = whole(one.get("t"), "t")
    turn = whole(one.get("turn"), "turn")
    table = one.get("log_probabilities")
    if table is not None:
        table = {str(name): float(value) for name, value in dict(table).items()}
    return StepRecord(
        agent=agent,
        step=number if place is None else place,
        turn=number if turn is None else turn,
        context=count(one.get("tokens_in_context"), "tokens_in_context"),
        tokens=count(one.get("tokens_step"), "tokens_step"),
        reasoning=count(one.get("reasoning_tokens"), "reasoning_tokens"),
        error=flag(one.get("error"), "error"),
        log_probability=table,
    )
