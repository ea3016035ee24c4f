"""Chat models run on workflows by the command line: what is said, kept, gone on with and replayed."""

import contextlib
import json
import math
import resource
from pathlib import Path

import numpy as np
import pytest
from fake_endpoint import Answer, FakeEndpoint, completion, error
from gold_model import Gold, write_endpoint
from test_cli import run

from entropyjax.endpoints import Endpoint, LogWarning
from entropyjax.io.lines import write_lines
from entropyjax.iwg import Difficulty, Trajectory, decode, encode, generate
from entropyjax.jobs import read_endpoint
from entropyjax.traces import read_traces

INSTANCES = list(generate("retrieval", Difficulty(executors=4, depth=2, output_tokens=20), count=4))


@pytest.fixture
def folder(tmp_path):
    write_lines(tmp_path / "a.jsonl", map(encode, INSTANCES))
    return tmp_path


@contextlib.contextmanager
def full_disk(size):
    """Let the system refuse to make files larger than so many bytes."""
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, former[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)


def trajectories(path):
    return [decode(Trajectory, line) for line in path.read_text().splitlines()]


def test_a_model_is_run_replayed_and_scored(folder):
    with FakeEndpoint(respond=Gold(INSTANCES)) as fake:
        write_endpoint(folder / "e.toml", fake.url)
        asked = ("iwg", "run", "a.jsonl", "--endpoint", "e.toml", "--temperature", 0.5, "--runs", 2)
        said = run(*asked, "--out", "r.jsonl", cwd=folder)
    assert said == "8 runs: r.jsonl\nThey end with answered 8.\n"
    done = trajectories(folder / "r.jsonl")
    # In order, whoever came first; a plan and a conclusion a step, and the answer.
    assert [(one.instance, one.trial) for one in done] == [(one.id, k) for one in INSTANCES for k in (0, 1)]
    assert all(one.success and one.orchestrator == "gold" for one in done) and len(fake.requests) == 8 * 5
    # The two runs of an instance are draws of their own.
    assert len({body["seed"] for _, body in fake.requests}) == 8
    record = json.loads(run("iwg", "score", "a.jsonl", "r.jsonl", "--json", cwd=folder))
    assert record["means"]["success"] == 1.0
    # The endpoint is gone.
    run(*asked, "--out", "again.jsonl", "--log", "r.replies.jsonl", "--replay", "--quiet", cwd=folder)
    assert (folder / "again.jsonl").read_bytes() == (folder / "r.jsonl").read_bytes()
    said = run(
        *asked,
        "--out",
        "other.jsonl",
        "--log",
        "r.replies.jsonl",
        "--replay",
        "--seed",
        1,
        "--quiet",
        cwd=folder,
        code=1,
    )
    assert said.startswith("8 of 8 runs are missing: 8 failed. r.replies.jsonl has no reply number 0 to the request")


@pytest.mark.parametrize("fault", [Answer(b"", 500), Answer(cut=9)], ids=["500", "cut"])
def test_what_failed_is_told_and_gone_on_with(folder, fault):
    broken = INSTANCES[1].seed.query

    def change(body, text):
        return fault if broken in text and "judge" in text else None

    asked = ("iwg", "run", "a.jsonl", "--endpoint", "e.toml", "--out", "r.jsonl")
    with FakeEndpoint(respond=Gold(INSTANCES, change)) as fake:
        write_endpoint(folder / "e.toml", fake.url)
        said = run(*asked, "--quiet", cwd=folder, code=1)
        assert said.startswith("1 of 4 runs are missing: 1 failed. After 2 attempts: http://")
        assert "What was answered is kept in r.replies.jsonl." in said
        assert said.endswith("Finished runs are in r.jsonl.partial. Go on with --resume.\n")
        before = len(fake.requests)
        fake.respond = Gold(INSTANCES)
        other = run(*asked, "--resume", "--max-tokens", 9, cwd=folder, code=2)
        assert "was begun with chat.options.max_tokens 512, and now it is 9" in other
        run(*asked, "--resume", "--quiet", cwd=folder)
    # The first plan of the run that failed is not paid for again.
    assert len(fake.requests) == before + 4
    assert [one.instance for one in trajectories(folder / "r.jsonl")] == [one.id for one in INSTANCES]


def test_a_fault_that_all_would_meet_ends_the_work(folder):
    count = iter(range(100))

    def change(body, text):
        return Answer(error("pay"), 401) if next(count) >= 7 else None

    with FakeEndpoint(respond=Gold(INSTANCES, change)) as fake:
        write_endpoint(folder / "e.toml", fake.url)
        asked = ("iwg", "run", "a.jsonl", "--endpoint", "e.toml", "--out", "r.jsonl", "--concurrency", 1)
        said = run(*asked, "--quiet", cwd=folder, code=1)
    assert said.startswith("3 of 4 runs are missing: 1 failed, 2 were not begun. ") and "refuses access" in said
    assert len(fake.requests) == 8 and len(trajectories(folder / "r.jsonl.partial")) == 1


def test_many_failures_in_a_row_end_the_work(folder):
    asked = ("iwg", "run", "a.jsonl", "--endpoint", "e.toml", "--out", "r.jsonl", "--concurrency", 1, "--quiet")
    write_lines(folder / "a.jsonl", map(encode, generate("files", Difficulty(depth=1), count=6)), replace=True)
    with FakeEndpoint(Answer(error("odd"), 400)) as fake:
        write_endpoint(folder / "e.toml", fake.url)
        said = run(*asked, cwd=folder, code=1)
    assert said.startswith("6 of 6 runs are missing: 4 failed, 2 were not begun.") and "(4 times)" in said
    assert len(fake.requests) == 4


def test_a_full_disk_keeps_what_was_paid_for(folder):
    asked = ("iwg", "run", "a.jsonl", "--endpoint", "e.toml", "--out", "r.jsonl", "--concurrency", 1, "--quiet")
    with FakeEndpoint(respond=Gold(INSTANCES)) as fake:
        write_endpoint(folder / "e.toml", fake.url)
        with full_disk(20_000), pytest.warns(LogWarning, match="^1 replies are lost: The disk of"):
            said = run(*asked, cwd=folder, code=1)
        assert "1 failed" in said and "is full; the replies that are in it stay" in said and "with --resume" in said
        paid = len(fake.requests)
        assert 5 < paid < 20
        run(*asked, "--resume", cwd=folder)
    # All but the reply that was lost.
    assert len(fake.requests) == 20 + 1 and len(trajectories(folder / "r.jsonl")) == 4


def test_nobody_is_there(folder):
    write_endpoint(folder / "e.toml", "http://127.0.0.1:9/v1")
    said = run("iwg", "run", "a.jsonl", "--endpoint", "e.toml", "--out", "r.jsonl", "--quiet", cwd=folder, code=1)
    assert "cannot be reached" in said and said.startswith("4 of 4 runs are missing: 4 failed.")
    # Nothing came of it, and nothing is left of it but the log of the attempts.
    assert sorted(path.name for path in folder.iterdir()) == ["a.jsonl", "e.toml", "r.replies.jsonl"]


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("I would ask somebody.", "no_reply"),
        ('{"dispatches": [{"executor": "Nobody", "query": "?"}], "success": false, "error": "wrong"}', "no_executor"),
        ("", "no_reply"),
    ],
)
def test_a_model_that_never_names_an_executor(folder, text, end):
    with FakeEndpoint(Answer(completion(text))) as fake:
        write_endpoint(folder / "e.toml", fake.url)
        said = run("iwg", "run", "a.jsonl", "--endpoint", "e.toml", "--out", "r.jsonl", "--quiet", cwd=folder, code=1)
    assert said.startswith("None of the 4 runs names an executor of its roster; they are kept in r.jsonl.")
    assert [one.end for one in trajectories(folder / "r.jsonl")] == [end] * 4


def test_a_conversation_that_is_too_long_ends_its_run(folder):
    def change(body, text):
        long = "What happened so far:\n(nothing" not in text and "judge" not in text
        return Answer(error("over", "context_length_exceeded"), 400) if long else None

    asked = ("iwg", "run", "a.jsonl", "--endpoint", "e.toml")
    with FakeEndpoint(respond=Gold(INSTANCES, change)) as fake:
        write_endpoint(folder / "e.toml", fake.url)
        said = run(*asked, "--out", "r.jsonl", cwd=folder)
    assert "They end with context_full 4." in said
    assert "longer than the model's context; it says: " in trajectories(folder / "r.jsonl")[0].problem
    run(*asked, "--out", "s.jsonl", "--log", "r.replies.jsonl", "--replay", "--quiet", cwd=folder)
    assert (folder / "s.jsonl").read_bytes() == (folder / "r.jsonl").read_bytes()


def test_plans_are_forced_and_drawn_again(folder):
    with FakeEndpoint(respond=Gold(INSTANCES)) as fake:
        write_endpoint(folder / "e.toml", fake.url, "grammars = true\nseeds = false\n")
        asked = ("iwg", "run", "a.jsonl", "--endpoint", "e.toml", "--constrain", "grammar", "--temperature", 1)
        run(*asked, "--resample", 3, "--top-logprobs", 0, "--out", "r.jsonl", "--quiet", cwd=folder)
        run(*asked, "--resample", 3, "--top-logprobs", 0, "--out", "s.jsonl", "--log", "r.replies.jsonl", cwd=folder)
    # Two turns of a plan, three more and a conclusion, and the answer.
    assert len(fake.requests) == 4 * (2 * 5 + 1)
    assert (folder / "r.jsonl").read_bytes() == (folder / "s.jsonl").read_bytes()
    assert all(
        "grammar" in body and not {"seed", "response_format", "logprobs"} & set(body) for _, body in fake.requests
    )
    assert {turn.plan.scheduling.source for one in trajectories(folder / "r.jsonl") for turn in one.turns} == {"draws"}


@pytest.mark.parametrize(
    ("table", "options", "sentence"),
    [
        ("", (), "e.toml has no table [endpoint]"),
        ("url = 'http://h/v1'\n", (), "e.toml holds 'url'"),
        ("[endpoint]\nurl = 'http://h/v1'\n", (), "e.toml: The endpoint has no model; set it."),
        ("[endpoint]\nurl = 'http://h/v1'\nmodel = 'm'\n[other]\n", (), "e.toml holds 'other'"),
        ("[endpoint\n", (), "e.toml:1: not valid TOML"),
        (None, ("--orchestrator", "perfect"), "leave --orchestrator perfect out"),
        (None, ("--runs", 2), "At temperature 0 the 2 runs of an instance are all alike"),
        (None, ("--resample", 3), "3 plans drawn at temperature 0 are all alike"),
        (None, ("--constrain", "grammar"), "The endpoint is not said to know a grammar; set grammars = true"),
        (None, ("--param", "evidence=3"), "Parameters (evidence) are those of the orchestrator 'simulated'"),
        ("[endpoint]\nurl = 'http://h/v1'\nmodel = 'm'\nkey_variable = 'NO_KEY'\n", (), "NO_KEY is empty or not set"),
        (None, ("--replay",), "r.replies.jsonl cannot be opened"),
    ],
)
def test_mistakes_are_answered_in_a_sentence(folder, table, options, sentence):
    write_endpoint(folder / "e.toml", "http://127.0.0.1:9/v1")
    if table is not None:
        (folder / "e.toml").write_text(table)
    assert sentence in run(
        "iwg", "run", "a.jsonl", "--endpoint", "e.toml", "--out", "r.jsonl", *options, cwd=folder, code=2
    )
    assert sorted(path.name for path in folder.iterdir()) == ["a.jsonl", "e.toml"]


@pytest.mark.parametrize("name", ["hosted", "llama-cpp"])
def test_example_files_are_endpoints(name):
    path = Path(__file__).resolve().parents[2] / "configs" / "endpoints" / f"{name}.toml"
    assert isinstance(read_endpoint(path), Endpoint) and read_endpoint(path, 3).concurrency == 3


def test_traces_hold_the_valid_mass(folder):
    def change(body, text):
        if "judge" in text:
            return None
        name = INSTANCES[0].marks[0].executor
        head, rest = '{"dispatches": [{"executor": "', '", "query": "?"}]}'
        answer = completion(f"{head}{name}{rest}")
        chances = {name: 0.25, "Nobody": 0.75}
        others = [{"token": text, "logprob": math.log(p)} for text, p in chances.items()]
        tokens = [
            {"token": head, "logprob": 0.0},
            {**others[0], "top_logprobs": others},
            {"token": rest, "logprob": 0.0},
        ]
        answer["choices"][0]["logprobs"] = {"content": tokens}
        return Answer(answer)

    write_lines(folder / "a.jsonl", [encode(INSTANCES[0])], replace=True)
    with FakeEndpoint(respond=Gold(INSTANCES, change)) as fake:
        write_endpoint(folder / "e.toml", fake.url)
        run("iwg", "run", "a.jsonl", "--endpoint", "e.toml", "--turns", 1, "--out", "r.jsonl", "--quiet", cwd=folder)
    found = trajectories(folder / "r.jsonl")[0].turns[0].plan.scheduling
    assert (found.source, found.valid_mass) == ("log-probabilities", pytest.approx(0.25))
    traces = read_traces(folder / "r.jsonl")
    assert np.nansum(np.exp(traces.log_probability)) == pytest.approx(0.25)
