"""Tables: interleaved rows, other names of columns, and rows that are told by their line."""

import numpy as np
import pytest
from trace_samples import TABLE, names

from entropyjax.traces import Problems, TraceError, read_traces


def table(folder, text, name="a.csv"):
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_rows_of_runs_may_alternate(tmp_path):
    found = read_traces(table(tmp_path, TABLE))
    assert list(found.run_id) == ["r1", "r2"] and found.tasks == ("k",) and found.trial.tolist() == [0, 1]
    assert names(found) == ["a", "b"] and names(found, 1) == ["b"]
    assert found.success.tolist() == [1, -1] and found.error.tolist() == [0, 1, -1]
    np.testing.assert_array_equal(found.context, [1.5, 1.52, 0.9])
    np.testing.assert_array_equal(found.tokens, [0.02, 0.03, np.nan])
    assert found.rosters[found.roster].tolist() == [[True, True, True], [True, True, False]]


def test_three_columns_are_enough_and_names_vary(tmp_path):
    found = read_traces(table(tmp_path, '\ufeffTask_ID, Executor ,Conversation_ID,note\nk,b,r,x\n\nk,a,r,"y,\n z"\n'))
    assert names(found) == ["b", "a"] and found.step.tolist() == [0, 1] and found.turn.tolist() == [0, 1]
    assert found.systems == ("unnamed",) and np.isnan(found.context).all()
    ordered = read_traces(table(tmp_path, "run,task,agent,step\nr,k,late,7\nr,k,early,2\n"))
    assert names(ordered) == ["early", "late"] and ordered.step.tolist() == ordered.turn.tolist() == [2, 7]


def test_the_same_run_of_another_task_is_another_run(tmp_path):
    assert len(read_traces(table(tmp_path, "run,task,agent\n0,k,a\n0,l,a\n0,k,b\n"))) == 2


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("r1,k,,0", "agent is empty"),
        ("r1,k,a", "there are 3 cells, and the header has 4"),
        ("r1,k,a,-3", "context is '-3', and a number from 0 was expected"),
        ("r1,k,a,inf", "context is 'inf'"),
    ],
)
def test_a_bad_row_is_told_with_its_line(tmp_path, row, sentence):
    problems = Problems(0.5)
    text = f"run,task,agent,context\nr1,k,a,1\n{row}\nr1,k,b,2\n"
    assert names(read_traces(table(tmp_path, text), problems=problems)) == ["a", "b"]
    assert f"a.csv:3: this is no dispatch: {sentence}" in str(problems) or f"a.csv:3: {sentence}" in str(problems)


def test_numbers_and_truths_are_checked(tmp_path):
    rows = ("step\nr,k,a,1.5", "trial\nr,k,a,x", "error\nr,k,a,maybe", "success\nr,k,a,2")
    for row in rows:
        with pytest.raises(TraceError, match="was expected"):
            read_traces(table(tmp_path, f"run,task,agent,{row}\n"))
    with pytest.raises(TraceError, match="the header has no column task, agent"):
        read_traces(table(tmp_path, "run,step\n1,2\n"), "table")
