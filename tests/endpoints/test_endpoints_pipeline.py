"""A small real model through the whole pipeline: run, kept, replayed, scored, and read as traces."""

import json

import pytest
from gold_model import write_endpoint
from small_model import serve
from test_cli import run

from entropyjax.iwg import Trajectory, decode

pytestmark = pytest.mark.slow
KEY, VARIABLE = "sk-small-model", "SMALL_MODEL_KEY"
MORE = f'key_variable = "{VARIABLE}"\ngrammars = true\nconcurrency = 2'


def test_a_small_model_from_instances_to_entropy(tmp_path, monkeypatch):
    knobs = ("--count", 2, "--executors", 3, "--depth", 2, "--output-tokens", 20)
    run("iwg", "generate", "retrieval", *knobs, "--out", "a.jsonl", "--quiet", cwd=tmp_path)
    monkeypatch.setenv(VARIABLE, KEY)
    asked = ("iwg", "run", "a.jsonl", "--endpoint", "e.toml", "--constrain", "grammar", "--max-tokens", 320)
    with serve(KEY) as url:
        write_endpoint(tmp_path / "e.toml", url, MORE)
        text = (tmp_path / "e.toml").read_text().replace("timeout = 5.0", "timeout = 120.0")
        (tmp_path / "e.toml").write_text(text)
        run(*asked, "--turns", 2, "--out", "r.jsonl", "--quiet", cwd=tmp_path)
    monkeypatch.delenv(VARIABLE)
    done = [decode(Trajectory, line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    turns = [turn for one in done for turn in one.turns]
    assert len(done) == 2 and turns
    for turn in turns:
        # The grammar lets nobody else be named; the chances are those before it, and much of them may be missing.
        assert all(step.dispatch.executor in done[0].roster for step in turn.steps)
        found = turn.plan.scheduling
        assert found.source in ("log-probabilities", "parallel")
        assert sum(found.probability.values()) == pytest.approx(1.0) and found.valid_mass + found.missing < 1.0 + 1e-6
    assert KEY not in (tmp_path / "r.replies.jsonl").read_text()
    run(*asked, "--turns", 2, "--out", "s.jsonl", "--log", "r.replies.jsonl", "--replay", "--quiet", cwd=tmp_path)
    assert (tmp_path / "s.jsonl").read_bytes() == (tmp_path / "r.jsonl").read_bytes()
    record = json.loads(run("iwg", "score", "a.jsonl", "r.jsonl", "--json", cwd=tmp_path))
    assert record["runs"] == 2 and 0.0 <= record["means"]["reached"] <= 1.0
    assert "2 runs" in run("entropy", "r.jsonl", cwd=tmp_path)
