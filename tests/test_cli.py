"""The command line as a user meets it: output, messages, exit codes, interruption and resumption."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time

import pytest
import xarray as xr

from entropyjax.cli import main

SWEEP = """
title = "Tiny"
[run]
horizon = 16.0
save_intervals = 16
step = 0.5
method = "euler_maruyama"
replicates = 32
tolerance = 0.5
[[axes]]
path = "params.n_agents"
values = [4, 32]
[[axes]]
path = "params.context_window"
values = [32.0, 128.0, 256.0]
"""


def run(*arguments, cwd, code=0):
    """Run the command line in this process; return its standard output, or standard error if it must fail."""
    said, complained = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(complained),
        pytest.raises(SystemExit) as stop,
    ):
        main([str(argument) for argument in arguments])
    assert stop.value.code == code, complained.getvalue() + said.getvalue()
    return said.getvalue() if code == 0 else complained.getvalue()


def child(*arguments, cwd, devices):
    """Start the command line as a process of its own with a number of CPU devices."""
    environment = {**os.environ, "XLA_FLAGS": "", "JAX_NUM_CPU_DEVICES": str(devices)}
    command = [sys.executable, "-m", "entropyjax", *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=cwd, env=environment, stdout=pipe, stderr=pipe, text=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a tiny sweep and a finished result of it."""
    path = tmp_path_factory.mktemp("cli")
    (path / "tiny.toml").write_text(SWEEP)
    (path / "tiny.out").write_text(run("sweep", "tiny.toml", "--out", "tiny.zarr", cwd=path))
    return path


def test_sweep_prints_a_summary_and_where_things_are(folder):
    said = (folder / "tiny.out").read_text()
    assert "192 trajectories (sde, euler_maruyama, float32) over 2 n_agents x 3 context_window cells" in said
    assert "Errors of the collapse probability" in said
    places = [line.split(": ")[1] for line in said.splitlines() if line.startswith(("Data: ", "Figure: "))]
    assert all((folder / place).exists() for place in places)
    assert {os.path.splitext(place)[1] for place in places} == {".zarr", ".png", ".svg"}
    with xr.open_zarr(folder / "tiny.zarr") as dataset:
        assert dataset.collapse_probability.dims == ("n_agents", "context_window")
        assert dataset.context_window.attrs["units"] == "ktok"
    assert not (folder / "tiny.zarr.partial").exists()


def test_sweep_does_not_overwrite_and_resume_opens_a_finished_one(folder):
    said = run("sweep", "tiny.toml", "--out", "tiny.zarr", cwd=folder, code=2)
    assert "exists already" in said and "--resume" in said
    assert "192 trajectories" in run("sweep", "tiny.toml", "--out", "tiny.zarr", "--resume", cwd=folder)
    said = run("sweep", "tiny.toml", "--out", "tiny.zarr", "--resume", "--seed", 1, cwd=folder, code=2)
    assert "another configuration" in said


@pytest.mark.slow
def test_sweep_json_and_default_place(folder):
    said = json.loads(run("sweep", "tiny.toml", "--seed", 3, "--json", cwd=folder))
    assert said["trajectories"] == 192 and sum(said["outcomes"].values()) == 192
    assert said["result"].startswith("results/tiny-") and (folder / said["result"]).is_dir()
    assert said["run_id"] in said["result"]


def test_plot_draws_a_result_again(folder):
    said = json.loads(run("plot", "tiny.zarr", "--out", "again/tiny", "--json", cwd=folder))
    assert said["figures"] and all((folder / path).stat().st_size > 1000 for path in said["figures"])


def test_simulate(folder):
    said = run("simulate", "tiny.toml", "--set", "axes=[]", "--out", "one.zarr", cwd=folder)
    assert "one cell" in said and "Collapse probability in [" in said
    with xr.open_zarr(folder / "one.zarr") as dataset:
        assert dataset.path_entropy.shape == (16, 17)
    assert "use sweep" in run("simulate", "tiny.toml", cwd=folder, code=2)


def test_quiet_says_nothing(folder):
    done = run("simulate", "tiny.toml", "--set", "axes=[]", "--quiet", cwd=folder)
    assert done == ""


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--set", "params.n_agnets=4"), "did you mean 'n_agents'?"),
        (("--set", "params.focus_rate=-1"), "focus_rate"),
        (("--set", 'params.context_window="64 tok"'), "ktok"),
        (("--set", "run.horizn=4"), "did you mean 'horizon'?"),
        (("--set", "axes[0].values=[]"), "axes"),
        (("--set", "run.precision=float16"), "did you mean 'float64'?"),
        (("--set", "model.name=starr"), "did you mean 'star'?"),
        (("--set", "nonsense"), "nonsense"),
        (("--set", "run.replicates=4294967295"), "replicates"),
    ],
)
def test_wrong_configurations_exit_with_2_and_a_sentence(folder, arguments, expected):
    said = run("sweep", "tiny.toml", "--out", "wrong.zarr", *arguments, cwd=folder, code=2)
    assert expected in said
    assert not list(folder.glob("wrong*"))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("sweep", "absent.toml"), "absent.toml"),
        (("sweep",), "Missing argument 'CONFIG'"),
        (("swep", "tiny.toml"), "swep"),
        (("sweep", "tiny.toml", "--sed", "1"), "--sed"),
        (("plot", "absent.zarr"), "no result at absent.zarr"),
        (("plot", "tiny.toml"), "zarr"),
        (("models", "starr"), "did you mean 'star'?"),
    ],
)
def test_wrong_usage_exits_with_2_and_a_sentence(folder, arguments, expected):
    assert expected in run(*arguments, cwd=folder, code=2)


def test_failed_computation_exits_with_1(folder):
    arguments = ("--set", "params.focus_rate=1e4", "--set", "run.check_share=0", "--out", "bad.zarr")
    said = run("sweep", "tiny.toml", *arguments, cwd=folder, code=1)
    assert "Every trajectory failed" in said
    assert not (folder / "bad.zarr").exists()


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
# On a busy machine a sweep of a bearable size may end before the signal is delivered.
@pytest.mark.slow
def test_interrupt_then_resume_gives_the_same_bits(folder):
    big = (
        "--set",
        "run.replicates=200000",
        "--set",
        "run.step=0.03125",
        "--set",
        "run.check_share=0",
        "--set",
        "run.memory_mb=64",
    )
    first = child("sweep", "tiny.toml", *big, "--out", "big.zarr", cwd=folder, devices=1)
    manifest = folder / "big.zarr.partial" / "manifest.jsonl"
    deadline = time.monotonic() + 120
    while not (manifest.exists() and '"chunk"' in manifest.read_text()) and time.monotonic() < deadline:
        time.sleep(0.02)
    first.send_signal(signal.SIGINT)
    said = first.communicate(timeout=120)[1]
    assert first.returncode == 130, said
    assert "--resume" in said and "Traceback" not in said
    assert not (folder / "big.zarr").exists()
    done = manifest.read_text().count('"chunk"')
    assert "holds an interrupted run" in run("sweep", "tiny.toml", *big, "--out", "big.zarr", cwd=folder, code=2)
    run("sweep", "tiny.toml", *big, "--out", "big.zarr", "--resume", cwd=folder)
    run("sweep", "tiny.toml", *big, "--out", "whole.zarr", cwd=folder)
    with xr.open_zarr(folder / "big.zarr") as resumed, xr.open_zarr(folder / "whole.zarr") as whole:
        assert done * 65536 < int(whole.trajectories.sum())
        xr.testing.assert_identical(resumed.drop_attrs().load(), whole.drop_attrs().load())


def test_models_and_info(folder):
    listed = json.loads(run("models", "--json", cwd=folder))
    assert {"star", "replicator"} <= set(listed)
    window = listed["star"]["parameters"]["context_window"]
    assert (window["unit"], window["symbol"], window["default"], window["bounds"]) == ("ktok", "W", 64.0, "(0, inf)")
    assert listed["star"]["observables"]["entropy"]["unit"] == "nat"
    text = run("models", "star", cwd=folder)
    assert "context_window" in text and "ktok" in text and "replicator" not in text
    told = json.loads(run("info", "--json", cwd=folder))
    assert told["backend"] == "cpu" and told["versions"]["entropyjax"] == "0.1.0"
    assert "backend cpu" in run("info", cwd=folder)


def test_info_and_import_load_nothing_heavy(folder):
    heavy = ("diffrax", "matplotlib", "zarr", "xarray", "pydantic", "optax")
    code = (
        "import sys\n"
        "from entropyjax.cli import main\n"
        "try: main(['info'])\n"
        "except SystemExit as stop: assert stop.code == 0\n"
        f"print([name for name in {heavy!r} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    code = "import sys, entropyjax; print('jax' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
