"""The commands phase and continue, as a user meets them."""

import json

import pytest
import xarray as xr
from test_cli import run

AXES = ("--x", "n_agents:2:128:log", "--y", "context_window:16:256:log")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("phase")
    (path / "one.toml").write_text("[params]\nn_agents = 8\n")
    return path


@pytest.mark.slow
def test_phase_says_what_is_critical_and_what_to_change(folder):
    said = run("phase", "one.toml", cwd=folder)
    assert "bistable" in said and "Certified" in said and said.count("node") + said.count("saddle") == 3 + 2
    assert "Critical executors: 8.9848 (fold); yours, 8, is 11.0% below." in said
    assert "Critical context window: 61.3427 ktok (fold)" in said and "resolved at" in said
    assert said.splitlines()[-8].split()[0] == "effective_fraction"


@pytest.mark.slow
def test_without_forgetting_there_is_no_fixed_point(folder):
    told = json.loads(run("phase", "one.toml", "--set", "params.compaction_rate=0", "--json", cwd=folder))
    assert told["phase"] == "no_compaction" and told["fixed_points"] == [] and told["elasticities"] == []


@pytest.mark.slow
def test_a_tree_has_a_critical_window_and_no_critical_roster(folder):
    told = json.loads(run("phase", "one.toml", "--set", "model.name=tree", "--json", cwd=folder))
    assert [one["of"] for one in told["critical"]] == ["context_window"] and told["elasticities"]


@pytest.mark.slow
def test_a_map_with_a_boundary_over_it(folder):
    boundary = ("boundary", "one.toml", *AXES, "--of", "margin", "--resolution", 16, "--out", "b.zarr", "--quiet")
    run(*boundary, cwd=folder)
    said = run("phase", "one.toml", *AXES, "--resolution", 24, "--over", "b.zarr", "--out", "m.zarr", cwd=folder)
    assert "Phases on 24 n_agents x 24 context_window points" in said and "all certified" in said
    assert said.count("cusp at") == 2 and "PARTIAL" not in said
    with xr.open_zarr(folder / "m.zarr") as found:
        assert found.label.dims == ("n_agents", "context_window") and found.margin.attrs["units"] == "nat"
        assert found.sizes["cusp"] == 2 and found.sizes["segment"] > 8
    assert (folder / "m-map.png").stat().st_size > 1000
    wrong = ("phase", "one.toml", "--x", "evidence:2:10", "--y", "context_window:16:256:log", "--over", "b.zarr")
    assert "is over n_agents and context_window" in run(*wrong, cwd=folder, code=1)


def test_continue_writes_draws_and_opens_again(folder):
    asked = ("continue", "one.toml", "--x", "n_agents:2:128:log", "--of", "context", "--out", "c.zarr")
    said = run(*asked, cwd=folder)
    assert "fold at n_agents = 8.984798164" in said and "Figure: c-branches.png" in said
    assert "exists already" in run(*asked, cwd=folder, code=2)
    drawn = json.loads(run("plot", "c.zarr", "--out", "again", "--json", cwd=folder))
    assert drawn["figures"] == ["again-branches.png", "again-branches.svg"]
    again = [(folder / name).read_bytes() for name in ("c-branches.png", "again-branches.png")]
    assert again[0] == again[1]


def test_continue_in_two_parameters(folder):
    told = json.loads(run("continue", "one.toml", *AXES, "--json", cwd=folder))
    assert [one["kind"] for one in told["special"]] == ["cusp", "cusp"] and not told["partial"]
    assert told["result"].startswith("results/one-") and told["result"].endswith("n_agents-context_window.zarr")


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (("phase", "one.toml", "--x", "n_agents:2:8"), 2, "needs both --x and --y"),
        (("phase", "one.toml", "--out", "a.zarr"), 2, "--out goes with a map"),
        (("phase", "one.toml", "--x", "n_agent:2:8", "--y", "evidence:1:9"), 2, "did you mean"),
        (("phase", "one.toml", "--x", "criteria.dwell:1:8", "--y", "evidence:1:9"), 1, "moves no fixed point"),
        (("continue", "one.toml"), 2, "Missing option '--x'"),
        (("continue", "one.toml", "--x", "n_agent:2:8"), 2, "did you mean 'n_agents'"),
        (("continue", "one.toml", "--x", "n_agents:2:8:lin"), 2, "'lin' is no scale"),
        (("continue", "one.toml", "--x", "n_agents:1:8"), 2, "support"),
        (("continue", "one.toml", "--x", "n_agents:2:8", "--of", "contxt"), 2, "is nothing that the branches have"),
        (("continue", "one.toml", "--x", "n_agents:2:3", "--y", "evidence:1:2"), 1, "No fold and no Hopf point"),
        (
            ("continue", "one.toml", "--x", "n_agents:2:8", "--set", "params.compaction_rate=0"),
            2,
            "No fixed point exists",
        ),
    ],
)
def test_mistakes(folder, arguments, code, expected):
    assert expected in run(*arguments, cwd=folder, code=code)
    assert not (folder / "a.zarr").exists()
