"""Fits from TOML files: every field, the command line on top, and sentences with file, line and key."""

import re
import tomllib
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from entropyjax.cli.fit import spec_of, specified
from entropyjax.inference.parameters import Free
from entropyjax.io.config import ConfigError
from entropyjax.io.config.fit_tables import FitTable
from entropyjax.jobs.fit import FitSpec
from entropyjax.jobs.fit_spec import read_fit_spec

EXAMPLE = Path(__file__).parents[1] / "configs" / "fits" / "repeats.toml"


@click.command()
@specified
def shown(**values):
    shown.spec = spec_of(**values)  # type: ignore[attr-defined]


def said(*arguments):
    done = CliRunner().invoke(shown, list(map(str, arguments)), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return shown.spec  # type: ignore[attr-defined]


def test_the_example_is_read():
    assert read_fit_spec(EXAMPLE) == FitSpec(
        free=(
            Free("evidence", 1.0, 15.0, by="orchestrator", pooled=True),
            Free("effective_fraction"),
            Free("initial_focus"),
            Free("task_spread"),
        ),
        fixed={"dilution_order": 2.0, "context_window": {"gpt-4o": 128.0, "gpt-4.1": 1000.0}},
        ties={"reasoning_tokens": ("executor_tokens", 0.5)},
        observe=("agreement",),
        context="measured",
        cut=6,
        posterior="smc",
    )


def test_the_file_in_the_documents_is_read():
    page = (EXAMPLE.parents[2] / "docs" / "fits.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```toml\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    shown = {key: value for key, value in tomllib.loads(block).items() if key != "base"}
    found, plain = read_fit_spec(shown), read_fit_spec(EXAMPLE)
    assert (found.fixed, found.ties, found.free[0]) == (plain.fixed, plain.ties, plain.free[0])


def test_every_field_of_a_specification_is_a_key():
    fields = set(FitSpec.__dataclass_fields__)
    assert set(FitTable.model_fields) == fields - {"free", "fixed", "ties"}
    assert read_fit_spec({}) == FitSpec() == said()


def test_options_win_over_the_file():
    options = ("--starts", 4, "--observe", "agreement,tokens", "--free", "dilution_order", "--free", "evidence:2..8")
    options += ("--set", "reasoning_tokens=0.1", "--tie", "error_tokens=2.0*executor_tokens")
    found, plain = said("--config", EXAMPLE, *options), read_fit_spec(EXAMPLE)
    assert (found.starts, found.observe, found.cut) == (4, ("agreement", "tokens"), plain.cut)
    # What a name is on the command line is all that it is.
    assert found.fixed == {"context_window": plain.fixed["context_window"], "reasoning_tokens": 0.1}
    assert found.ties == {"error_tokens": ("executor_tokens", 2.0)}
    assert set(found.free) == {*plain.free[1:], Free("dilution_order"), Free("evidence", 2.0, 8.0)}
    # A default is no option.
    assert said("--config", EXAMPLE) == plain


def test_a_base_is_built_on(tmp_path):
    (tmp_path / "a.toml").write_text(f"base = '{EXAMPLE}'\n[fit]\nfolds = 0\n[fixed]\ndilution_order = 3\n")
    found, plain = read_fit_spec(tmp_path / "a.toml"), read_fit_spec(EXAMPLE)
    assert (found.folds, found.cut, found.free) == (0, plain.cut, plain.free)
    assert found.fixed == {**plain.fixed, "dilution_order": 3.0}


CASES = {
    "[fti]": "1: 'fti' is not a key of the top level; did you mean 'fit'?",
    "[fit]\nmodle = 'star'": "2: 'modle' is not a key of [fit]; did you mean 'model'?",
    "[fit]\nmodel = 'sta'": "2: 'sta' is not a model; did you mean 'star'?",
    "[fit]\nobserve = ['agreement', 'tokns']": "2: 'tokns' is not an observation; did you mean 'tokens'?",
    "[fit]\nstarts = 0": "2: starts = 0 is outside [1, inf): Starts of the fit. Choose a value in [1, inf).",
    "[fit]\nfolds = 2.5": "2: folds must be a whole number, not 2.5.",
    "[fit]\nposterior = 'nutz'": "2: posterior = 'nutz' is not possible; did you mean 'nuts'?",
    "[free]\nevidnce = {}": "2: free.evidnce: 'evidnce' is not a parameter of this fit; did you mean 'evidence'?",
    "[free.evidence]\nlo = 1": "2: 'lo' is not a key of free.evidence; did you mean 'low'?",
    "[free.evidence]\nby = 'model'": "2: free.evidence.by = 'model' is not possible; valid names are system, orch",
    "[free.evidence]\nlow = 1.0": "2: free.evidence has low and no high; give both, or neither.",
    "[free.evidence]\nlow = 8\nhigh = 2": "1: free.evidence: The range of evidence from 8 to 2 must rise",
    "[fixed]\nevidence = -1": "2: fixed: evidence = -1 nat is outside [0, inf)",
    "[fixed]\ncontext_window = '64 tok'": "2: fixed: context_window = '64 tok' is given in 'tok'",
    "[fixed]\ncontext_window = {a = 1, b = 0}": "2: fixed.context_window[b]: context_window = 0 ktok is outside",
    "[fixed]\ntask_spread = 'x'": "2: fixed: task_spread = 'x' must be a number in",
    "[ties]\nerror_tokens = 'x*executor_tokens'": "2: ties.error_tokens = 'x*executor_tokens' is not FACTOR*OTHER",
    "[ties]\nerror_tokens = 'executor_token'": "2: ties.error_tokens: 'executor_token' is not a parameter of this fit",
    "[free]\nevidence = {}\n[fixed]\nevidence = 5": "4: fixed.evidence: evidence is named twice among the free,",
    "[fit]\nobserve = ['agreement']\n[free]\ntoken_scale = {}": "4: free.token_scale: 'token_scale' is not a parameter",
}


@pytest.mark.parametrize("text", CASES)
def test_what_is_wrong_is_told_with_file_line_and_key(tmp_path, text):
    path = tmp_path / "fit.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_fit_spec(path)
    assert str(caught.value).startswith(f"{path}:{CASES[text]}")


def test_all_that_is_wrong_is_told_at_once_and_where_it_was_said():
    over = {"free": {"evidnce": {}}, "fixed": {"focus_rate": -1.0}}
    with pytest.raises(ConfigError) as caught:
        read_fit_spec(EXAMPLE, over, "the command line")
    assert [one.partition(": ")[0] for one in caught.value.problems] == ["the command line"] * 2
