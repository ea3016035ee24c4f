"""LangSmith: begins and ends are put together, tools are dispatches, chains are passed over."""

import json

import numpy as np
import pytest
from trace_samples import LANGSMITH, counted, names, ran, sniffed, written

from entropyjax.traces import Problems, TraceError, read_traces


def test_tools_are_dispatches_of_who_chats(tmp_path):
    found = read_traces(written(tmp_path, *LANGSMITH))
    # Neither what a tool calls nor what a chain retrieves.
    assert names(found) == ["find", "ask", "pay"] and found.turn.tolist() == [0, 0, 1]
    assert found.error.tolist() == [0, 1, 0]
    np.testing.assert_allclose(found.context, [0.8, 0.8, 1.0])
    np.testing.assert_allclose(found.tokens, [0.1, 0.1, 0.04])
    np.testing.assert_allclose(found.reasoning, [0.003, 0.003, np.nan])
    assert (found.run_id[0], found.tasks, found.systems, found.orchestrators) == ("talk", ("k",), ("desk",), ("m",))
    assert found.success.tolist() == [1] and found.trial.tolist() == [2]


def nested(record):
    below = [nested(one) for one in LANGSMITH[1:-1] if one["parent_run_id"] == record["id"]]
    return {key: value for key, value in record.items() if key not in ("trace_id", "parent_run_id")} | {
        "child_runs": below
    }


def exported(record):
    """As a script of the vendor's writes it: other names, and text in place of nothing."""
    out = {"run_id" if key == "id" else key: value for key, value in record.items() if key != "extra"}
    usage = {"prompt_tokens": record.get("prompt_tokens"), "completion_tokens": record.get("completion_tokens")}
    return out | {"custom_metadata": record.get("extra", {}).get("metadata", {}), "token_usage": usage}


@pytest.mark.parametrize(
    "whole",
    [
        LANGSMITH,
        {"trace_id": "t1", "runs": LANGSMITH},
        {"post": LANGSMITH[:-1], "patch": LANGSMITH[-1:]},
        nested(LANGSMITH[0]),
        [exported(one) for one in LANGSMITH],
    ],
)
def test_all_shapes_hold_the_same(tmp_path, whole):
    expected = read_traces(written(tmp_path, *LANGSMITH))
    path = tmp_path / "a.json"
    path.write_text(json.dumps(whole, indent=1))
    assert sniffed(path.read_text()) == ["langsmith"]
    found = read_traces(path)
    assert str(found) == str(expected) and names(found) == names(expected)
    np.testing.assert_array_equal(found.context, expected.context)


def test_traces_of_a_thread_are_one_run_and_others_their_own(tmp_path):
    other = [ran("r2", "chain", None, 40, extra={"metadata": {"conversation_id": "talk"}}), ran("x", "tool", "r2", 41)]
    third = [ran("r3", "tool", None, 50) | {"trace_id": None}]
    found = read_traces(written(tmp_path, *LANGSMITH, *(one | {"trace_id": "t2"} for one in other), *third))
    assert list(found.run_id) == ["talk", "r3"] and names(found) == ["find", "ask", "pay", "x"]
    assert names(found, 1) == ["r3"] and found.tasks == ("k", "r3")


def test_milliseconds_and_old_counts_are_read(tmp_path):
    times = {"start_time": 1_767_225_600_000, "end_time": 1_767_225_601_500}
    usage = {"llm_output": {"token_usage": {"prompt_tokens": 700, "completion_tokens": 9}}}
    chat = ran("c", "llm", None, 0, outputs=usage, extra={"invocation_params": {"model": "o"}}) | times
    tool = ran("f", "tool", None, 0) | {"start_time": times["end_time"]}
    found = read_traces(written(tmp_path, chat, tool))
    np.testing.assert_allclose([found.context[0], found.tokens[0]], [0.7, 0.009])
    assert found.orchestrators == ("o",)


def test_usage_is_found_in_the_message_of_a_stream(tmp_path):
    message = {"message": {"lc": 1, "kwargs": counted(700, 9, 3)}}
    chat = ran("c", "llm", None, 0, outputs={"generations": [[message]], "llm_output": None})
    found = read_traces(written(tmp_path, chat, ran("f", "tool", None, 1)))
    np.testing.assert_allclose([found.context[0], found.tokens[0], found.reasoning[0]], [0.7, 0.009, 0.003])


def test_bad_records_are_told(tmp_path):
    broken = [
        ran("a", "llm", "node", 1, outputs={"usage_metadata": {"input_tokens": -1}}),
        ran("b", "tool", "node", 1) | {"start_time": "now"},
        ran("d", "tool", "node", 1) | {"name": None},
        {"id": "e", "dotted_order": "e"},
        {"run_type": "tool"},
        {"runs": 3, "run_type": "tool"},
    ]
    problems = Problems(0.5)
    assert len(read_traces(written(tmp_path, *LANGSMITH, *broken), problems=problems)) == 1
    told = [str(one) for one in problems.skipped]
    assert problems.records == len(LANGSMITH) + len(broken) == len(LANGSMITH) + len(told)
    expected = {
        0: "the number of input tokens is -1",
        1: "Invalid isoformat",
        2: "the run d cannot be read: 'name' is missing",
        3: "the run e cannot be read: 'start_time' is missing",
        4: "id is None",
        5: "runs is int",
    }
    for number, sentence in expected.items():
        assert any(f"jsonl:{len(LANGSMITH) + 1 + number}: " in one and sentence in one for one in told)
    with pytest.raises(TraceError, match="6 of 17 records cannot be read"):
        read_traces(written(tmp_path, *LANGSMITH, *broken))
