"""The OpenAI Agents SDK: the turn's holders dispatch, by calls of functions and by handing on."""

import json

import numpy as np
from trace_samples import SDK, item, names, written

from entropyjax.traces import Problems, read_traces


def test_the_turn_is_handed_on_with_the_conversation(tmp_path):
    found = read_traces(written(tmp_path, *SDK))
    # Not what the expert reads, who works inside a function.
    assert names(found) == ["find", "ask", "Billing", "pay"] and found.turn.tolist() == [0, 0, 1, 2]
    assert found.error.tolist() == [0, 1, 0, 0]
    np.testing.assert_allclose(found.context, [0.8, 0.8, 1.0, 1.1])
    np.testing.assert_allclose(found.tokens, [0.1, 0.1, 0.1, 0.02])
    np.testing.assert_allclose(found.reasoning, [0.0025, 0.0025, 0.0, 0.0])
    assert sorted(np.array(found.agents)[found.rosters[0]]) == ["Billing", "ask", "find", "pay"]
    assert (found.run_id[0], found.tasks, found.systems, found.orchestrators) == ("trace_1", ("k",), ("desk",), ("m",))
    assert found.success.tolist() == [0] and found.trial.tolist() == [2]


def test_documents_hold_what_lines_hold(tmp_path):
    expected = read_traces(written(tmp_path, *SDK))
    for number, whole in enumerate((SDK, {"data": SDK}, {**SDK[0], "spans": SDK[1:]})):
        path = tmp_path / f"{number}.json"
        path.write_text(json.dumps(whole, indent=1))
        found = read_traces(path)
        assert str(found) == str(expected) and names(found) == names(expected)


def test_traces_of_one_group_are_one_run(tmp_path):
    other = SDK[0] | {"id": "trace_2", "group_id": "g", "metadata": None}
    later = item("function", "f1", None, 30, 31, name="pay") | {"trace_id": "trace_2"}
    found = read_traces(written(tmp_path, later, SDK[0] | {"group_id": "g"}, other, *SDK[1:]))
    assert list(found.run_id) == ["g"] and names(found) == ["find", "ask", "Billing", "pay", "pay"]
    assert found.tasks == ("k",)


def test_spans_without_trace_or_usage_are_read(tmp_path):
    spans = [item("function", "f", None, 1, 2, name="x"), item("handoff", "h", None, 3, 4, to_agent=None)]
    found = read_traces(written(tmp_path, *spans))
    assert found.agent.tolist() == [0, -1] and found.turn.tolist() == [0, 1] and np.isnan(found.context).all()


def test_bad_items_are_told(tmp_path):
    broken = [SDK[2] | {"started_at": "now"}, {"object": "trace.span"}, {"object": "run"}, SDK[0] | {"metadata": 3}]
    problems = Problems(0.5)
    assert len(read_traces(written(tmp_path, *SDK, *broken), problems=problems)) == 1
    listed = str(problems)
    for number, sentence in enumerate(
        ("Invalid isoformat", "'span_data' is missing", "object is 'run'", "metadata is")
    ):
        assert sentence in listed and f"jsonl:{len(SDK) + 1 + number}: this cannot be read" in listed
