"""What chat models are told, and the JSON schemas of their replies."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from entropyjax.iwg.instance import Executor

PLAN = """You direct a team. You cannot look anything up yourself: you dispatch executors and build on what they find.

Executors:
{roster}

Task: {query}

Task board:
{board}

What happened so far:
{history}

This is turn {turn} of at most {turns}. Reply with one JSON object:
{{"thought": "why", "dispatches": [{{"executor": "a name from the list", "query": "all that it needs to know",
"task": "task on the board"}}], "updates": [{{"action": "ADD or MODIFY", "task": "short id", "dependencies": []}}],
"answer": ""}}
Dispatches of one turn run in parallel. When the task is done, dispatch nobody and give the answer."""

REFLEXION = """You direct a team and judge what an executor brought.

Task: {query}

Task board:
{board}

{executor} was asked: {request}
It said:
{output}

Reply with one JSON object: {{"success": true or false, "summary": "the result in as few words as possible",
"error": "", "recovery": ""}}. After a failure, error is one of timeout, missing_information, wrong_format, tool_error,
hallucination, wrong_executor, and recovery says what to do: retry, switch to another executor, decompose, or abort."""

SCOUT = """Plan backwards from a known answer: which last step gives it, what does it need, and so on to the query.

Query: {query}
Answer: {answer}
{facts}
Executors:
{roster}

Reply with one JSON object: {{"marks": [{{"id": "m1", "description": "the step", "executor": "a name from the list",
"capability": "one of that executor's", "dependencies": ["ids of earlier marks"], "hint": "what tells that it is
done", "extension": false}}]}}. Use {steps} steps in an order in which they can be done; a step beyond the answer is an
extension.
{problem}"""

WRAPPER = """Invent what an executor finds at one step of a task, so that the step can be checked.

Query: {query}
Answer: {answer} (the last step that is no extension gives it, no earlier step may)
Steps:
{marks}
Results so far:
{results}

The step is {mark}. Reply with one JSON object: {{"prompt": "the request, with the results that it builds on",
"output": "what the executor finds, with the result in it and nothing of later steps", "value": "the result, word for
word as in the output", "failure": {{"kind": "", "output": ""}}}}. The kind of failure is empty, or one of timeout,
missing_information, wrong_format, tool_error, hallucination, with what the executor then says at first.
{problem}"""

SOLVER = """Solve a task from what its executors said, step by step.

Task: {query}
{stages}

Reply with one JSON object: {{"results": {{{ids}}}, "answer": "the answer of the task"}}, each result in as few words as
possible, word for word as it was said."""


def roster_lines(executors: Iterable[Executor]) -> str:
    """Return the roster, a line each."""
    return "\n".join(f"- {one.name} ({', '.join(one.capabilities)}): {one.description}" for one in executors)


def plan_schema(roster: Sequence[str]) -> str:
    """Return the JSON schema of a plan, which names executors of the roster only."""
    text = {"type": "string"}
    dispatch = _object({"executor": {"enum": list(roster)}, "query": text, "task": text})
    status = {"enum": ["pending", "in_progress", "completed", "failed"]}
    update = {"action": {"enum": ["ADD", "MODIFY"]}, "task": text, "dependencies": _list(text), "status": status}
    # In this order: a model decides on whom to dispatch before it writes an answer.
    plan = {"thought": text, "dispatches": _list(dispatch), "updates": _list(_object(update)), "answer": text}
    return json.dumps(_object(plan, ("thought", "dispatches", "answer")))


def reflexion_schema() -> str:
    """Return the JSON schema of a conclusion."""
    text = {"type": "string"}
    found = {"success": {"type": "boolean"}, "summary": text, "error": text, "recovery": text}
    return json.dumps(_object(found))


def _object(properties: dict[str, Any], required: Sequence[str] | None = None) -> dict[str, Any]:
    needed = list(properties if required is None else required)
    return {"type": "object", "properties": properties, "required": needed, "additionalProperties": False}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}
