"""Stores: a journal that survives crashes, and results that appear whole or not at all."""

import json

import numpy as np
import pytest
import xarray as xr

from entropyjax.io.store import (
    SCHEMA_VERSION,
    Journal,
    StoreError,
    journal as journal_module,
    open_result,
    write_result,
)
from entropyjax.io.store.result import check_target

RUN = "0123456789ab"


def chunk(seed):
    rng = np.random.default_rng(seed)
    return {"outcomes": rng.integers(0, 9, (2, 4)), "observables/entropy/mean": rng.normal(size=(2, 5))}


def committed(path, chunks=3):
    journal = Journal(path, RUN)
    journal.start(resume=False)
    for number in range(chunks):
        journal.commit(0, 2 * number, 2 * number + 2, chunk(number))
    return journal


def reopened(path):
    journal = Journal(path, RUN)
    journal.start(resume=True)
    return journal


def assert_chunks(journal, numbers, variant=0):
    found = list(journal.chunks(variant))
    assert [(start, end) for start, end, _ in found] == [(2 * n, 2 * n + 2) for n in numbers]
    for n, (_, _, arrays) in zip(numbers, found, strict=True):
        assert sorted(arrays) == sorted(chunk(n))
        for name, value in chunk(n).items():
            np.testing.assert_array_equal(arrays[name], value)
            assert arrays[name].dtype == value.dtype


# --- The journal -----------------------------------------------------------------------------------------


def test_what_is_committed_comes_back(tmp_path):
    path = tmp_path / "a.zarr"
    assert not Journal(path, RUN).exists()
    journal = committed(path)
    journal.commit(1, 0, 2, chunk(0))
    journal.note("step", 0, {"steps": 4, "report": {"checks": [], "within_tolerance": None}})
    journal.note("step", 0, {"steps": 8})
    journal = reopened(path)
    assert_chunks(journal, [0, 1, 2])
    assert_chunks(journal, [0], variant=1)
    assert_chunks(journal, [], variant=2)
    assert journal.noted("step", 0) == {"steps": 8}
    assert journal.noted("step", 1) is None
    assert journal.noted("other", 0) is None
    journal.remove()
    assert not journal.exists()
    assert list(tmp_path.iterdir()) == []


def test_a_resume_without_a_journal_starts_one(tmp_path):
    assert_chunks(reopened(tmp_path / "a.zarr"), [])


def test_chunks_may_come_in_any_order_and_twice(tmp_path):
    journal = committed(tmp_path / "a.zarr", chunks=1)
    journal.commit(0, 4, 6, chunk(2))
    assert_chunks(journal, [0])
    journal.commit(0, 2, 4, chunk(1))
    assert_chunks(journal, [0, 1, 2])
    journal.commit(0, 2, 4, chunk(1))
    found = [(start, end) for start, end, _ in journal.chunks(0)]
    assert found == [(0, 2), (2, 4), (4, 6)]


def test_a_chunk_takes_the_place_of_a_shorter_one(tmp_path):
    path = tmp_path / "a.zarr"
    journal = committed(path, chunks=2)
    journal.commit(0, 2, 6, chunk(2))
    reopened(path).commit(0, 2, 8, chunk(1))
    journal = reopened(path)
    assert [(start, end) for start, end, _ in journal.chunks(0)] == [(0, 2), (2, 8)]
    assert len(list(journal.folder.glob("*.npz"))) == 2


@pytest.mark.parametrize("lost", [1, 5, 40, "all but the end of line"])
def test_a_line_cut_short_is_as_if_it_had_never_been(tmp_path, lost):
    path = tmp_path / "a.zarr"
    manifest = committed(path).folder / "manifest.jsonl"
    lines = manifest.read_bytes().splitlines(keepends=True)
    last = lines[-1]
    kept = last[:-1] if isinstance(lost, str) else last[: -1 - lost]
    manifest.write_bytes(b"".join(lines[:-1]) + kept)
    journal = reopened(path)
    # A line that lacks nothing but its end is whole.
    assert_chunks(journal, [0, 1, 2] if isinstance(lost, str) else [0, 1])
    # What is written after it is not lost.
    journal.commit(0, 4, 6, chunk(2))
    journal.note("step", 0, 4)
    journal = reopened(path)
    assert_chunks(journal, [0, 1, 2])
    assert journal.noted("step", 0) == 4


@pytest.mark.parametrize("how", ["flip", "cut", "delete", "empty"])
def test_a_damaged_chunk_and_what_follows_it_counts_as_not_computed(tmp_path, how):
    path = tmp_path / "a.zarr"
    journal = committed(path)
    file = journal.folder / json.loads((journal.folder / "manifest.jsonl").read_text().splitlines()[2])["file"]
    content = bytearray(file.read_bytes())
    if how == "delete":
        file.unlink()
    else:
        content[len(content) // 2] ^= 1
        file.write_bytes({"flip": bytes(content), "cut": bytes(content[:-7]), "empty": b""}[how])
    journal = reopened(path)
    assert_chunks(journal, [0])
    # Computed again, everything is there again.
    journal.commit(0, 2, 4, chunk(1))
    assert {(start, end) for start, end, _ in journal.chunks(0)} == {(0, 2), (2, 4), (4, 6)}


def test_a_file_without_its_line_does_not_count(tmp_path, monkeypatch):
    path = tmp_path / "a.zarr"
    journal = committed(path, chunks=1)

    def crash(self, entry):
        raise KeyboardInterrupt

    monkeypatch.setattr(Journal, "_append", crash)
    with pytest.raises(KeyboardInterrupt):
        journal.commit(0, 2, 4, chunk(1))
    monkeypatch.undo()
    assert len(list(journal.folder.glob("*.npz"))) == 2
    journal = reopened(path)
    assert_chunks(journal, [0])
    journal.commit(0, 2, 4, chunk(1))
    assert_chunks(journal, [0, 1])


def test_a_crash_before_the_rename_leaves_no_chunk(tmp_path, monkeypatch):
    path = tmp_path / "a.zarr"
    journal = committed(path, chunks=1)

    def crash(source, target):
        raise OSError("the disk is full")

    monkeypatch.setattr(journal_module.os, "replace", crash)
    with pytest.raises(OSError, match="full"):
        journal.commit(0, 2, 4, chunk(1))
    monkeypatch.undo()
    assert_chunks(reopened(path), [0])


def test_an_interrupted_run_is_not_overwritten(tmp_path):
    path = tmp_path / "a.zarr"
    committed(path)
    with pytest.raises(StoreError, match="holds an interrupted run; continue it with --resume") as caught:
        Journal(path, RUN).start(resume=False)
    assert str(caught.value).endswith(".")
    assert_chunks(reopened(path), [0, 1, 2])


@pytest.mark.parametrize("header", [None, "{", json.dumps({"schema": 99, "run_id": RUN}) + "\n"])
def test_the_journal_of_another_run_is_refused(tmp_path, header):
    path = tmp_path / "a.zarr"
    manifest = committed(path).folder / "manifest.jsonl"
    if header is not None:
        manifest.write_text(header)
    other = Journal(path, "ffffffffffff" if header is None else RUN)
    with pytest.raises(StoreError, match="is the journal of another run") as caught:
        other.start(resume=True)
    assert "choose another --out or delete the folder." in str(caught.value)


def test_chunks_hold_no_objects(tmp_path):
    journal = committed(tmp_path / "a.zarr", chunks=0)
    with pytest.raises(ValueError, match=r"pickle|Object arrays"):
        journal.commit(0, 0, 1, {"bad": np.array([{}], dtype=object)})


# --- Results ---------------------------------------------------------------------------------------------


@pytest.fixture
def dataset():
    values = np.arange(6.0).reshape(2, 3)
    values[0, 0] = np.inf
    return xr.Dataset(
        {"t": (("n_agents", "outcome"), values, {"units": "step"}), "n": ("n_agents", np.array([1, 2]))},
        {"n_agents": [2, 4], "outcome": ["resolved", "collapsed", "unresolved"]},
        {"schema_version": SCHEMA_VERSION, "run_id": RUN, "config": "{}", "title": ""},
    )


def test_a_result_comes_back_as_it_was(tmp_path, dataset):
    path = write_result(dataset, tmp_path / "deep" / "a.zarr")
    assert open_result(path).load().identical(dataset)
    assert xr.open_zarr(path).load().identical(dataset)
    assert [p.name for p in path.parent.iterdir()] == ["a.zarr"]


def test_a_failed_write_leaves_nothing(tmp_path, dataset, monkeypatch):
    whole = xr.Dataset.to_zarr

    def half(self, store, **options):
        whole(self, store, **options)
        raise OSError("the disk is full")

    monkeypatch.setattr(xr.Dataset, "to_zarr", half)
    with pytest.raises(OSError, match="full"):
        write_result(dataset, tmp_path / "a.zarr")
    assert list(tmp_path.iterdir()) == []
    # And nothing stands in the way of the next attempt.
    monkeypatch.undo()
    assert open_result(write_result(dataset, tmp_path / "a.zarr")).load().identical(dataset)


def test_nothing_is_overwritten(tmp_path, dataset):
    older = write_result(dataset, tmp_path / "a.zarr")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "thesis.tex").write_text("text")
    (tmp_path / "file").write_text("text")
    for name in ("a.zarr", "notes", "file"):
        with pytest.raises(StoreError, match=r"exists already; choose another --out, or delete it."):
            write_result(dataset.isel(n_agents=[0]), tmp_path / name)
        with pytest.raises(StoreError, match=r"exists already"):
            check_target(tmp_path / name)
    assert open_result(older).load().identical(dataset)
    assert (tmp_path / "notes" / "thesis.tex").read_text() == "text"
    with pytest.raises(StoreError, match="is not a folder that can be written to"):
        check_target(tmp_path / "file" / "b.zarr")


def test_opening_says_what_is_wrong(tmp_path, dataset):
    missing = tmp_path / "none.zarr"
    with pytest.raises(StoreError, match=r"There is no result at .*; check the path."):
        open_result(missing)
    Journal(missing, RUN).start(resume=False)
    with pytest.raises(StoreError, match=r"it is unfinished: continue it with sweep --resume."):
        open_result(missing)
    old = write_result(dataset.assign_attrs(schema_version=SCHEMA_VERSION + 1), tmp_path / "new.zarr")
    with pytest.raises(StoreError, match=f"has schema version {SCHEMA_VERSION + 1}.* reads {SCHEMA_VERSION}"):
        open_result(old)
    foreign = tmp_path / "foreign.zarr"
    dataset.assign_attrs(schema_version=None).drop_attrs().to_zarr(foreign, zarr_format=2)
    with pytest.raises(StoreError, match="has schema version None"):
        open_result(foreign)
    (tmp_path / "text.zarr").write_text("not zarr")
    (tmp_path / "empty.zarr").mkdir()
    for name in ("text.zarr", "empty.zarr"):
        with pytest.raises(StoreError, match="is not a zarr store that can be read"):
            open_result(tmp_path / name)
