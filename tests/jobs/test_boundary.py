"""The job that finds a boundary: the same trajectories as a uniform grid, resumption, and the closed form of M = 0."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

from entropyjax.ensemble import make_plan, run_chunks
from entropyjax.io.config import ConfigError, load
from entropyjax.io.store import open_result
from entropyjax.jobs import fields, simulate, summarise, sweep
from entropyjax.jobs.boundary import _batches, _lattice
from entropyjax.jobs.build import build_ensemble
from entropyjax.models import Star
from entropyjax.phase import IN_BAND
from entropyjax.plots import PlotError, boundary_diagram, figures, phase_diagram
from entropyjax.stability import critical_window, margin_window

RUN = {"dynamics": "sde", "method": "euler_maruyama", "horizon": 16.0, "save_intervals": 16, "step": 0.25}
PARAMS = {"initial_focus": 4.0, "resolution_rate": 0.1}
REFINE = {
    "x": {"path": "params.n_agents", "lower": 4.0, "upper": 32.0, "scale": "log"},
    "y": {"path": "params.context_window", "lower": 24.0, "upper": 96.0, "scale": "log"},
    "resolution": 16,
    "start": 4,
    "replicates": 16,
    "most": 64,
    "check": 10,
}


def config(run=(), refine=(), **tables):
    run = {**RUN, "check_share": 0.0, **dict(run)}
    return {"run": run, "params": PARAMS, "refine": {**REFINE, **dict(refine)}, **tables}


@pytest.fixture(autouse=True)
def small_calls(monkeypatch):
    """Some calls into the compiled program in a tiny map, so that it can be interrupted between them."""
    monkeypatch.setattr(fields, "BATCH_LANES", 256)


@pytest.fixture(scope="module")
def result():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fields, "BATCH_LANES", 256)
        return sweep(config(title="A map"), devices=1)


def test_a_result_says_where_the_boundary_is(result):
    assert result.attrs["kind"] == "boundary"
    assert result.sizes["segment"] > 4 and result.sizes["band"] >= result.sizes["segment"] // 2
    assert result.region.shape == (16, 16)
    assert result.segment_context_window.attrs["units"] == "ktok"
    np.testing.assert_array_equal(result.outcome_count.sum("outcome"), 16 * result.batches)
    share = result.outcome_count.sel(outcome="collapsed") / result.outcome_count.sum("outcome")
    np.testing.assert_allclose(result.value, share)
    # Crowded windows collapse, spacious ones do not.
    assert set(result.region.values[:, -1]) == {0} and 1 in result.region.values[:, 0]
    text = summarise(result)
    assert "A map: Where the probability of 'collapsed' is 0.5, over n_agents in [4, 32]" in text
    assert "a uniform grid with 4 a point" in text and "The step was not checked." in text


def test_trajectories_are_those_of_the_uniform_grid(result):
    checked = load(config())
    lattice = _lattice(checked)
    every = np.arange(lattice.size)
    points = lattice.points(every)
    with jax.enable_x64(False):
        ensemble = dataclasses.replace(
            build_ensemble(checked),
            cells={"n_agents": points[:, 0], "context_window": points[:, 1]},
            replicates=64,
            observables=(),
        )
        plan = make_plan(ensemble, devices=1)
        whole = np.concatenate([part.outcomes for _, _, part in run_chunks(ensemble, plan, range(plan.chunks))])
    known = lattice.number(
        *(
            np.rint(r.share(result[f"point_{n}"].values) * 16).astype(int)
            for r, n in ((lattice.x, "n_agents"), (lattice.y, "context_window"))
        )
    )
    full = result.batches.values == 4
    assert full.sum() > 10
    np.testing.assert_array_equal(result.outcome_count.values[full], whole[known[full]])
    assert (result.outcome_count.values <= whole[known]).all()
    # Nowhere outside the band does the whole of the trajectories speak for the other side.
    label = (whole[:, 1] >= 32).reshape(17, 17)[:-1, :-1]
    outside = result.region.values != IN_BAND
    assert (label == result.region.values)[outside].mean() > 0.98


class Interrupt:
    """A progress callback that presses Ctrl-C after `count` calls into the compiled program."""

    def __init__(self, count):
        self.count, self.seen = count, []

    def __call__(self, done, total, what):
        self.seen.append((done, total, what))
        if len({done for done, _, what in self.seen if what == "refining"}) > self.count:
            raise KeyboardInterrupt


def test_an_interrupted_run_continues_to_the_same_bits(tmp_path, result, monkeypatch):
    out = tmp_path / "a.zarr"
    with pytest.raises(KeyboardInterrupt):
        sweep(config(title="A map"), out=out, devices=1, progress=Interrupt(3))
    assert not out.exists() and (tmp_path / "a.zarr.partial").exists()
    computed = []
    compute = fields.TrajectoryField._compute
    monkeypatch.setattr(fields.TrajectoryField, "_compute", lambda *a: (computed.extend(a[2].tolist()), compute(*a)))
    telling = Interrupt(10**6)
    resumed = sweep(config(title="A map"), out=out, resume=True, devices=2, progress=telling)
    safe = telling.seen[0][0] // 16
    assert safe >= 16
    assert len(computed) == len(set(computed)) == telling.seen[-1][0] // 16 - safe
    assert resumed.drop_attrs(deep=False).identical(result.drop_attrs(deep=False))
    assert resumed.attrs["run_id"] == result.attrs["run_id"]
    assert not (tmp_path / "a.zarr.partial").exists()
    assert open_result(out).load().identical(resumed)
    assert xr.open_zarr(out).attrs["kind"] == "boundary"


@pytest.mark.slow
def test_outcomes_of_the_ode_and_the_step_check():
    found = sweep(config({"dynamics": "ode", "method": "rk4", "check_share": 1.0, "path": "scan"}, {"of": "outcome"}))
    assert json.loads(found.attrs["step_checks"])[0]["within_tolerance"] is not None
    assert set(found.batches.values) == {1} and found.decided.all()
    assert len(set(found.label.values)) >= 2
    assert "Where the most frequent outcome changes" in summarise(found)


def test_the_margin_is_the_closed_form():
    found = sweep(config({"precision": "float64"}, {"of": "margin", "resolution": 64}))
    n, window = (found[f"segment_{name}"].values.ravel() for name in ("n_agents", "context_window"))
    expected = [float(margin_window(Star().params(n_agents=v, **PARAMS))) for v in n[::7]]
    # ln(W / W_M) is linear along edges in ln W; along those in ln N it bends by less than 1 over a cell of 0.033.
    np.testing.assert_allclose(window[::7], expected, rtol=0.033**2 / 8.0)
    assert "in closed form, no trajectories" in summarise(found)


def test_a_criterion_can_be_an_axis():
    y = {"path": "criteria.collapse_threshold", "lower": 0.2, "upper": 0.8}
    found = sweep(config(refine={"y": y, "resolution": 8, "check": 0}))
    assert found.attrs["axes"] == ["n_agents", "collapse_threshold"]
    assert found.point_collapse_threshold.values.max() == 0.8


def test_axes_come_from_the_sweep_and_random_numbers_from_the_seed(result):
    axes = [
        {"path": "params.n_agents", "logspace": {"start": 4.0, "stop": 32.0, "num": 3}},
        {"path": "params.context_window", "logspace": {"start": 24.0, "stop": 96.0, "num": 4}},
    ]
    rest = {key: value for key, value in REFINE.items() if key not in "xy"}
    derived = load({**config(), "refine": rest, "axes": axes})
    assert derived.axes == () and derived.run_id == load(config()).run_id == result.attrs["run_id"]
    assert load(derived.to_dict()) == derived
    assert load(config({"seed": 1})).run_id != derived.run_id
    assert "refine" not in load({}).to_dict()


def test_figures_and_what_cannot_be_drawn_or_simulated(result):
    (name,) = figures(result)
    assert name == "boundary"
    ax = boundary_diagram(result)
    assert ax.get_xlabel().startswith("executors") and ax.get_ylabel() == "context window W (ktok)"
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels[:2] == ["p(collapsed) = 0.5", "band that holds it"] and labels[-1] == "p > 0.5"
    with pytest.raises(PlotError, match="holds no boundary"):
        boundary_diagram(xr.Dataset())
    with pytest.raises(PlotError):
        phase_diagram(result)
    with pytest.raises(ConfigError, match="this configuration has \\[refine\\]; use sweep"):
        simulate(config())


def test_batches_are_numbered_in_order():
    ask = _batches(_lattice(load(config())), np.array([3, 7]), np.array([2, 3]))
    assert ask.number.tolist() == [3, 3, 7, 7, 7] and ask.batch.tolist() == [0, 1, 0, 1, 2]


@pytest.mark.slow
def test_where_nothing_resolves_the_simulated_boundary_is_the_fold():
    # Collapse is where the focused fixed point has vanished; with kappa > 0 a run may end before it gets there.
    found = sweep(
        {
            "params": {"resolution_rate": 0.0},
            "run": {"dynamics": "ode", "horizon": 1024.0, "save_intervals": 1, "step": 0.25, "check_share": 0.0}
            | {"precision": "float64"},
            "refine": {
                "x": {"path": "params.n_agents", "lower": 4.0, "upper": 32.0, "scale": "log"},
                "y": {"path": "params.context_window", "lower": 40.0, "upper": 130.0, "scale": "log"},
                "resolution": 32,
                "check": 0,
            },
        }
    )
    agents, windows = (found[f"segment_{name}"].values.ravel() for name in ("n_agents", "context_window"))
    fold = np.asarray(jax.vmap(lambda n: critical_window(Star().params(), n).value)(jnp.asarray(agents)))
    # A second line, far below, is where no run was ever focused.
    off = np.log(windows / fold)[windows > 0.7 * fold]
    # The line lies within the cells that the boundary passes, one of which is ln(130/40)/32 = 3.7% high.
    assert len(off) >= 2 * 32
    np.testing.assert_allclose(off, 0.0, atol=np.log(130.0 / 40.0) / 32)
