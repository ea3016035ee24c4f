"""The folder of caches, and a memory that never fails."""

import json
import os
import threading
import time
from pathlib import Path

import pytest

from entropyjax.calibrate import Memory, cache_folder

QUESTION = {"jaxlib": "1.2.3", "system": "Linux"}


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"ENTROPYJAX_CACHE_DIR": "/own", "XDG_CACHE_HOME": "/shared"}, "/own"),
        ({"XDG_CACHE_HOME": "/shared"}, "/shared/entropyjax"),
        ({"XDG_CACHE_HOME": "relative"}, "/home/a/.cache/entropyjax"),
        ({"ENTROPYJAX_CACHE_DIR": ""}, "/home/a/.cache/entropyjax"),
        ({"ENTROPYJAX_CACHE_DIR": "~/own"}, "/home/a/own"),
    ],
)
def test_folder(environment, expected, monkeypatch):
    monkeypatch.setenv("HOME", "/home/a")
    assert cache_folder(environment) == Path(expected)


def test_no_home_means_no_folder_and_no_memory(monkeypatch):
    def homeless(*_):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    assert cache_folder({}) is None
    memory = Memory(None)
    assert not memory.remember(QUESTION, 1)
    assert memory.recall(QUESTION) is None


def test_what_is_remembered_is_recalled(tmp_path):
    memory = Memory(tmp_path / "new" / "folder")
    assert memory.recall(QUESTION) is None
    assert memory.remember(QUESTION, {"a": [1]})
    assert memory.remember(QUESTION, {"a": [2]})
    assert memory.recall(dict(reversed(QUESTION.items()))) == {"a": [2]}
    assert memory.recall(QUESTION | {"jaxlib": "1.2.4"}) is None
    assert [path.suffix for path in memory.folder.iterdir()] == [".json"]


def test_old_answers_can_be_left_out(tmp_path):
    memory = Memory(tmp_path)
    memory.remember(QUESTION, 1)
    then = time.time() - 100.0
    os.utime(memory.path(QUESTION), (then, then))
    assert memory.recall(QUESTION, 50.0) is None
    assert memory.recall(QUESTION, 1000.0) == memory.recall(QUESTION) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\x00",
        b'{"question": {"jaxlib": "1.2.3", "sys',
        b"[1]",
        b"[" * 100_000,
        json.dumps({"question": {"jaxlib": "another"}, "answer": 1}).encode(),
        json.dumps({"question": QUESTION}).encode(),
    ],
)
def test_damaged_and_foreign_files_are_not_known_and_are_replaced(content, tmp_path):
    memory = Memory(tmp_path)
    memory.path(QUESTION).write_bytes(content)
    assert memory.recall(QUESTION) is None
    assert memory.remember(QUESTION, 7)
    assert memory.recall(QUESTION) == 7


@pytest.mark.parametrize("obstacle", ["file", "folder in place of the file", "read-only"])
def test_where_nothing_can_be_written_nothing_is_remembered(obstacle, tmp_path, monkeypatch):
    memory = Memory(tmp_path / "cache" if obstacle == "file" else tmp_path)
    if obstacle == "file":
        (tmp_path / "cache").write_text("")
    elif obstacle == "read-only":
        # The mode of a folder does not hold root back, so the refusal is made.
        def refuse(*_, **__):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("tempfile.mkstemp", refuse)
    else:
        memory.path(QUESTION).mkdir()
    assert not memory.remember(QUESTION, 1)
    assert memory.recall(QUESTION) is None
    assert not list(tmp_path.glob("*.tmp"))


def test_readers_see_whole_files_while_others_write(tmp_path):
    memory = Memory(tmp_path)
    answers = [["x" * 50_000], ["y" * 50_000]]
    memory.remember(QUESTION, answers[0])
    writers = [
        threading.Thread(target=lambda answer=answer: [memory.remember(QUESTION, answer) for _ in range(40)])
        for answer in answers
    ]
    for writer in writers:
        writer.start()
    seen = [memory.recall(QUESTION) for _ in range(100)]
    for writer in writers:
        writer.join()
    assert all(answer in answers for answer in seen)
