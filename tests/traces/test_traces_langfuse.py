"""Langfuse: agents and tools are dispatches, who never chats is passed over, and storage has names of its own."""

import json

import numpy as np
import pytest
from trace_samples import LANGFUSE, names, observed, sniffed, written

from entropyjax.traces import Problems, read_traces
from entropyjax.traces.langfuse import _STORED


def test_the_agent_that_chats_dispatches(tmp_path):
    found = read_traces(written(tmp_path, LANGFUSE, name="a.json"))
    # The workflow around the agent chooses nothing, and what the coder compiles is its own affair.
    assert names(found) == ["find", "coder", "late"] and found.turn.tolist() == [0, 0, 1]
    assert found.error.tolist() == [0, 1, 0]
    np.testing.assert_allclose(found.context, [0.8, 0.8, 1.0])
    np.testing.assert_allclose(found.tokens, [0.1, 0.1, 0.04])
    np.testing.assert_allclose(found.reasoning, [0.003, 0.003, np.nan])
    assert (found.run_id[0], found.tasks, found.systems, found.orchestrators) == ("t1", ("k",), ("desk",), ("m",))
    assert found.success.tolist() == [1] and found.trial.tolist() == [2]


def stored(one):
    """A row of an export to storage."""
    out = {_STORED.get(name, name): value for name, value in one.items()}
    times = {name: out[name].replace("T", " ").removesuffix("Z") + "000" for name in ("start_time", "end_time")}
    return out | times | {"trace_name": "desk", "session_id": ""}


ROOT = {"metadata": {"task": "k", "trial": 2, "success": True}}
ROWS = [one | (ROOT if one["id"] == "workflow" else {}) for one in LANGFUSE["observations"]]


@pytest.mark.parametrize(
    "whole",
    [
        LANGFUSE["trace"] | {"observations": LANGFUSE["observations"]},
        [one | {"traceName": "desk"} for one in ROWS],
        {"data": [one | {"traceName": "desk"} for one in ROWS], "meta": {"page": 1}},
        [stored(one) for one in ROWS],
    ],
)
def test_all_shapes_hold_the_same(tmp_path, whole):
    expected = read_traces(written(tmp_path, LANGFUSE, name="e.json"))
    path = tmp_path / "a.json"
    path.write_text(json.dumps(whole, indent=1))
    assert sniffed(path.read_text()) == ["langfuse"]
    found = read_traces(path)
    assert str(found) == str(expected) and names(found) == names(expected)
    assert (found.tasks, found.success.tolist(), found.trial.tolist()) == (("k",), [1], [2])
    np.testing.assert_array_equal(found.context, expected.context)


def test_rows_stream_and_sessions_join_traces(tmp_path):
    rows = [stored(one) | {"session_id": "s"} for one in ROWS]
    later = [one | {"trace_id": "t2", "start_time": "2026-01-01 00:01:00"} for one in rows]
    found = read_traces(written(tmp_path, *rows, *later))
    assert list(found.run_id) == ["s"] and len(found.agent) == 6


def test_usage_of_old_is_read_where_it_counts_tokens(tmp_path):
    old = [{"promptTokens": 700, "completionTokens": 9}, {"input": 600, "output": 8, "unit": "CHARACTERS"}]
    chats = [observed(f"c{n}", "GENERATION", None, 4 * n, 4 * n + 1, usage=one) for n, one in enumerate(old)]
    tools = [observed(f"f{n}", "TOOL", None, 4 * n + 2, 4 * n + 3) for n in range(2)]
    found = read_traces(written(tmp_path, *chats, *tools))
    np.testing.assert_allclose(found.context, [0.7, np.nan])
    np.testing.assert_allclose(found.tokens, [0.009, np.nan])


def test_bad_observations_are_told(tmp_path):
    broken = [
        observed("a", "TOOL", None, 1, 2, name=""),
        observed("b", "TOOL", None, 1, 2) | {"startTime": 3},
        observed("c", "GENERATION", None, 1, 2, usageDetails={"input": "many"}),
        "d",
        observed("e", "SPAN", None, 1, 2, metadata={"success": "yes"}),
    ]
    problems = Problems(0.5)
    whole = LANGFUSE | {"observations": LANGFUSE["observations"] + broken}
    assert len(read_traces(written(tmp_path, whole, name="a.json"), problems=problems)) == 1
    assert problems.records == len(whole["observations"])
    told = [str(one) for one in problems.skipped]
    sentences = ("name is ''", "startTime is 3", "a number of tokens is 'many'", "the observation is str", "success is")
    for place, (one, sentence) in enumerate(zip(told, sentences, strict=True), len(LANGFUSE["observations"])):
        assert f"a.json:1: observation {place} cannot be read: " in one and sentence in one
