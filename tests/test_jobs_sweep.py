"""Sweeps from configuration to dataset: labels, resumption, axes of every kind, and errors in sentences."""

import json

import jax
import numpy as np
import pytest
import xarray as xr
from systems import star_reference

from entropyjax import ensemble
from entropyjax.io.config import load
from entropyjax.io.store import SCHEMA_VERSION, StoreError, open_result
from entropyjax.jobs import JobError, engine, summarise, sweep
from entropyjax.jobs.variants import split_axes
from entropyjax.models import Star
from entropyjax.records import Calibration
from entropyjax.stability import margin_window

RUN = {
    "dynamics": "sde",
    "method": "euler_maruyama",
    "horizon": 16.0,
    "save_intervals": 16,
    "step": 0.25,
    "replicates": 64,
    "check_share": 0.0,
}
PARAMS = {"initial_focus": 4.0, "resolution_rate": 0.1}
AXES = [
    {"path": "params.context_window", "values": [32.0, 64.0]},
    {"path": "params.n_agents", "values": [4, 8, 24]},
]


def config(axes=AXES, run=(), **tables):
    return {"run": {**RUN, **dict(run)}, "params": PARAMS, "axes": list(axes), **tables}


@pytest.fixture
def small_chunks(monkeypatch):
    """Two chunks and more in a tiny sweep, so that it can be interrupted between them."""
    small = Calibration(scan_lanes=64, chunk_lanes=64, chunk_work=0)
    monkeypatch.setattr(engine, "load_calibration", lambda: small)


@pytest.fixture(scope="module")
def result():
    return sweep(config(title="A test"), devices=1)


def same(found, expected):
    """The same bits, names and configuration; the plan and the commit may differ."""
    assert found.drop_attrs(deep=False).identical(expected.drop_attrs(deep=False))
    assert {found.attrs[k] == expected.attrs[k] for k in ("run_id", "config", "seed", "title", "versions")} == {True}


def within(a, b, spread, sigmas=5.0):
    return bool(np.all(np.abs(np.asarray(a) - np.asarray(b)) <= sigmas * np.asarray(spread) + 1e-6))


# --- What a result holds ---------------------------------------------------------------------------------


def test_a_toml_file_gives_a_labelled_dataset(tmp_path, result):
    file = tmp_path / "tiny.toml"
    lines = ['title = "A test"', "[params]", *(f"{k} = {v}" for k, v in PARAMS.items()), "[run]"]
    lines += [f"{k} = {json.dumps(v)}" for k, v in RUN.items()]
    for axis in AXES:
        lines += ["[[axes]]", f'path = "{axis["path"]}"', f"values = {axis['values']}"]
    file.write_text("\n".join(lines))
    out = tmp_path / "tiny.zarr"
    found = sweep(file, out=out, devices=1)
    same(found, result)
    assert xr.open_zarr(out).load().identical(found)
    assert open_result(out).load().identical(found)
    assert not (tmp_path / "tiny.zarr.partial").exists()


def test_dimensions_coordinates_and_units(result):
    assert result.collapse_probability.dims == ("context_window", "n_agents")
    assert result.mean_entropy.dims == ("context_window", "n_agents", "time")
    assert result.outcome_interval.dims == ("context_window", "n_agents", "outcome", "bound")
    assert result.n_agents.values.tolist() == [4, 8, 24]
    assert result.n_agents.dtype.kind == "i"
    assert result.context_window.attrs["units"] == "ktok"
    assert result.context_window.attrs["path"] == "params.context_window"
    np.testing.assert_allclose(result.time, np.arange(17.0))
    assert result.outcome.values.tolist() == ["resolved", "collapsed", "never_focused", "unresolved"]
    units = {"mean_entropy": "nat", "variance_entropy": "(nat)^2", "mean_context": "ktok", "collapse_time_mean": "step"}
    for name, unit in units.items():
        assert result[name].attrs["units"] == unit
    for name, variable in result.data_vars.items():
        assert variable.attrs["units"], name
        assert variable.attrs["long_name"], name


def test_numbers_are_consistent(result):
    np.testing.assert_array_equal(result.trajectories, 64)
    np.testing.assert_array_equal(result.outcome_count.sum("outcome"), 64)
    np.testing.assert_allclose(result.outcome_probability.sum("outcome"), 1.0)
    collapsed = result.outcome_probability.sel(outcome="collapsed")
    np.testing.assert_array_equal(result.collapse_probability, collapsed)
    low, high = (result.collapse_interval.sel(bound=bound) for bound in ("lower", "upper"))
    assert np.all((low <= result.collapse_probability) & (result.collapse_probability <= high))
    np.testing.assert_array_equal(result.alive_count, 64)
    counted = result.collapse_time_histogram.sum("time_bin")
    assert np.all(counted >= result.outcome_count.sel(outcome="collapsed"))
    # Crowded windows collapse, spacious ones do not.
    assert result.collapse_probability.sel(context_window=32.0, n_agents=24) > 0.5
    assert result.collapse_probability.sel(context_window=64.0, n_agents=4) < 0.5


def test_attributes_say_where_it_comes_from(result):
    attrs = result.attrs
    assert attrs["schema_version"] == SCHEMA_VERSION
    assert attrs["title"] == "A test"
    assert attrs["seed"] == 0
    again = load(json.loads(attrs["config"]))
    assert again.run_id == attrs["run_id"] == load(config()).run_id
    assert {"python", "jax", "entropyjax", "numpy"} <= set(json.loads(attrs["versions"]))
    assert json.loads(attrs["device"])[0].startswith(jax.default_backend())
    assert isinstance(attrs["git_commit"], str)
    (report,) = json.loads(attrs["step_checks"])
    assert report["steps_per_interval"] == 4
    assert report["checks"] == []


def test_the_margin_window_has_the_values_of_the_closed_form(result):
    assert result.margin_window.dims == ("n_agents",)
    expected = [float(margin_window(Star().params(n_agents=float(n), **PARAMS))) for n in (4, 8, 24)]
    np.testing.assert_allclose(result.margin_window, expected, rtol=1e-5)
    assert result.margin_window.attrs["units"] == "ktok"


def test_the_seed_matters(result):
    other = sweep(config(), overrides=["run.seed=1"], devices=1)
    assert other.attrs["seed"] == 1
    assert not np.array_equal(other.mean_context, result.mean_context)
    spread = np.sqrt((other.variance_context + result.variance_context) / 64)
    assert within(other.mean_context, result.mean_context, spread)


# --- Interruption and resumption -------------------------------------------------------------------------


class Interrupt:
    """A progress callback that presses Ctrl-C after `count` chunks."""

    def __init__(self, count):
        self.count = count
        self.seen = []

    def __call__(self, done, total, what):
        self.seen.append((done, total, what))
        if len([entry for entry in self.seen if entry[2] == "integrating"]) > self.count:
            raise KeyboardInterrupt


@pytest.mark.parametrize("resumed_on", [1, 2])
def test_an_interrupted_run_continues_to_the_same_bits(tmp_path, result, small_chunks, resumed_on):
    out = tmp_path / "a.zarr"
    with pytest.raises(KeyboardInterrupt):
        sweep(config(title="A test"), out=out, devices=1, progress=Interrupt(2))
    assert not out.exists()
    with pytest.raises(StoreError, match="unfinished"):
        open_result(out)
    with pytest.raises(StoreError, match="--resume"):
        sweep(config(), out=out, devices=1)
    with pytest.raises(StoreError, match="another run"):
        sweep(config(), out=out, resume=True, overrides=["run.seed=5"])
    telling = Interrupt(99)
    resumed = sweep(config(title="A test"), out=out, resume=True, devices=resumed_on, progress=telling)
    # Two of the six cells were safe.
    assert telling.seen[0] == (128, 384, "integrating")
    assert telling.seen[-1] == (384, 384, "integrating")
    same(resumed, result)
    assert not (tmp_path / "a.zarr.partial").exists()


def test_a_finished_result_is_opened_and_never_overwritten(tmp_path, result):
    out = tmp_path / "a.zarr"
    written = sweep(config(title="A test"), out=out, devices=1)
    quiet = Interrupt(0)
    found = sweep(config(title="Another title"), out=out, resume=True, progress=quiet)
    assert found.load().identical(written)
    assert quiet.seen == []
    with pytest.raises(StoreError, match=r"exists already .* open it with --resume"):
        sweep(config(), out=out)
    with pytest.raises(StoreError, match="is the result of another configuration"):
        sweep(config(), out=out, resume=True, overrides=["run.replicates=65"])
    assert open_result(out).load().identical(written)


def test_a_damaged_chunk_is_computed_again(tmp_path, result, small_chunks):
    out = tmp_path / "a.zarr"
    with pytest.raises(KeyboardInterrupt):
        sweep(config(title="A test"), out=out, devices=1, progress=Interrupt(3))
    files = sorted((tmp_path / "a.zarr.partial").glob("*.npz"))
    assert len(files) == 3
    files[1].write_bytes(files[1].read_bytes()[:-100])
    telling = Interrupt(99)
    resumed = sweep(config(title="A test"), out=out, resume=True, devices=1, progress=telling)
    assert telling.seen[0][0] == 64
    same(resumed, result)


def test_a_path_that_is_taken_is_refused_before_anything_runs(tmp_path):
    (tmp_path / "thesis").mkdir()
    with pytest.raises(StoreError, match="thesis"):
        sweep(config(), out=tmp_path / "thesis", progress=Interrupt(0))
    assert [p.name for p in tmp_path.iterdir()] == ["thesis"]


# --- Axes ------------------------------------------------------------------------------------------------


def test_an_axis_over_models_compares_them_on_the_same_noise(tmp_path):
    axes = [{"path": "params.n_agents", "values": [3, 6]}, {"path": "model.name", "values": ["star", "replicator"]}]
    found = sweep(config(axes, {"precision": "float64"}), out=tmp_path / "a.zarr")
    assert found.collapse_probability.dims == ("n_agents", "model")
    assert found.model.values.tolist() == ["star", "replicator"]
    assert xr.open_zarr(tmp_path / "a.zarr").load().identical(found)
    assert "margin_window" not in found
    star, replicator = (found.sel(model=name) for name in ("star", "replicator"))
    # The gap's noise is the same, so the flows agree lane by lane and not only within sampling error.
    np.testing.assert_allclose(replicator.mean_entropy, star.mean_entropy, rtol=1e-8)
    np.testing.assert_allclose(replicator.mean_context, star.mean_context, rtol=1e-8)
    np.testing.assert_array_equal(replicator.outcome_count, star.outcome_count)
    assert len(json.loads(found.attrs["step_checks"])) == 2


@pytest.mark.slow
def test_an_axis_over_dynamics():
    axes = [{"path": "run.dynamics", "values": ["ode", "sde", "agents"]}]
    run = {key: RUN[key] for key in ("horizon", "save_intervals", "check_share")}
    found = sweep({"run": run, "params": PARAMS, "axes": axes})
    # What is not given takes the default of each dynamics: one trajectory of the ODE says it all.
    assert found.trajectories.values.tolist() == [1, 1024, 1024]
    # Early on, before noise and escape matter, all three tell the same story.
    early = found.mean_context.sel(time=2.0)
    assert np.all(np.abs(early - early.sel(dynamics="ode")) < 1.5)
    assert np.all(found.failure_count.sel(failure="none") > 0)


def test_an_axis_over_a_criterion_is_one_program():
    axes = [{"path": "criteria.collapse_threshold", "values": [0.2, 0.5, 0.8]}]
    assert [axis.path for axis in split_axes(load(config(axes)))[1]] == ["criteria.collapse_threshold"]
    found = sweep(config(axes, params={**PARAMS, "n_agents": 16.0}))
    assert found.collapse_probability.dims == ("collapse_threshold",)
    # What loses focus above 0.8 has lost it above 0.2: the same law at lower thresholds.
    collapse = found.collapse_time_histogram.sum("time_bin")
    assert collapse[0] >= collapse[2]
    assert np.all(found.mean_entropy.std("collapse_threshold") < 0.3)


@pytest.mark.slow
def test_an_axis_over_options_of_a_model():
    axes = [{"path": "model.affinities", "values": [[], [0.9, 0.9]]}]
    found = sweep(config(axes, model={"name": "replicator"}, params={**PARAMS, "n_agents": 4.0}))
    assert found.affinities.values.tolist() == ["[]", "[0.9, 0.9]"]
    final = found.mean_entropy.isel(time=-1)
    assert final[0] < final[1]


def test_an_axis_over_precision_runs_each_in_its_own(result):
    axes = [{"path": "run.precision", "values": ["float32", "float64"]}]
    before = jax.config.jax_enable_x64
    found = sweep(config(axes))
    assert jax.config.jax_enable_x64 == before
    single, double = (found.mean_context.sel(precision=name) for name in ("float32", "float64"))
    assert np.array_equal(single.values, single.values.astype(np.float32))  # 64 lanes: one block, one float32 mean
    assert not np.array_equal(double.values, double.values.astype(np.float32))
    np.testing.assert_allclose(single, double, rtol=0.05)


@pytest.mark.parametrize("path", ["run.horizon", "run.save_intervals"])
def test_an_axis_over_the_time_grid_is_refused(path):
    with pytest.raises(JobError, match=f"{path} cannot be an axis"):
        sweep(config([{"path": path, "values": [8, 16] if path.endswith("intervals") else [8.0, 16.0]}]))


def test_agents_run_with_the_micro_step_of_their_cell():
    axes = [
        {"path": "params.step_size", "values": [1.0, 0.25]},
        {"path": "params.context_window", "values": [48.0, 96.0]},
    ]
    run = {key: value for key, value in RUN.items() if key not in ("method", "step")}
    params = {**PARAMS, "error_tokens": 0.0}
    found = sweep({"run": {**run, "dynamics": "agents", "replicates": 256}, "params": params, "axes": axes})
    assert found.collapse_probability.dims == ("step_size", "context_window")
    reports = json.loads(found.attrs["step_checks"])
    assert [report["steps_per_interval"] for report in reports] == [1, 4]
    # The variance of the tokens over a step falls with the micro-step (model page, section 4).
    coarse, fine = (found.variance_context.sel(step_size=e, time=1.0, context_window=96.0) for e in (1.0, 0.25))
    assert 0.15 < fine / coarse < 0.45


def test_ode_sweeps_have_the_events_of_the_reference():
    times = np.linspace(0.0, 64.0, 65)
    axes = [{"path": "params.context_window", "values": [40.0, 128.0]}]
    run = {"dynamics": "ode", "horizon": 64.0, "save_intervals": 64, "precision": "float64", "step": 0.0625}
    params = {"initial_focus": 3.0, "n_agents": 16.0}
    found = sweep({"run": run, "params": params, "axes": axes})
    for window in (40.0, 128.0):
        reference = star_reference({**params, "context_window": window}, times)
        cell = found.sel(context_window=window)
        np.testing.assert_allclose(cell.focus_time_mean, reference.focus_time, atol=1e-4)
        np.testing.assert_allclose(cell.collapse_time_mean, reference.collapse_time, atol=1e-4)
        np.testing.assert_allclose(cell.collapse_time_quantile, [reference.collapse_time] * 5, atol=1e-4)
        np.testing.assert_allclose(cell.cognitive_horizon, reference.horizon_time, atol=1e-4)
        np.testing.assert_allclose(cell.mean_context, reference.states[:, 2], rtol=1e-5, atol=1e-9)
        # The ensemble's definition of the horizon, applied to the same curve.
        entropy, zero = cell.mean_entropy.values, np.zeros(65)
        np.testing.assert_allclose(ensemble.cognitive_horizon(times, entropy, zero), reference.horizon_time, atol=0.3)


def test_populations_are_swept():
    axes = [{"path": "population.context_window.median", "values": [24.0, 96.0]}]
    population = {"context_window": {"distribution": "lognormal", "median": 48.0, "sigma": 0.2}}
    found = sweep(config(axes, population=population))
    assert found.collapse_probability.dims == ("median",)
    assert found.collapse_probability[0] > found.collapse_probability[1]


def test_a_drawn_roster_fits_the_replicator():
    # The largest sample stands first: the padded roster must hold it all the same.
    population = {"n_agents": {"distribution": "samples", "values": [12.0, 3.0]}}
    options = {"population": population, "params": {**PARAMS, "initial_focus": 0.0}}
    found = sweep(config((), {"replicates": 128}, model={"name": "replicator"}, **options))
    start = found.mean_entropy.isel(time=0)
    spread = np.sqrt(found.variance_entropy.isel(time=0) / 128)
    assert within(start, 0.5 * (np.log(12.0) + np.log(3.0)), spread)
    np.testing.assert_allclose(found.mean_normalised_entropy.isel(time=0), 1.0, rtol=1e-5)


# --- Failures and the step -------------------------------------------------------------------------------


def test_when_every_trajectory_fails_the_job_says_so():
    axes = [{"path": "params.n_agents", "values": [4, 8]}]
    with pytest.raises(JobError, match=r"Every trajectory failed.*run.step = 0.25 step"):
        sweep(config(axes, params={**PARAMS, "focus_rate": 1e4}))


def test_a_cell_whose_trajectories_all_fail_has_no_probability(tmp_path):
    axes = [{"path": "params.focus_rate", "values": [1.0, 1e4]}]
    found = sweep(config(axes), out=tmp_path / "a.zarr")
    good, bad = found.isel(focus_rate=0), found.isel(focus_rate=1)
    assert good.trajectories == 64
    assert bad.trajectories == 0
    assert bad.failure_count.sel(failure=["non_finite", "diverged"]).sum() == 64
    for name in ("collapse_probability", "outcome_probability"):
        assert np.all(np.isnan(bad[name]))
        assert np.all(np.isfinite(good[name]))
    assert bad.collapse_interval.values.tolist() == [0.0, 1.0]
    assert np.all(np.isnan(bad.mean_entropy[1:]))
    assert np.isfinite(bad.mean_entropy[0])
    text = summarise(found)
    assert "64 trajectories failed and are left out" in text
    assert "nan" not in text


@pytest.mark.slow
def test_the_step_is_refined_until_the_tolerance_is_met():
    run = {"step": 1.0, "check_share": 1.0, "replicates": 96, "tolerance": 0.1, "max_refinements": 3}
    found = sweep(config((), run, params={"context_window": 128.0}))
    (report,) = json.loads(found.attrs["step_checks"])
    steps = [check["step"] for check in report["checks"]]
    assert len(steps) > 1
    np.testing.assert_allclose(steps, 0.5 ** np.arange(len(steps)))
    errors = [max(check["collapse_error"], check["entropy_error"]) for check in report["checks"]]
    assert all(error > 0.1 for error in errors[:-1])
    assert errors[-1] <= 0.1
    assert report["within_tolerance"] is True
    assert report["steps_per_interval"] == 2 ** (len(steps) - 1)
    text = summarise(found)
    assert f"The step is {steps[-1]:g}, halved {len(steps) - 1} time(s)." in text
    assert "WARNING" not in text


def test_a_step_that_stays_too_coarse_is_warned_of():
    run = {"step": 1.0, "check_share": 0.5, "tolerance": 1e-5, "max_refinements": 0}
    found = sweep(config((), run))
    (report,) = json.loads(found.attrs["step_checks"])
    assert report["within_tolerance"] is False
    assert len(report["checks"]) == 1
    text = summarise(found)
    assert "WARNING: the step's error is above the tolerance 1e-05" in text
    assert "The step is 1." in text


# --- The summary -----------------------------------------------------------------------------------------


def test_the_summary_states_facts_of_the_dataset(result):
    text = summarise(result)
    assert text.startswith(
        "A test: 384 trajectories (sde, euler_maruyama, float32) over 2 context_window x 3 n_agents cells"
    )
    assert "T = 16 steps, seed 0." in text
    for outcome in result.outcome.values:
        share = float(result.outcome_count.sel(outcome=outcome).sum()) / 384
        assert f"{outcome.replace('_', ' ')} {share:.1%}" in text
    p = result.collapse_probability
    assert f"sampling {float(np.sqrt((p * (1 - p) / 64).mean())):.4f}" in text
    assert "the step was not checked" in text
    assert f"{int(result.projected_count.sum()) / 384:.0%} of the trajectories were projected" in text


def test_cases_compare_topologies(result):
    """A tree of one level is the star, trajectory by trajectory, M = 0 included."""
    cases = {"tree": {"model": {"name": "tree"}, "params": {"branching": 24}}}
    found = sweep(config([{"path": "topology", "cases": cases}, *AXES]), devices=1)
    assert found["collapse_probability"].dims == ("topology", "context_window", "n_agents")
    tree = found.sel(topology="tree")
    np.testing.assert_array_equal(tree.outcome_count, result.outcome_count)
    # float32 over 64 steps, and means over 64 trajectories.
    np.testing.assert_allclose(tree.mean_entropy, result.mean_entropy, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(tree.margin_window, result.margin_window, rtol=1e-5)
    assert found["mean_tokens"].attrs["units"] == "ktok/step"
