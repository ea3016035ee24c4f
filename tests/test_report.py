"""Reports: pages that hold all they need, and the gate of continuous integration."""

import json

import jax
import pytest
from test_cli import run

from entropyjax.models import Star
from entropyjax.report import Figure, Page, Section, Table, render
from entropyjax.traces import simulated_traces, write_traces

FAST = ("--starts", 4, "--draws", 100, "--horizon", 12)


def test_a_page_escapes_what_it_is_given_and_loads_nothing():
    table = Table(("<a>", "b"), (("1 & 2", "3"),))
    figure = Figure(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "a 'figure'")
    sections = (Section("One <two>", ("x < y",), ("  a  b",), (table,), (figure,)),)
    text = render(Page("A & B", ("first",), sections, ("made",)))
    assert "A &amp; B" in text and "x &lt; y" in text and "1 &amp; 2" in text and "<script" not in text
    assert "<pre" in text and 'src="data:image/svg+xml;base64,' in text
    # No address but those of namespaces inside the pictures.
    assert "http" not in text and "url(" not in text


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("report")
    params = Star().params(n_agents=5.0, evidence=5.0, error_tokens=1.0, resolution_rate=0.3, roster_tokens=0.1)
    runs = simulated_traces(Star(), params, runs=3, tasks=8, steps=14, key=jax.random.key(0))
    write_traces(runs, path / "runs.jsonl")
    return path


@pytest.mark.slow
def test_a_diagnosis_is_one_page_and_the_same_as_data(folder):
    said = run("diagnose", "runs.jsonl", *FAST, "--folds", 2, "--out", "page.html", cwd=folder)
    assert "Within 12 steps a run collapses with probability" in said and "Report: page.html" in said
    text = (folder / "page.html").read_text()
    for title in ("Entropy of the choice", "Does the context matter?", "Forecast and advice", "What to keep in mind"):
        assert title in text
    assert "<script" not in text and 'src="http' not in text and text.count("<img") >= 4
    data = json.loads((folder / "page.json").read_text())
    assert data["comparison"]["models"] and data["forecast"] and data["fit"]["model"] == "star"
    assert "exists already" in run("diagnose", "runs.jsonl", *FAST, "--out", "page.html", cwd=folder, code=2)


@pytest.mark.slow
def test_a_check_ends_with_a_code_and_a_sentence(folder):
    passed = run("check", "runs.jsonl", *FAST, "--max-collapse-probability", 1.0, cwd=folder)
    assert "Passed: Within 12 steps" in passed
    failed = run("check", "runs.jsonl", *FAST, "--max-collapse-probability", 0.0, cwd=folder, code=3)
    assert "Failed: Within 12 steps" in failed and "At most 0 is allowed" in failed


def test_wrong_input_is_answered_in_a_sentence(folder):
    assert "none.jsonl" in run("diagnose", "none.jsonl", cwd=folder, code=2)
    assert "1.5" in run("check", "runs.jsonl", "--max-collapse-probability", 1.5, cwd=folder, code=2)
