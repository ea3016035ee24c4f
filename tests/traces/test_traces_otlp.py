"""Spans of OpenTelemetry: whose dispatches they are, what a turn is, and where the tokens come from."""

import json

import numpy as np
import pytest
from trace_samples import RUN, TRACE, agent, chat, document, names, span, tool, written

from entropyjax.records import UNKNOWN
from entropyjax.traces import Problems, read_traces


def test_dispatches_are_those_of_the_orchestrator(tmp_path):
    found = read_traces(written(tmp_path, document(*RUN)))
    # Not the tool of the coder; the tool that called the coder has its name.
    assert names(found) == ["search", "coder", "writer"]
    assert found.turn.tolist() == [0, 0, 1] and found.error.tolist() == [0, 1, 0]
    np.testing.assert_allclose(found.context, [1.0, 1.0, 1.5])
    # The growth to the second chat is shared; the third is compacted, so the second's output stands in.
    np.testing.assert_allclose(found.tokens, [0.25, 0.25, 0.01])
    np.testing.assert_allclose(found.reasoning, [0.003, 0.003, np.nan])
    assert (found.run_id[0], found.tasks, found.systems, found.orchestrators) == ("talk", ("k",), ("shop",), ("m",))
    assert found.success.tolist() == [1] and found.trial.tolist() == [UNKNOWN]


def test_spans_of_a_run_may_lie_anywhere_and_come_twice(tmp_path):
    expected = read_traces(written(tmp_path, document(*RUN)))
    lines = [document(one) for one in [*RUN[::-1], RUN[3]]]
    found = read_traces(written(tmp_path, {"resourceMetrics": []}, *lines, name="many.jsonl"))
    assert str(found) == str(expected) and names(found) == names(expected)
    np.testing.assert_array_equal(found.tokens, expected.tokens)
    pretty = tmp_path / "pretty.json"
    pretty.write_text(json.dumps(document(*RUN), indent=2))
    assert names(read_traces(pretty)) == names(expected)


def test_traces_of_one_conversation_are_one_run(tmp_path):
    second = [
        agent("boss", "", 200, 300, trace="t2", gen_ai__conversation__id="talk"),
        chat("d1", "boss", 201, 210, 2000, trace="t2"),
        tool("search", "boss", 211, 220, trace="t2"),
    ]
    found = read_traces(written(tmp_path, document(*RUN, *second)))
    assert names(found) == ["search", "coder", "writer", "search"] and found.turn.tolist() == [0, 0, 1, 2]
    np.testing.assert_allclose(found.context[-1], 2.0)


def test_other_conventions_say_the_same(tmp_path):
    def renamed(one, table):
        return one | {"attributes": [a | {"key": table.get(a["key"], a["key"])} for a in one["attributes"]]}

    expected = read_traces(written(tmp_path, document(*RUN)))
    inference = {
        "gen_ai.operation.name": "openinference.span.kind",
        "gen_ai.agent.name": "agent.name",
        "gen_ai.tool.name": "tool.name",
        "gen_ai.conversation.id": "session.id",
        "gen_ai.usage.input_tokens": "llm.token_count.prompt",
        "gen_ai.usage.output_tokens": "llm.token_count.completion",
        "gen_ai.usage.reasoning.output_tokens": "llm.token_count.completion_details.reasoning",
        "gen_ai.request.model": "llm.model_name",
    }
    spans = [renamed(one, inference) for one in RUN]
    kinds = {"invoke_agent": "AGENT", "execute_tool": "TOOL", "chat": "LLM"}
    for attribute in (a for one in spans for a in one["attributes"] if a["key"] == "openinference.span.kind"):
        attribute["value"] = {"stringValue": kinds[attribute["value"]["stringValue"]]}
    found = read_traces(written(tmp_path, document(*spans), name="phoenix.jsonl"))
    older = {
        "gen_ai.usage.input_tokens": "gen_ai.usage.prompt_tokens",
        "gen_ai.usage.output_tokens": "llm.usage.completion_tokens",
    }
    spans = [renamed(one, older) for one in RUN]
    for same in (found, read_traces(written(tmp_path, document(*spans), name="older.jsonl"))):
        assert names(same) == names(expected) and same.run_id[0] == "talk"
        np.testing.assert_array_equal(same.context, expected.context)
        np.testing.assert_array_equal(same.tokens, expected.tokens)


@pytest.mark.parametrize(
    ("spans", "dispatched"),
    [
        # The application is the orchestrator where no agent calls anything.
        ([agent("a", "", 0, 5), agent("b", "", 6, 9), tool("t", "", 10, 11)], ["a", "b", "t"]),
        # A workflow that runs one agent is passed over; one that runs several is the orchestrator.
        (
            [
                span("flow", "", 0, 9, gen_ai__operation__name="invoke_workflow"),
                agent("a", "flow", 1, 9),
                tool("t", "a", 2, 3),
            ],
            ["t"],
        ),
        (
            [
                span("flow", "", 0, 9, gen_ai__operation__name="invoke_workflow"),
                agent("a", "flow", 1, 4),
                tool("t", "a", 2, 3),
                agent("b", "flow", 5, 9),
            ],
            ["a", "b"],
        ),
        # A tool inside the chat that asked for it, and a chat that two libraries saw.
        ([agent("a", "", 0, 9), chat("c", "a", 1, 9, 5), chat("d", "c", 2, 3, 5), tool("t", "c", 4, 5)], ["t"]),
        # Spans that call each other in a ring, or whose parent is lost.
        ([agent("a", "b", 0, 9), agent("b", "a", 0, 9), tool("t", "gone", 1, 2)], ["t"]),
    ],
)
def test_who_dispatches(tmp_path, spans, dispatched):
    found = read_traces(written(tmp_path, document(*spans)), "otlp")
    assert names(found) == dispatched
    assert list(found.run_id) == [TRACE] and found.success.tolist() == [UNKNOWN]


def test_bad_spans_are_told_with_line_and_number(tmp_path):
    broken = [agent("x", "", 0, 1) | {"startTimeUnixNano": "soon"}, 3, {"traceId": TRACE}]
    path = written(tmp_path, document(*RUN), document(RUN[0], *broken), {"spans": []})
    problems = Problems(0.5)
    assert names(read_traces(path, "otlp", problems=problems)) == ["search", "coder", "writer"]
    listed = str(problems)
    for sentence in (
        "jsonl:2: span 1 cannot",
        "span 2 cannot be read: the span is int",
        "'startTimeUnixNano' is missing",
    ):
        assert sentence in listed
    assert "jsonl:3: this is no OTLP document" in listed and len(problems.skipped) == 4
