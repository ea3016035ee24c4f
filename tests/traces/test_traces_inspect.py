"""Inspect: calls of tools in a sample's own messages are dispatches, and the model's events count the tokens."""

import json

import numpy as np
import pytest
from trace_samples import INSPECT, SAMPLE, names, sniffed, written

from entropyjax.traces import Problems, read_traces


def test_calls_of_tools_are_dispatches(tmp_path):
    found = read_traces(written(tmp_path, INSPECT, name="a.json"))
    # What an agent reads inside of a tool is not among the sample's messages.
    assert names(found) == names(found, 1) == ["find", "ask", "pay"]
    assert found.turn.tolist() == [0, 0, 1] * 2 and found.error.tolist() == [0, 1, 0] * 2
    # The cache counts; events that are missing leave it open.
    np.testing.assert_allclose(found.context, [0.8, 0.8, 1.0] + [np.nan] * 3)
    np.testing.assert_allclose(found.tokens, [0.1, 0.1, 0.1] + [np.nan] * 3)
    np.testing.assert_allclose(found.reasoning, [0.002, 0.002, 0.004] + [np.nan] * 3)
    assert list(found.run_id) == ["e/7/2", "e/7/1"] and found.trial.tolist() == [2, 1]
    assert (found.tasks, found.systems, found.orchestrators) == (("desk/7",), ("desk",), ("m",))
    assert found.success.tolist() == [1, 0] and found.agents[:3] == ("find", "ask", "pay")


def test_logs_on_lines_or_indented_are_read(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(INSPECT, indent=4))
    assert len(read_traces(path)) == 2 and sniffed(path.read_text()) == ["inspect"]
    assert len(read_traces(written(tmp_path, INSPECT, INSPECT | {"eval": INSPECT["eval"] | {"eval_id": "f"}}))) == 4


def test_messages_of_old_are_told_by_their_calls(tmp_path):
    def without(message):
        return {key: value for key, value in message.items() if key != "id"}

    old = SAMPLE | {"messages": [without(one) for one in SAMPLE["messages"]]}
    found = read_traces(written(tmp_path, INSPECT | {"samples": [old]}))
    np.testing.assert_allclose(found.context, [0.8, 0.8, 1.0])
    # The last answer calls nothing, so that nothing tells which event gave it.
    np.testing.assert_allclose(found.tokens, [0.1, 0.1, 0.04])


@pytest.mark.parametrize(
    ("value", "success"), [("C", 1), ("I", 0), ("N", 0), ("P", -1), (1.0, 1), (False, 0), (0.5, -1), (None, -1)]
)
def test_scores_say_whether_a_run_succeeded(tmp_path, value, success):
    log = INSPECT | {"samples": [SAMPLE | {"scores": {"s": {"value": value}}}]}
    assert read_traces(written(tmp_path, log)).success.tolist() == [success]


def test_bad_samples_are_told(tmp_path):
    broken = [
        SAMPLE | {"messages": 3},
        SAMPLE | {"epoch": "x"},
        {"epoch": 1},
        SAMPLE | {"messages": [{"role": "assistant", "tool_calls": [{"id": "c"}]}]},
    ]
    problems = Problems(0.9)
    whole = INSPECT | {"samples": [SAMPLE, *broken]}
    assert len(read_traces(written(tmp_path, whole, INSPECT | {"eval": 3}), problems=problems)) == 1
    assert problems.records == 6
    told = [str(one) for one in problems.skipped]
    sentences = ("messages is int", "epoch is 'x'", "'id' is missing", "'function' is missing")
    for number, sentence in enumerate(sentences, 1):
        assert f"spans.jsonl:1: sample {number} cannot be read: {sentence}" in told[number - 1]
    assert "spans.jsonl:2: this is no log of Inspect: eval is int" in told[-1]
