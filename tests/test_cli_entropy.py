"""The command entropy, its dataset and its figure, as a user meets them."""

import json

import numpy as np
import pytest
import xarray as xr
from inference.agents import simulate
from test_cli import run

from entropyjax.plots import PlotError, figures, trace_entropy_panels


def written(path, traces, system="x", task=""):
    """Write runs as the library's own JSON lines."""
    lines = []
    for name, number, row in zip(traces.run_id, traces.task, traces.dispatches(), strict=True):
        steps = [{"t": t, "turn": t, "agent": traces.agents[a]} for t, a in enumerate(row) if a >= 0]
        run_of = {"run_id": name, "task_id": f"{task}{number}", "system": system, "roster": traces.agents}
        lines.append(json.dumps(run_of | {"steps": steps}) + "\n")
    with path.open("a") as file:
        file.writelines(lines)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("entropy")
    rng = np.random.default_rng(0)
    written(path / "one.jsonl", simulate(rng, 30, 4, [0.6, 0.7, 0.8, 0.8, 0.9]))
    with (path / "one.jsonl").open("a") as file:
        file.write("no JSON\n")
    written(path / "two.jsonl", simulate(rng, 30, 4, [0.6, 0.7, 0.8, 0.8, 0.9]))
    written(path / "two.jsonl", simulate(rng, 30, 1, [0.6, 0.7, 0.8]), system="a/b")
    return path


def test_it_says_what_was_read_what_it_found_and_where_it_is(folder):
    said = run("entropy", "one.jsonl", "--replicates", 200, "--out", "one.zarr", cwd=folder)
    assert "121 records read, 1 skipped" in said and "one.jsonl:121: this is no JSON" in said
    assert "120 runs of 30 tasks" in said and "Shannon: pooled H" in said and "Order 2: pooled H" in said
    assert "decision entropy" in said and "gauge" in said and "200 bootstrap replicates over tasks" in said
    assert "Figure: one-entropy.png" in said and "nan" not in said
    with xr.open_zarr(folder / "one.zarr") as found:
        assert found.history_share.dims == ("group", "step") and found.history_share.attrs["count"] in found
        assert found.within_nsb_interval.dims == ("group", "step", "bound") and found.within_nsb.attrs["units"] == "nat"
        assert found.count_runs.values[0, 0] == 120
        (figure,) = figures(found.load()).values()
        labels = [ax.get_ylabel() for ax in figure.axes]
        assert labels == ["H (nat)", "H (nat)\nShannon", "H (nat)\norder 2", "number at risk"]
    again = run("plot", "one.zarr", "--out", "again", "--json", cwd=folder)
    assert json.loads(again)["figures"] == ["again-entropy.png", "again-entropy.svg"]
    assert (folder / "again-entropy.svg").read_bytes() == (folder / "one-entropy.svg").read_bytes()
    assert "exists already" in run("entropy", "one.jsonl", "--out", "one.zarr", cwd=folder, code=2)


@pytest.mark.slow
def test_groups_and_json(folder):
    asked = ("entropy", "two.jsonl", "--by", "system", "--replicates", 0, "--out", "two.zarr", "--json")
    told = json.loads(run(*asked, cwd=folder))
    assert set(told["groups"]) == {"x", "a/b"} and len(told["figures"]) == 4
    with_repeats, without = told["groups"]["x"], told["groups"]["a/b"]
    assert with_repeats["repeats"] and not without["repeats"] and "history_share" not in without["series"]
    assert with_repeats["series"]["gauge"]["estimate"][0] is None and without["counts"]["runs"][0] == 30
    with xr.open_zarr(folder / "two.zarr") as found:
        with pytest.raises(PlotError, match="2 groups of runs; choose one with group='x'"):
            trace_entropy_panels(found)
        with pytest.raises(PlotError, match="'y' is no group"):
            trace_entropy_panels(found, group="y")
        assert len(trace_entropy_panels(found, group="a/b").axes) == 2
    assert "two-entropy-a_b.png" in told["figures"]
    with pytest.raises(PlotError, match="no entropies of traces"):
        trace_entropy_panels(xr.Dataset())


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("none.jsonl",), "There is no file none.jsonl"),
        (("one.jsonl", "--format", "nrmalised"), "is no trace format"),
        (("one.jsonl", "--replicates", "1"), "1 replicates make no bootstrap"),
        (("one.jsonl", "--by", "task"), "'task' is not one of"),
        ((), "Missing argument 'TRACES...'"),
    ],
)
def test_mistakes_are_answered_in_a_sentence(folder, arguments, expected):
    assert expected in run("entropy", *arguments, cwd=folder, code=2)
