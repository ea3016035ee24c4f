"""The log: what is paid for stays, through crashes, full disks and other processes."""

import contextlib
import json
import os
import resource
import subprocess
import sys

import pytest
from fake_endpoint import Answer, FakeEndpoint, completion
from hypothesis import given, strategies as st
from test_endpoints_client import DRAW, ask, echo, endpoint, replay, said

from entropyjax.endpoints import EndpointError, LogWarning, ReplyLog

REQUEST = {"request": {}}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The bytes of a log with three replies."""
    path = tmp_path_factory.mktemp("log") / "log.jsonl"
    with FakeEndpoint(respond=echo) as fake:
        for text in ("a", "b", "c"):
            ask(endpoint(fake), said(text), log=path)
    return path.read_bytes()


def test_a_run_goes_on_where_it_was_killed(tmp_path, written):
    path = tmp_path / "log.jsonl"
    whole = written.splitlines(keepends=True)
    path.write_bytes(written[:-30])
    with FakeEndpoint(respond=echo) as fake:
        with pytest.warns(LogWarning, match=r"log.jsonl:4: the last line is damaged and is cut off\."):
            ask(endpoint(fake), said("a"), said("b"), said("c"), log=path)
        assert len(fake.requests) == 1
    lines = path.read_bytes().splitlines(keepends=True)
    assert lines[:3] == whole[:3]
    assert json.loads(lines[3])["reply"] == json.loads(whole[3])["reply"]


@given(data=st.data())
def test_any_beginning_of_a_log_is_one(tmp_path_factory, written, data):
    """Whole lines are found again, and what comes next is appended where they end."""
    length = data.draw(st.integers(0, len(written)))
    path = tmp_path_factory.mktemp("log") / "log.jsonl"
    path.write_bytes(written[:length])
    ends = [k + 1 for k, byte in enumerate(written) if byte == ord("\n")]
    # A line that lacks only its end is whole.
    whole = sum(end - 1 <= length for end in ends[1:])
    cut = length not in (0, *ends, *(end - 1 for end in ends[1:])) and length > ends[0]
    with pytest.warns(LogWarning) if cut else contextlib.nullcontext():
        log = ReplyLog(path)
    assert len(log) == whole
    log.keep("new", 0, {"reply": [1]})
    log.close()
    again = ReplyLog(path, writing=False)
    assert (len(again), again.find("new", 0)) == (whole + 1, [1])
    again.close()


def test_reading_changes_nothing(tmp_path, written):
    path = tmp_path / "log.jsonl"
    path.write_bytes(written[:-30])
    path.chmod(0o444)
    with FakeEndpoint() as fake, pytest.warns(LogWarning, match="is passed over"):
        (reply,) = replay(endpoint(fake), path, said("b"))
    assert reply.text == "b"
    assert path.read_bytes() == written[:-30]


def test_damage_inside_is_passed_over_and_told(tmp_path, written):
    path = tmp_path / "log.jsonl"
    lines = written.splitlines(keepends=True)
    damaged = b"".join([*lines[:2], b"\x00\xff garbage\n", b"[1]\n", b'{"reply": 1}\n', *lines[2:]])
    path.write_bytes(damaged)
    with pytest.warns(LogWarning, match=r"3 damaged lines are passed over \(line 3, 4, 5\); delete them"):
        log = ReplyLog(path)
    assert len(log) == 3
    log.close()
    assert path.read_bytes() == damaged


def test_the_first_of_two_replies_counts(tmp_path):
    log = ReplyLog(tmp_path / "log.jsonl")
    for value in (1, 2):
        log.keep("q", 0, {"reply": value})
    assert log.find("q", 0) == 1
    log.close()


@pytest.mark.parametrize(
    "content", [b"precious\n", b"{}\n", b'{"format": "entropyjax replies", "schema": 9}\n', b"\x00" * 50]
)
def test_another_file_is_left_alone(tmp_path, content):
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    for writing in (True, False):
        with pytest.raises(EndpointError, match=r"notes.txt is no log of replies; name another file\."):
            ReplyLog(path, writing)
    assert path.read_bytes() == content


def test_places_that_cannot_be_used(tmp_path):
    (tmp_path / "file").write_text("")
    for path, writing, reason in [
        (tmp_path, True, "Is a directory"),
        (tmp_path / "file" / "log", True, "Not a directory|File exists"),
        (tmp_path / "none", False, "No such file"),
    ]:
        with pytest.raises(EndpointError, match=rf"cannot be opened \(({reason})"):
            ReplyLog(path, writing)


def test_two_runs_do_not_write_one_log(tmp_path):
    path = tmp_path / "log.jsonl"
    log = ReplyLog(path)
    with pytest.raises(EndpointError, match="Another run writes"):
        ReplyLog(path)
    code = f"from entropyjax.endpoints import ReplyLog; ReplyLog({os.fspath(path)!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "EndpointError: Another run writes" in done.stderr
    # Reading is free.
    ReplyLog(path, writing=False).close()
    log.close()
    ReplyLog(path).close()


@contextlib.contextmanager
def full_disk(size: int):
    """Let the system refuse to make files larger than so many bytes."""
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, former[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)


def test_a_full_disk(tmp_path, written):
    path = tmp_path / "log.jsonl"
    path.write_bytes(written)
    # The reply that comes when the disk is full does not fit by half.
    with FakeEndpoint(respond=echo) as fake:
        with full_disk(len(written) + 200), pytest.warns(LogWarning, match="^1 replies are lost: The disk of"):
            first, second = ask(endpoint(fake, concurrency=1), said("new"), said("newer"), log=path)
        assert path.read_bytes() == written
        for caught in (first, second):
            assert isinstance(caught, EndpointError) and caught.kind == "log"
            assert "is full; the replies that are in it stay. Make room and run again" in str(caught)
        # What cannot be kept is not bought.
        assert len(fake.requests) == 1
        assert [one.text for one in ask(endpoint(fake), said("a"), said("new"), log=path)] == ["a", "new"]
        assert len(fake.requests) == 2


def test_room_is_made_in_time(tmp_path):
    path = tmp_path / "log.jsonl"
    log = ReplyLog(path)
    with full_disk(60), pytest.raises(EndpointError, match="is full"):
        log.keep("q", 0, {"reply": "paid for" * 10})
    assert log.find("q", 0) is None
    log.keep("q", 1, {"reply": 2})
    assert (log.find("q", 0), log.find("q", 1)) == ("paid for" * 10, 2)
    log.close()


def test_a_disk_that_is_full_from_the_start_costs_nothing(tmp_path):
    with FakeEndpoint() as fake, full_disk(10), pytest.raises(EndpointError, match="is full"):
        ask(endpoint(fake), said("a"), log=tmp_path / "log.jsonl")
    assert fake.requests == []


def test_answers_without_text_are_answers_and_what_is_no_answer_is_asked_again(tmp_path):
    path = tmp_path / "log.jsonl"
    answers = {"empty": Answer(completion("")), "broken": Answer({"choices": []})}
    with FakeEndpoint(respond=lambda body: answers[body["messages"][0]["content"]]) as fake:
        for _ in range(2):
            for text, kind in [("empty", "empty"), ("broken", "malformed")]:
                (caught,) = ask(endpoint(fake), said(text), log=path)
                assert isinstance(caught, EndpointError) and caught.kind == kind
        assert [body["messages"][0]["content"] for _, body in fake.requests] == ["empty", "broken", "broken"]
        with pytest.raises(EndpointError, match="has no text"):
            replay(endpoint(fake), path, said("empty"))


def test_a_failed_draw_is_drawn_again(tmp_path):
    path = tmp_path / "log.jsonl"
    bad, texts = Answer(b"", 400), iter("xyz")
    answers = iter([Answer(completion("first")), bad, Answer(completion("third"))])
    with FakeEndpoint(respond=lambda _: next(answers, None) or Answer(completion(next(texts)))) as fake:
        place = endpoint(fake, concurrency=1)
        replies = ask(place, *[said("a")] * 3, log=path, options=DRAW)
        again = ask(place, *[said("a")] * 3, log=path, options=DRAW)
    assert isinstance(replies[1], EndpointError)
    assert [one.text for one in again] == ["first", "x", "third"]
