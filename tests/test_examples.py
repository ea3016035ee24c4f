"""The examples run as a reader runs them, and the sweeps that are shipped load."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from entropyjax.io.config import load

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "scripts" / "examples").glob("*.py"))
SWEEPS = sorted((ROOT / "sweeps").glob("*.toml"))
MOST_TRAJECTORIES = 2_000_000


def _run(example: Path, folder: Path, *arguments: str) -> str:
    # A reader's Python: none of the settings of the tests, but for how long XLA optimises.
    env = {**os.environ, "XLA_FLAGS": os.environ["ENTROPYJAX_TESTS_XLA_FLAGS"]}
    command = [sys.executable, str(example), *arguments]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_there_are_examples_and_sweeps():
    assert {path.stem for path in EXAMPLES} >= {"phase_diagram", "gradients", "agents_vs_sde", "custom_model"}
    assert len(SWEEPS) >= 4


LONG = ("agents_vs_sde", "phase_diagram")
MARKED = [pytest.param(one, marks=pytest.mark.slow) if one.stem in LONG else one for one in EXAMPLES]


@pytest.mark.parametrize("example", MARKED, ids=lambda path: path.stem)
def test_example_runs(example, tmp_path):
    printed = _run(example, tmp_path, "--quick")
    named = [line.removeprefix("Figure: ") for line in printed.splitlines() if line.startswith("Figure: ")]
    assert [name for name in named if not (tmp_path / name).stat().st_size] == []
    if example.stem == "gradients":
        numbers = printed.splitlines()[-1].removeprefix("dH/dW: ").split(" nat/ktok; finite difference ")
        slope, difference = map(float, numbers)
        assert slope == pytest.approx(difference, abs=2e-4)
        assert slope < 0.0
    elif example.stem == "custom_model":
        lines = [line for line in printed.splitlines() if line.startswith("attention_floor = ")]
        shares = [float(line.rpartition(" ")[2]) for line in lines]
        assert shares[-1] < shares[0]
    else:
        assert named


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_tells_how_to_run_it(example, tmp_path):
    assert "--quick" in _run(example, tmp_path, "--help")


@pytest.mark.parametrize("sweep", SWEEPS, ids=lambda path: path.stem)
def test_sweep_loads(sweep):
    config = load(sweep)
    assert config.title and config.description
    assert config.axes or config.refine
    trajectories = config.run.replicates
    for size in config.shape:
        trajectories *= size
    assert 1 < trajectories <= MOST_TRAJECTORIES
