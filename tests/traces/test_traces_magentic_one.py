"""Histories of teams: delegations are dispatches, characters stand in for tokens."""

import json

import numpy as np
import pytest
from trace_samples import TEAM, names, written

from entropyjax.traces import Problems, TraceError, read_traces


def test_delegations_are_dispatches(tmp_path):
    path = tmp_path / "1.json"
    path.write_text(json.dumps(TEAM, indent=4))
    found = read_traces(path)
    assert names(found) == ["WebSurfer", "FileSurfer"] and found.tasks == ("q1",)
    np.testing.assert_allclose(found.context, [0.03, 0.15])
    np.testing.assert_allclose(found.tokens, [0.12, 0.003])
    np.testing.assert_allclose(found.reasoning, [0.015, 0.0])
    # Message 4 belongs to the first delegation.
    assert found.success.tolist() == [0] and found.failure_step.tolist() == [0]


def test_a_mistake_before_the_first_delegation_has_no_step(tmp_path):
    runs = [TEAM | {"mistake_step": 1}, TEAM | {"mistake_step": None}, {"question_ID": "q2", "history": []}]
    found = read_traces(written(tmp_path, *runs), "magentic_one")
    assert found.failure_step.tolist() == [-1, -1, -1] and found.success.tolist() == [0, 0, -1]


def test_bad_histories_are_told(tmp_path):
    problems = Problems(0.6)
    runs = [TEAM, {"history": []}, TEAM | {"history": 3}, TEAM | {"mistake_step": "late"}]
    with pytest.raises(TraceError, match="'question_ID' is missing"):
        read_traces(written(tmp_path, runs[1], name="b.jsonl"), "magentic_one")
    assert len(read_traces(written(tmp_path, *runs, TEAM, TEAM), problems=problems)) == 3
    assert "jsonl:3: this is no history: history is int" in str(problems) and len(problems.skipped) == 3
