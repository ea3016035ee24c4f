"""`simulate`: one orchestrator from a model object or a configuration, with whole paths beside the statistics."""

import json

import jax
import numpy as np
import pytest
import xarray as xr

from entropyjax.io.config import ConfigError
from entropyjax.io.store import StoreError, open_result
from entropyjax.jobs import simulate, summarise
from entropyjax.models import Replicator, Star
from entropyjax.params import ParameterError, UnknownNameError

RUN = {
    "dynamics": "sde",
    "method": "euler_maruyama",
    "horizon": 16.0,
    "save_intervals": 16,
    "step": 0.25,
    "replicates": 32,
    "check_share": 0.0,
}
PARAMS = {"n_agents": 6.0, "context_window": 48.0, "initial_focus": 3.0}


@pytest.fixture(scope="module")
def result():
    return simulate({"run": RUN, "params": PARAMS}, paths=32)


def test_paths_are_trajectories_and_their_mean_is_the_mean(result):
    assert result.path_entropy.dims == ("path", "time")
    assert result.path_entropy.shape == (32, 17)
    assert result.path_context.attrs["units"] == "ktok"
    # All trajectories are paths here, so the statistics are theirs.
    for name in ("entropy", "normalised_entropy", "resolution", "loading", "context", "progress"):
        paths = result[f"path_{name}"]
        np.testing.assert_allclose(paths.mean("path"), result[f"mean_{name}"], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(paths.var("path", ddof=1), result[f"variance_{name}"], rtol=1e-3, atol=1e-5)


def test_one_orchestrator_has_no_axes(result):
    assert result.collapse_probability.dims == ()
    assert result.outcome_count.dims == ("outcome",)
    assert result.mean_entropy.dims == ("time",)
    text = summarise(result)
    assert "32 trajectories (sde, euler_maruyama, float32) over one cell" in text
    low, high = result.collapse_interval.values
    assert f"Collapse probability in [{low:.3f}, {high:.3f}] (Wilson 95%)." in text
    assert f"Cognitive horizon {float(result.cognitive_horizon):.3g} steps." in text


def test_a_model_object_is_its_configuration(result):
    found = simulate(Star(), Star().params(**PARAMS), paths=32, **RUN)
    assert found.drop_attrs().identical(result.drop_attrs())


def test_entries_of_run_may_be_numpy_numbers(result):
    numbers = {"horizon": np.float64(16.0), "replicates": np.int64(32), "step": np.float32(0.25), "seed": 0}
    found = simulate(Star(), Star().params(**PARAMS), paths=0, **{**RUN, **numbers})
    assert "path_entropy" not in found
    np.testing.assert_array_equal(found.mean_entropy, result.mean_entropy)


@pytest.mark.slow
def test_options_of_a_model_object_are_kept():
    params = Replicator().params(**{**PARAMS, "n_agents": 3.0})
    found = simulate(Replicator(affinities=(0.5, 0.25)), params, paths=2, **RUN)
    model = json.loads(found.attrs["config"])["model"]
    assert model["name"] == "replicator"
    assert model["affinities"] == [0.5, 0.25]
    assert found.sizes["path"] == 2


@pytest.mark.slow
def test_a_single_ode_trajectory_is_its_own_path():
    found = simulate(Star(), Star().params(**PARAMS), dynamics="ode", horizon=16.0, save_intervals=16, check_share=0.0)
    assert found.sizes["path"] == 1
    np.testing.assert_allclose(found.path_context.isel(path=0), found.mean_context, rtol=1e-6)
    assert np.all(found.variance_context == 0.0)
    assert found.trajectories == 1


@pytest.mark.parametrize(("precision", "resolution"), [("float64", 1e-12), ("float32", 1e-6)])
def test_precision_is_that_of_the_run_and_not_of_the_session(precision, resolution):
    before = jax.config.jax_enable_x64
    run = {"dynamics": "ode", "horizon": 8.0, "save_intervals": 8, "step": 0.0625, "check_share": 0.0}
    params = {"error_tokens": 0.0, "compaction_rate": 0.25}
    found = simulate({"run": {**run, "precision": precision}, "params": params}, paths=1)
    assert jax.config.jax_enable_x64 == before
    # chi = 0 and no reflexion: context is exact (model page, check 2).
    exact = 1.5 / 0.25 * (1.0 - np.exp(-0.25 * np.arange(9.0)))
    error = np.abs(found.mean_context - exact).max()
    # RK4's own error at this step is about 1e-9.
    assert error < 10.0 * max(resolution, 1e-9)
    single = np.array_equal(found.path_context, found.path_context.astype(np.float32))
    assert single == (precision == "float32")


def test_a_simulation_is_written_whole(tmp_path, result):
    out = tmp_path / "a.zarr"
    found = simulate({"run": RUN, "params": PARAMS}, paths=32, out=out)
    assert found.drop_attrs(deep=False).identical(result.drop_attrs(deep=False))
    assert open_result(out).load().identical(found)
    assert xr.open_zarr(out).load().identical(found)
    calls = []
    with pytest.raises(StoreError, match=r"a.zarr"):
        simulate({"run": RUN, "params": PARAMS}, out=out, progress=lambda *entry: calls.append(entry))
    # Refused before anything ran.
    assert calls == []


def test_what_cannot_be_simulated_is_refused_in_a_sentence():
    axes = [{"path": "params.n_agents", "values": [2, 4]}]
    with pytest.raises(ConfigError, match=r"axes over params.n_agents; use sweep."):
        simulate({"run": RUN, "axes": axes})
    with pytest.raises(ConfigError, match="params goes with a model object"):
        simulate({"run": RUN}, Star().params())
    with pytest.raises(ConfigError, match="replicats"):
        simulate(Star(), replicats=3)
    with pytest.raises(ConfigError, match="horizon"):
        simulate(Star(), horizon=-1.0)
    with pytest.raises(ConfigError, match="n_agents"):
        simulate(Star(), Star.Params(n_agents=1.0))
    with pytest.raises(ParameterError, match="did you mean 'n_agents'"):
        simulate(Star(), {"n_agnets": 4})
    with pytest.raises(ConfigError, match=r"write Star\(\) for Star"):
        simulate(Star)


def test_a_model_that_is_not_registered_is_refused_in_a_sentence():
    class Unregistered(Star):
        """A model without @register."""

    with pytest.raises(UnknownNameError, match="Unregistered is not a registered model"):
        simulate(Unregistered())


def test_parameters_by_name_and_a_lone_override():
    quick = {"dynamics": "agents", "replicates": 8, "horizon": 4.0}
    named = simulate(Star(), {"n_agents": 4}, **quick, paths=0)
    whole = simulate(Star(), Star().params(n_agents=4), **quick, paths=0)
    np.testing.assert_array_equal(named.mean_entropy, whole.mean_entropy)
    single = simulate({"run": quick}, overrides="params.n_agents=4", paths=0)
    np.testing.assert_array_equal(single.mean_entropy, named.mean_entropy)
