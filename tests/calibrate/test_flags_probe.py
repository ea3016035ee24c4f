"""Which settings work: chosen by trials, remembered, and a flag that ends a process survived."""

import json
import os
import subprocess
import sys
import time

import pytest

from entropyjax.calibrate.cache import Memory
from entropyjax.calibrate.flags import WHOLE_LOOPS, WIDE_VECTORS, Setting
from entropyjax.calibrate.probe import DOUBT, Finding, ProbeError, Subprocess, choose, find
from entropyjax.calibrate.processor import Processor, describe, this_processor

BOTH = (WHOLE_LOOPS, WIDE_VECTORS)
BAD = Setting("xla_flag_of_no_version", "1")
HERE = Processor("Fast", "x86_64", 512)


class Pretended:
    """A trial that goes well unless a forbidden setting takes part; it notes what was asked."""

    def __init__(self, *forbidden, error=None):
        self.forbidden, self.error, self.asked = forbidden, error, []

    def __call__(self, settings):
        self.asked.append(tuple(settings))
        if self.error:
            raise ProbeError(self.error)
        return not any(setting in self.forbidden for setting in settings)


@pytest.mark.parametrize(
    ("forbidden", "expected", "trials"),
    [
        ((), BOTH, 1),
        ((WIDE_VECTORS,), (WHOLE_LOOPS,), 2),
        ((WHOLE_LOOPS,), (WIDE_VECTORS,), 3),
        ((WHOLE_LOOPS, WIDE_VECTORS), (), 4),
    ],
)
def test_choice(forbidden, expected, trials):
    trial = Pretended(*forbidden)
    assert choose(BOTH, trial) == Finding(expected)
    assert len(trial.asked) == trials


def test_settings_that_exclude_each_other_leave_the_first():
    assert choose(BOTH, lambda settings: len(settings) < 2) == Finding((WHOLE_LOOPS,))


def test_a_trial_that_cannot_tell_is_doubt_and_no_refusal():
    assert choose(BOTH, lambda settings: False) == Finding((), "a trial without any flag fails too")
    assert choose(BOTH, Pretended(error="it took too long")) == Finding((), "it took too long")


def test_a_finding_is_remembered_for_this_machine_and_these_candidates(tmp_path):
    memory, trial = Memory(tmp_path), Pretended(WIDE_VECTORS)
    assert find(BOTH, HERE, memory) is None
    assert find(BOTH, HERE, memory, trial) == find(BOTH, HERE, memory) == Finding((WHOLE_LOOPS,))
    assert len(trial.asked) == 2
    assert find(BOTH, HERE._replace(name="Slow"), memory) is None
    assert find((WHOLE_LOOPS,), HERE, memory) is None


def test_doubt_is_remembered_for_a_day(tmp_path):
    memory, trial = Memory(tmp_path), Pretended(error="it took too long")
    doubt = Finding((), "it took too long")
    assert [find(BOTH, HERE, memory, trial) for _ in range(2)] == [doubt, doubt]
    assert len(trial.asked) == 1
    (path,) = tmp_path.iterdir()
    os.utime(path, (time.time() - DOUBT - 60.0,) * 2)
    assert find(BOTH, HERE, memory, Pretended()) == Finding(BOTH)


@pytest.mark.parametrize(
    "answer", [None, 3, {"settings": ["a"]}, {"settings": ["xla_other"], "doubt": ""}, {"settings": 1, "doubt": 1}]
)
def test_an_answer_of_another_form_is_asked_again(answer, tmp_path):
    memory = Memory(tmp_path)
    find(BOTH, HERE, memory, Pretended())
    (path,) = tmp_path.iterdir()
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"answer": answer}))
    assert find(BOTH, HERE, memory) is None
    assert find(BOTH, HERE, memory, Pretended(WHOLE_LOOPS)) == Finding((WIDE_VECTORS,))


def test_a_flag_that_ends_the_process_is_survived_and_remembered(tmp_path):
    """Two real processes: both settings together, of which XLA does not know one, then the first alone."""
    memory = Memory(tmp_path)
    candidates = (WHOLE_LOOPS, BAD)
    assert find(candidates, HERE, memory, Subprocess(patience=120.0)) == Finding((WHOLE_LOOPS,))
    assert find(candidates, HERE, memory, Pretended(error="asked again")) == Finding((WHOLE_LOOPS,))


def test_a_process_that_takes_too_long_or_cannot_start_is_doubt(monkeypatch):
    assert "too long" in choose(BOTH, Subprocess(patience=0.0)).doubt
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert "no process could be started" in choose(BOTH, Subprocess()).doubt
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(subprocess, "run", pytest.fail)
    assert "no Python interpreter" in choose(BOTH, Subprocess()).doubt


def test_processor_is_read_from_the_table_of_linux():
    table = "processor\t: 0\nmodel name\t: Fast 3000\nflags\t\t: sse avx2 {}\n\nprocessor\t: 1\nflags : sse\n"
    assert describe(table.format("avx512f"), "", "x86_64") == Processor("Fast 3000", "x86_64", 512)
    assert describe(table.format("avx512_bf16"), "", "x86_64").vector_bits == 256
    assert describe("Features : fp asimd sve\n", "arm", "aarch64") == Processor("arm", "aarch64", 128)
    assert describe("", "", "") == Processor("", "", 128)
    assert this_processor().vector_bits in (128, 256, 512)
