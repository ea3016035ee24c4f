"""The command boundary, and sweep with [refine]."""

import json

import pytest
from test_cli import run

CONFIG = """
[run]
horizon = 16.0
save_intervals = 16
step = 0.5
method = "euler_maruyama"
check_share = 0.0
"""
AXES = ("--x", "n_agents:4:32:log", "--y", "params.context_window:24:96")
SMALL = (
    "--set",
    "refine.start=4",
    "--set",
    "refine.check=4",
    "--set",
    "refine.replicates=16",
    "--set",
    "refine.most=32",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("cli")
    (path / "one.toml").write_text(CONFIG)
    return path


def test_boundary_finds_draws_and_opens_again(folder):
    arguments = ("boundary", "one.toml", *AXES, "--resolution", 8, "--level", 0.4, *SMALL, "--out", "a.zarr")
    said = run(*arguments, cwd=folder)
    assert "Boundary at 0.4 on 8 x 8 cells" in said and "Figure: a-boundary.png" in said
    assert (folder / "a-boundary.png").stat().st_size > 1000
    again = run(*arguments, "--resume", cwd=folder)
    assert again.splitlines()[0] == said.splitlines()[0]
    drawn = json.loads(run("plot", "a.zarr", "--out", "b/a", "--json", cwd=folder))
    assert drawn["figures"] == ["b/a-boundary.png", "b/a-boundary.svg"]


def test_json_of_a_sweep_with_the_table(folder):
    table = "refine={of='margin', resolution=16, x={path='params.n_agents', lower=4, upper=32}, "
    table += "y={path='params.context_window', lower=16, upper=256, scale='log'}}"
    said = json.loads(run("sweep", "one.toml", "--set", table, "--out", "m.zarr", "--json", cwd=folder))
    assert said["of"] == "margin" and said["trajectories"] == 0 and said["segments"] == said["band_cells"] > 8


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--x", "n_agents:2"), "is not NAME:LOWER:UPPER"),
        (("--x", "n_agents:a:b"), "a and b must be numbers."),
        (("--x", "n_agents:2:8"), "gives x and not y"),
        ((), "[refine] needs two axes"),
        ((*AXES, "--of", "colapsed"), "did you mean 'collapsed'?"),
    ],
)
def test_mistakes(folder, arguments, expected):
    assert expected in run("boundary", "one.toml", *arguments, cwd=folder, code=2)
