"""Logs in: columns against the files they came from, and what becomes of records that are wrong."""

import gzip
import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st

from entropyjax.records import UNKNOWN
from entropyjax.traces import FORMATS, Problems, RunRecord, StepRecord, TraceError, read_traces, trace_set

STEP = {"t": 0, "turn": 0, "agent": "a", "tokens_in_context": 1500, "tokens_step": 20, "error": False}
RUN = {"run_id": "r", "task_id": "k", "system": "s", "roster": ["a", "b"], "success": True, "steps": [STEP]}


def written(folder, *lines, name="a.jsonl"):
    path = folder / name
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def recorded():
    folder = os.environ.get("ENTROPYJAX_TRACES")
    if not folder:
        pytest.skip("ENTROPYJAX_TRACES does not name a folder of recorded traces")
    return sorted(Path(folder).glob("*.jsonl.gz"))


def test_columns_are_what_the_file_says(tmp_path):
    other = RUN | {"run_id": "q", "success": None, "failure_step": 1, "trial": 2}
    other["steps"] = [STEP | {"agent": "c", "tokens_in_context": None, "error": None}, STEP | {"t": 1, "turn": 0}]
    found = read_traces(written(tmp_path, RUN, "", other))
    assert found.agents == ("a", "b", "c") and list(found.run_id) == ["r", "q"]
    assert found.offsets.tolist() == [0, 1, 3] and found.place.tolist() == [0, 0, 1] and found.run.tolist() == [0, 1, 1]
    assert found.success.tolist() == [1, UNKNOWN] and found.failure_step.tolist() == [UNKNOWN, 1]
    assert found.trial.tolist() == [UNKNOWN, 2] and found.error.tolist() == [0, UNKNOWN, 0]
    assert found.dispatches().tolist() == [[0, UNKNOWN], [2, 0]]
    np.testing.assert_array_equal(found.context, [1.5, np.nan, 1.5])
    # An executor that is dispatched is on the roster, named there or not.
    assert found.rosters[found.roster].tolist() == [[True, True, False], [True, True, True]]
    assert "2 runs of 1 tasks, 3 dispatches among 2 to 3 executors, 1 to 2 steps a run." in str(found)


def test_gzip_folders_and_several_files_are_one_set(tmp_path):
    written(tmp_path, RUN)
    with gzip.open(tmp_path / "b.jsonl.gz", "wt") as file:
        file.write(json.dumps(RUN | {"run_id": "z"}))
    written(tmp_path, "nothing of ours", name="c.txt")
    assert sorted(read_traces(tmp_path).run_id) == ["r", "z"]
    assert len(read_traces([tmp_path / "a.jsonl", tmp_path / "b.jsonl.gz"])) == 2


def test_every_recorded_set_is_read_whole():
    for path in recorded():
        with gzip.open(path, "rt") as file:
            items = [json.loads(line) for line in file]
        problems = Problems(0.0)
        found = read_traces(path, problems=problems)
        assert (len(found), problems.records, problems.skipped) == (len(items), len(items), [])
        assert found.lengths.tolist() == [item["n_steps"] for item in items]
        names = [step["agent"] for item in items for step in item["steps"]]
        assert [found.agents[code] for code in found.agent] == names
        tokens = [
            np.nan if s["tokens_in_context"] is None else s["tokens_in_context"] for i in items for s in i["steps"]
        ]
        np.testing.assert_allclose(found.context, 1e-3 * np.array(tokens, float))
        assert [found.tasks[code] for code in found.task] == [item["task_id"] for item in items]
        assert [int(k) for k in found.rosters.sum(axis=1)[found.roster]] == [len(item["roster"]) for item in items]


def test_a_selection_keeps_runs_whole(tmp_path):
    runs = [RunRecord(str(k), "t", "s", "m", [StepRecord("a", i, i) for i in range(k)]) for k in range(5)]
    found = trace_set(runs).select(np.array([4, 0, 2]))
    assert list(found.run_id) == ["4", "0", "2"] and found.lengths.tolist() == [4, 0, 2]
    assert found.step.tolist() == [0, 1, 2, 3, 0, 1]
    assert len(trace_set(runs).select(np.zeros(5, bool))) == 0


def test_log_probabilities_fill_their_places():
    step = StepRecord("a", 0, 0, log_probability={"a": -0.1, "b": -2.4})
    found = trace_set([RunRecord("r", "t", "s", "m", [step, StepRecord("c", 1, 1)])])
    np.testing.assert_array_equal(found.log_probability, [[-0.1, -2.4, np.nan], [np.nan] * 3])


@given(st.lists(st.lists(st.tuples(st.sampled_from("abc"), st.none() | st.integers(0, 10**6)), max_size=5), max_size=6))
def test_runs_come_back_as_they_went_in(runs):
    records = [
        RunRecord(str(k), f"t{k % 2}", "s", "m", [StepRecord(a, i, i, context=c) for i, (a, c) in enumerate(steps)])
        for k, steps in enumerate(runs)
    ]
    found = trace_set(records)
    back = [
        [(found.agents[found.agent[i]], found.context[i]) for i in range(*found.offsets[k : k + 2])]
        for k in range(len(found))
    ]
    for expected, got in zip(runs, back, strict=True):
        assert [a for a, _ in expected] == [a for a, _ in got]
        np.testing.assert_allclose([c for _, c in got], [np.nan if c is None else 1e-3 * c for _, c in expected])


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("{", "this is no JSON"),
        ("[1]", "this is list"),
        (RUN | {"steps": 3}, "steps is int, and a list was expected"),
        ({"run_id": "r", "steps": []}, "'task_id' is missing"),
        (RUN | {"steps": ["a"]}, "step 0 is str"),
        (RUN | {"steps": [STEP | {"agent": 3}]}, "agent of step 0 is 3"),
        (RUN | {"steps": [STEP | {"tokens_step": -1}]}, "tokens_step is -1"),
        (RUN | {"success": "yes"}, "success is 'yes'"),
        (RUN | {"trial": 1.5}, "trial is 1.5"),
    ],
)
def test_a_bad_record_is_skipped_counted_and_told(tmp_path, line, sentence):
    problems = Problems()
    found = read_traces(written(tmp_path, RUN, line, RUN), "normalised", problems=problems)
    assert len(found) == 2 and problems.records == 3
    assert sentence in str(problems) and "a.jsonl:2: " in str(problems) and "1 skipped" in str(problems)


def test_too_many_bad_records_stop_the_run(tmp_path):
    path = written(tmp_path, *[RUN] * 50, *["{"] * 6)
    with pytest.raises(TraceError, match=r"6 of 56 records cannot be read, more than 1\.0%"):
        read_traces(path)
    assert len(read_traces(path, problems=Problems(0.2))) == 50


def test_a_damaged_file_is_told(tmp_path):
    whole = gzip.compress("".join(json.dumps(RUN) + "\n" for _ in range(4000)).encode())
    (tmp_path / "a.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    problems = Problems()
    found = read_traces(tmp_path / "a.jsonl.gz", "normalised", problems=problems)
    assert 0 < len(found) < 4000 and "the file is damaged from here on" in str(problems)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda folder: folder / "none.jsonl", "There is no file"),
        (lambda folder: folder, "holds no file that ends in"),
        (lambda folder: written(folder, "hello"), "has none of the known formats; name one of"),
        (lambda folder: written(folder, ""), "has none of the known formats"),
    ],
)
def test_what_cannot_be_read_is_told_in_a_sentence(tmp_path, make, sentence):
    with pytest.raises(TraceError, match=sentence):
        read_traces(make(tmp_path))
    with pytest.raises(TraceError, match="'nrmalised' is no trace format"):
        read_traces(tmp_path, "nrmalised")


def test_each_format_says_what_it_is():
    for name in FORMATS:
        assert FORMATS.get(name).title and FORMATS.get(name).suffixes
