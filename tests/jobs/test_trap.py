"""The job of the Reasoning Trap, its summary and its figure."""

import json

import numpy as np
import pytest
import xarray as xr

from entropyjax.io.store import StoreError, open_result
from entropyjax.jobs import JobError, MapAxis, summarise, trap
from entropyjax.jobs.trap_summary import most_resolved, trap_record
from entropyjax.plots import PlotError, figures, trap_diagram
from entropyjax.results import Effort

# The mesh in which everybody reads everything has the star's trajectories, and no fixed point to search for.
CONFIG = {
    "title": "Small",
    "model": {"name": "mesh"},
    "params": {"sharing": 1.0, "reasoning_gain": 0.6, "resolution_rate": 0.4},
    "run": {"dynamics": "agents", "horizon": 16.0, "save_intervals": 16, "replicates": 64},
    "axes": [
        {"path": "params.n_agents", "values": [8, 24]},
        {"path": "params.reasoning_tokens", "values": [0.0, 1.0, 6.0]},
    ],
}
PLANE = {"x": MapAxis("n_agents", 4.0, 64.0, log=True, points=3), "y": MapAxis("context_window", 16.0, 128.0, points=2)}


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return trap(CONFIG, **PLANE, high=8.0, out=tmp_path_factory.mktemp("trap") / "a.zarr")


def test_a_result_says_what_it_holds(result, tmp_path):
    length = -np.log(0.01) / 0.4
    np.testing.assert_allclose(result.task_length, length * np.array([0.125, 0.25, 0.5, 1.0, 2.0]))
    assert result.optimum.dims == ("n_agents", "context_window", "task_length") and result.optimum.dtype == np.float64
    assert result.resolved_probability.sizes == {"effort": 3, "curve": 2}
    assert result.trajectories.values.tolist() == [[64, 64]] * 3
    # The orchestrator as it is stands on the curve of its N at its own length of the task.
    here = result.curve_optimum.sel(curve=8.0).sel(span=length, method="nearest")
    np.testing.assert_allclose(here, result.point_optimum[0], atol=1e-3)
    at = result.point_success_now[0].item()
    assert result.point_success_without[0] < at < result.point_success_at_optimum[0] < 1.0
    np.testing.assert_allclose(result.curve_success.sel(curve=8.0)[0], result.point_success_without[0], rtol=1e-9)
    # A shorter task leaves the window empty for longer.
    assert np.all(np.diff(result.curve_optimum.sel(curve=8.0)) <= 0.0)
    assert "critical_gain" not in result
    stored = open_result(result.encoding["source"]) if "source" in result.encoding else result
    xr.testing.assert_identical(stored.optimum.load(), result.optimum)


def test_its_summary_and_record(result):
    said = summarise(result).splitlines()
    assert said[0].startswith("Small: best effort ") and "for a task of 11.5 steps in T = 16." in said[0]
    assert said[1].startswith("The present effort lies below it; a little more moves the mean of q by +")
    assert "twice context_window" in said[2] and said[3].startswith(
        "Over n_agents and context_window, an effort of 0.5"
    )
    assert said[4] == "Runs: 384 trajectories (agents), seed 0."
    record = json.loads(json.dumps(trap_record(result)))
    assert record["label"] == "below" and record["trajectories"] == 384
    np.testing.assert_allclose(record["optimum"], result.point_optimum[0])


def test_its_figure(result):
    assert list(figures(result)) == ["trap"]
    left, middle, right, bar = figures(result)["trap"].axes
    assert left.get_xlabel() == "executors N" and bar.get_ylabel().endswith("(ktok/step)")
    assert "(ktok/step)" in middle.get_xlabel() and right.get_xlabel() == "task length Λ (steps)"
    with pytest.raises(PlotError, match="holds no Reasoning Trap"):
        trap_diagram(xr.Dataset())


def _efforts(resolved, trials):
    share = np.asarray(resolved)[:, None] / trials
    data = {
        "resolved_probability": (("effort", "curve"), share),
        "trajectories": (("effort", "curve"), np.full_like(share, trials, dtype=int)),
    }
    return xr.Dataset(data, coords={"effort": np.arange(len(share), dtype=float)})


def test_efforts_that_runs_do_not_tell_apart():
    effort, share = most_resolved(_efforts([10, 82, 90, 85, 20], 100), 0)
    assert effort.tolist() == [1.0, 2.0, 3.0] and share == 0.9
    effort, _ = most_resolved(_efforts([100, 800, 900, 850, 200], 1000), 0)
    assert effort.tolist() == [2.0]


@pytest.mark.parametrize(
    ("changes", "options", "said"),
    [
        ({"params": {"resolution_rate": 0.0}}, {}, "resolution_rate = 0 resolves nothing"),
        ({"params": {"reasoning_tokens": 20.0}}, {}, "The efforts end at 16 ktok/step and the present one is 20"),
        ({}, {"x": MapAxis("n_agent", 2.0, 8.0)}, "did you mean 'n_agents'"),
        ({}, {"x": MapAxis("reasoning_gain", 0.0, 1.0)}, "reasoning_gain is looked at anyway"),
        ({}, {"x": MapAxis("evidence", 0.0, 1.0, log=True)}, "evidence from 0 to 1 is no interval of a log axis"),
        ({}, {"x": MapAxis("context_window", 8.0, 16.0)}, "Both axes are context_window"),
        ({"population": {"evidence": {"distribution": "uniform", "low": 1, "high": 2}}}, {}, r"has \[population\]"),
        ({"axes": [{"path": "run.seed", "values": [0, 1]}]}, {}, "axes over run.seed; leave some out"),
    ],
)
def test_mistakes_get_a_sentence(changes, options, said):
    with pytest.raises(JobError, match=said):
        trap({"run": {"dynamics": "sde"}} | changes, **options)


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "a.zarr").mkdir()
    with pytest.raises(StoreError, match="exists already"):
        trap({}, out=tmp_path / "a.zarr")


@pytest.mark.slow
def test_without_a_gain_none_is_best_and_equations_stand_alone():
    result = trap({}, **PLANE, replicates=0)
    np.testing.assert_allclose(result.critical_gain, 0.32255, rtol=1e-4)
    assert "resolved_probability" not in result and float(result.optimum.max()) == 0.0
    said = summarise(result)
    assert "in the Reasoning Trap" in said and "Lower reasoning_tokens to 0." in said and "so none is best" in said
    assert int(result.point_label[0]) == Effort.TRAP and "trap" in figures(result)


@pytest.mark.slow
def test_the_star_has_the_condition():
    result = trap({"params": {"reasoning_gain": 0.6}}, **PLANE, replicates=0)
    assert float(result.evidence_return) < float(result.attention_cost)
    said = summarise(result).splitlines()[2]
    assert (
        "less than the 0.0296 that it takes" in said and "A little reasoning pays there if b > 0.323; b = 0.6." in said
    )
