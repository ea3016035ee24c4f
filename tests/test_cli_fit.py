"""The commands fit and compare, their dataset and their figure, as a user meets them."""

import json

import jax
import numpy as np
import pytest
from test_cli import run

from entropyjax.inference.parameters import Free
from entropyjax.io.store import open_result
from entropyjax.jobs.fit import FitSpec, fit_traces
from entropyjax.models import Star
from entropyjax.plots import PlotError, figures
from entropyjax.plots.fit import fit_figure
from entropyjax.traces import simulated_traces, write_traces

FAST = ("--starts", 4, "--folds", 2, "--draws", 100)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("fit")
    params = Star().params(n_agents=5.0, evidence=5.0, error_tokens=1.0, resolution_rate=0.0, roster_tokens=0.1)
    runs = simulated_traces(Star(), params, runs=3, tasks=8, steps=6, key=jax.random.key(0))
    write_traces(runs, path / "runs.jsonl")
    (path / "empty.jsonl").write_text("")
    (path / "fit.toml").write_text('[fit]\nstarts = 50\nfolds = 2\ncut = 4\ndraws = 100\nposterior = "laplace"\n')
    return path


@pytest.fixture(scope="module")
def said(folder):
    return run("fit", "runs.jsonl", "--config", "fit.toml", *FAST[:2], "--out", "one.zarr", cwd=folder)


def test_a_fit_says_what_it_found_and_where_it_is(folder, said):
    assert "24 runs of 8 tasks" in said and "Fit of star (agents) to agreement, context measured" in said
    assert "evidence" in said and "(prior [1, 15])" in said and "4 starts:" in said and "nan" not in said
    assert "On held-out tasks:" in said and "On held-out steps:" in said and "Figure: one-fit.png" in said
    found = open_result(folder / "one.zarr")
    assert found.posterior.dims == ("draw", "label") and found.params.dims == ("draw", "condition", "parameter")
    draws = found.params.sel(parameter="evidence").values[:, 0]
    assert np.array_equal(draws, found.posterior.sel(label="evidence").values)
    # What the log says directly is not fitted: the first context is 1.5 ktok, the tokens of a step 1.5.
    fixed = json.loads(found.attrs["fixed"])
    assert fixed["n_agents"] == [5.0] and fixed["executor_tokens"][0] == pytest.approx(1.5, abs=0.2)
    assert fixed["system_tokens"][0] + 5.0 * fixed["roster_tokens"][0] == pytest.approx(1.5)
    assert float(found.agreeing.sum()) <= float(found.pairs.sum()) and found.pairs.values[0, 0] == 24.0
    (figure,) = figures(found).values()
    assert [ax.get_xlabel() for ax in figure.axes] == ["step t", "90% interval in that of the prior"]
    with pytest.raises(PlotError, match="holds no fit"):
        fit_figure(found.drop_attrs())


@pytest.mark.slow
def test_fits_are_compared(folder, said):
    told = json.loads(
        run("fit", "runs.jsonl", *FAST, "--cut", 4, "--seed", 1, "--out", "two.zarr", "--json", cwd=folder)
    )
    assert told["held_out"]["tasks"] < 0.0 and told["estimates"]["evidence"]["width_over_prior"] < 1.5
    table = run("compare", "one.zarr", "two.zarr", cwd=folder)
    assert "star (one.zarr)" in table and "nat/decision" in table and "On tasks that were held out" in table
    told = json.loads(run("compare", "one.zarr", "two.zarr", "--on", "steps", "--json", cwd=folder))
    assert [one["parameters"] for one in told["models"]] == [4, 4] and told["models"][0]["behind_best"] == 0.0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("fit", "none.jsonl"), "none.jsonl"),
        (("fit", "empty.jsonl"), "empty.jsonl"),
        (("fit", "runs.jsonl", "--model", "sta"), "did you mean 'star'"),
        (("fit", "runs.jsonl", "--observe", "agrement"), "did you mean 'agreement'"),
        (("fit", "runs.jsonl", "--observe", "log_probabilities"), "say nothing of log_probabilities"),
        (("fit", "runs.jsonl", "--free", "evidence:2-8"), "as in evidence:2..8@orchestrator"),
        (("fit", "runs.jsonl", "--set", "evidence=much"), "as in context_window=128"),
        (("fit", "runs.jsonl", "--tie", "evidence=x*focus_rate"), "as in reasoning_tokens=0.5"),
        (("fit", "runs.jsonl", "--config", "none.toml"), "The file none.toml does not exist"),
        (("fit", "runs.jsonl", "--config", "fit.toml", "--model", "sta"), "the command line: 'sta' is not a"),
        (("fit", "runs.jsonl", "--folds", 9, *FAST[:2]), "8 tasks cannot be held out in 9 folds"),
        (("fit", "runs.jsonl", "--set", "evidence=-1"), "evidence = -1 is outside"),
        (("compare", "runs.jsonl"), "runs.jsonl"),
    ],
)
def test_wrong_input_is_answered_in_a_sentence(folder, arguments, words):
    assert words in run(*arguments, cwd=folder, code=2)


def test_a_model_without_one_gap_is_refused(folder):
    assert "does not choose by one gap" in run("fit", "runs.jsonl", "--model", "tree", cwd=folder, code=2)


@pytest.mark.slow
def test_every_observation_together_recovers_what_was_simulated():
    """A joint fit of 40 tasks; intervals of four parameters at 90% widened to 99.9%: a failure in 250 runs."""
    truth = {"evidence": 6.0, "executor_tokens": 1.2, "error_tokens": 2.0, "effective_fraction": 0.5}
    params = Star().params(**truth, compaction_rate=0.02, resolution_rate=0.0, focus_noise=0.0)
    runs = simulated_traces(Star(), params, runs=4, tasks=40, steps=15, key=jax.random.key(5))
    names = (*truth, "increment_noise")
    spec = FitSpec(
        observe=("agreement", "dispatches", "tokens"),
        free=tuple(Free(name) for name in names),
        fixed={
            "compaction_rate": 0.02,
            "system_tokens": 1.0,
            "roster_tokens": 0.3,
            "initial_focus": 0.0,
            "reasoning_tokens": 0.5,
        },
        context="modelled",
        starts=8,
        folds=0,
    )
    found = fit_traces(runs, spec)
    for name, value in truth.items():
        low, high = found.interval.sel(label=name).values
        middle, half = 0.5 * (low + high), 0.5 * (high - low)
        assert abs(middle - value) < 2.0 * half + 0.05 * value, name
