"""The opt-in call: what it sets, when it does not, and what it says."""

import importlib.metadata
import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

import entropyjax
from entropyjax.calibrate import apply, apply_xla_flags
from entropyjax.calibrate.flags import WHOLE_LOOPS, WIDE_VECTORS, merge
from entropyjax.calibrate.probe import ProbeError
from entropyjax.calibrate.processor import Processor
from entropyjax.cli import main, run

BOTH = merge("", (WHOLE_LOOPS, WIDE_VECTORS))
LOOPS, WIDTH = str(WHOLE_LOOPS), str(WIDE_VECTORS)


def everything_works(settings):
    return True


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """A process whose JAX has not started, with AVX-512 and an empty memory; XLA_FLAGS are put back afterwards."""
    monkeypatch.delenv("ENTROPYJAX_XLA_FLAGS")
    monkeypatch.setenv("XLA_FLAGS", "")
    monkeypatch.setenv("ENTROPYJAX_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(apply, "_backend_has_started", lambda: False)
    monkeypatch.setattr(apply, "_other_platform", lambda: "")
    monkeypatch.setattr(apply, "this_processor", lambda: Processor("Fast", "x86_64", 512))
    return monkeypatch


def test_flags_are_set_and_told(fresh):
    told = apply._apply(everything_works)
    assert os.environ["XLA_FLAGS"] == BOTH
    assert told.added == told.in_force == (LOOPS, WIDTH)
    assert str(told) == f"Added to XLA_FLAGS: {LOOPS}, {WIDTH}."
    again = apply._apply(None)
    assert str(again) == f"XLA_FLAGS has already: {LOOPS}, {WIDTH}."
    assert os.environ["XLA_FLAGS"] == BOTH


def test_what_the_user_chose_stays(fresh):
    fresh.setenv("XLA_FLAGS", "--xla_cpu_prefer_vector_width=128 --xla_a=1")
    told = apply._apply(everything_works)
    assert str(told) == f"Added to XLA_FLAGS: {LOOPS}. XLA_FLAGS has already: xla_cpu_prefer_vector_width=128."
    assert os.environ["XLA_FLAGS"].endswith(" --xla_cpu_prefer_vector_width=128 --xla_a=1")


def test_a_refused_flag_is_told(fresh):
    told = apply._apply(lambda settings: WIDE_VECTORS not in settings)
    assert told.added == (LOOPS,)
    assert str(told).endswith(f"Not more: this version of XLA does not run with {WIDTH}.")
    assert os.environ["XLA_FLAGS"] == merge("", (WHOLE_LOOPS,))


def needless(settings):
    raise AssertionError("nothing had to be tried")


def unsure(settings):
    raise ProbeError("the trial took too long")


@pytest.mark.parametrize(
    ("variables", "trial", "expected"),
    [
        ({"ENTROPYJAX_XLA_FLAGS": "0"}, needless, "ENTROPYJAX_XLA_FLAGS=0 turns them off"),
        ({"ENTROPYJAX_XLA_FLAGS": "Off"}, needless, "ENTROPYJAX_XLA_FLAGS=Off turns them off"),
        ({"XLA_FLAGS": "flags.txt"}, needless, "XLA_FLAGS names the file flags.txt; add them there"),
        ({}, None, "have not been tried on this machine yet"),
        ({}, unsure, "trying them failed, because the trial took too long"),
        ({}, lambda settings: not settings, f"does not run with {LOOPS} or {WIDTH}"),
    ],
)
def test_reasons_for_none(fresh, variables, trial, expected):
    for name, value in variables.items():
        fresh.setenv(name, value)
    before = os.environ["XLA_FLAGS"]
    fresh.setattr(apply, "Subprocess", lambda: trial)
    told = apply_xla_flags()
    assert told.in_force == ()
    assert str(told).startswith("No XLA flags: ") and expected in str(told) and str(told).endswith(".")
    assert os.environ["XLA_FLAGS"] == before


def test_any_error_is_a_reason(fresh):
    fresh.setattr(apply, "this_processor", lambda: 1 / 0)
    assert apply_xla_flags().reason == "looking for them failed with ZeroDivisionError: division by zero"


def test_a_cache_that_cannot_be_written_only_costs_another_trial(fresh, tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    for _ in range(2):
        os.environ["XLA_FLAGS"] = ""
        assert apply._apply(everything_works).added == (LOOPS, WIDTH)


@pytest.mark.parametrize(
    ("platforms", "expected"), [("cpu", ""), ("cpu,cuda", ""), ("cuda,cpu", "JAX is to run on cuda")]
)
def test_platform(platforms, expected, monkeypatch):
    monkeypatch.setattr("jax.config", SimpleNamespace(jax_platforms=platforms))
    assert apply._other_platform().startswith(expected) and bool(apply._other_platform()) == bool(expected)


def test_an_accelerator_that_jax_may_pick_is_left_alone(monkeypatch):
    monkeypatch.setattr("jax.config", SimpleNamespace(jax_platforms=None))
    entry = importlib.metadata.EntryPoint("cuda13", "jax_cuda13_plugin", "jax_plugins")
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [entry] if group == "jax_plugins" else [])
    assert "JAX may run on an accelerator (cuda13)" in apply._other_platform()


def test_before_and_after_the_start_of_the_backend(fresh):
    """A real process: nothing happens at import, the flags act, and a call after the start says that it is late."""
    apply._apply(everything_works)
    code = (
        "import os, sys, entropyjax, jax\n"
        "from entropyjax.calibrate import apply\n"
        "from entropyjax.calibrate.processor import Processor\n"
        "apply.this_processor = lambda: Processor('Fast', 'x86_64', 512)\n"
        "assert 'XLA_FLAGS' not in os.environ\n"
        "print(entropyjax.apply_xla_flags(probe=False).added)\n"
        "jax.jit(lambda x: jax.lax.scan(lambda x, _: (0.5 * x, None), x, length=16)[0])(jax.numpy.ones(64))\n"
        "os.environ['XLA_FLAGS'] = ''\n"
        "print(entropyjax.apply_xla_flags())\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"} | {"JAX_PLATFORMS": "cpu"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    added, late = done.stdout.splitlines()
    assert added == str((LOOPS, WIDTH))
    assert late.startswith("No XLA flags: the JAX backend has started already; apply_xla_flags() must come before")


def test_the_command_line_applies_and_tells_them(monkeypatch, capsys):
    calls = []
    monkeypatch.setattr("entropyjax.calibrate.apply_xla_flags", lambda: calls.append(1))
    # Nothing else of this process is to change.
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", "")
    run.prepare_jax()
    assert calls == [1]
    monkeypatch.undo()
    # The tests' own flags are not those of the command.
    monkeypatch.setenv("XLA_FLAGS", "")
    for arguments in (["info", "--json"], ["info"]):
        with pytest.raises(SystemExit):
            main(arguments)
    record, *lines = capsys.readouterr().out.splitlines()
    assert json.loads(record)["xla_flags"] == {"in_force": [], "reason": "ENTROPYJAX_XLA_FLAGS=0 turns them off"}
    assert "XLA flags none (ENTROPYJAX_XLA_FLAGS=0 turns them off)" in lines
    assert entropyjax.apply_xla_flags is apply_xla_flags
