"""A chat model in the failure-mode suite, by the command line."""

import json

from fake_endpoint import Answer, FakeEndpoint, error
from gold_model import Gold, write_endpoint
from test_cli import run

from entropyjax.iwg.scenarios import SCENARIOS

COMMAND = ("iwg", "suite", "--endpoint", "e.toml", "--only", "roster_growth", "--count", 2, "--keep", "kept")


def instances():
    scenario = SCENARIOS.get("roster_growth")
    return [one for setting in (scenario.plain, scenario.hard) for one in setting.instances(2, 0)]


def test_a_model_is_judged_and_paid_for_once(tmp_path):
    with FakeEndpoint(respond=Gold(instances())) as fake:
        write_endpoint(tmp_path / "e.toml", fake.url)
        said = run(*COMMAND, "--out", "report.json", cwd=tmp_path)
        number = len(fake.requests)
    assert number > 0 and "roster_growth" in said
    record = json.loads((tmp_path / "report.json").read_text())
    assert record["passed"] and record["orchestrator"] == "gold"
    # The endpoint is gone, and its runs are there.
    again = json.loads(run(*COMMAND, "--json", cwd=tmp_path))
    assert again == record


def test_what_a_model_in_the_suite_needs(tmp_path):
    write_endpoint(tmp_path / "e.toml", "http://127.0.0.1:9/v1")
    said = run(*COMMAND[:-2], cwd=tmp_path, code=2)
    assert "say with --keep in which folder" in said
    said = run(*COMMAND, "--orchestrator", "perfect", cwd=tmp_path, code=2)
    assert "--endpoint is an orchestrator of its own" in said


def test_an_endpoint_that_fails_leaves_what_was_paid_for(tmp_path):
    with FakeEndpoint(respond=lambda body: Answer(error("no"), status=401)) as fake:
        write_endpoint(tmp_path / "e.toml", fake.url)
        said = run(*COMMAND, cwd=tmp_path, code=1)
    assert "401" in said
    with FakeEndpoint(respond=Gold(instances())) as fake:
        write_endpoint(tmp_path / "e.toml", fake.url)
        assert "roster_growth" in run(*COMMAND, cwd=tmp_path)
