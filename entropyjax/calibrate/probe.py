"""Which settings XLA accepts on this machine: tried in processes of their own, and remembered.

A flag that XLA does not know ends the whole process, so the process that tries one must not be the user's.
"""

import importlib.metadata
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from entropyjax.calibrate.cache import Memory
from entropyjax.calibrate.flags import Setting, merge
from entropyjax.calibrate.processor import Processor

Trial = Callable[[Sequence[Setting]], bool]
"""Whether a process runs well under some settings; raises `ProbeError` if that cannot be told."""

PATIENCE = 20.0
"""Seconds for all trials of a probe together; one takes about a second."""

DOUBT = 86400.0
"""Seconds for which a probe that could not tell is not repeated."""

# A scan as the ensembles have it, checked against the same loop in plain Python; float32 keeps 1e-5 with ease
# over 32 contracting steps.
_PROGRAM = """
import math
import jax
def step(x, exp):
    return x + 0.125 * (exp(-x) - x)
start = [lane / 64 for lane in range(64)]
scan = jax.jit(lambda x: jax.lax.scan(lambda x, _: (step(x, jax.numpy.exp), None), x, length=32)[0])
for x, found in zip(start, scan(jax.numpy.array(start)).tolist()):
    for _ in range(32):
        x = step(x, math.exp)
    assert abs(x - found) < 1e-5
"""


class ProbeError(RuntimeError):
    """A trial that could not tell; the message is a clause that says why."""


class Finding(NamedTuple):
    """What a probe found.

    **Attributes:**

    - `settings`: those that work together.
    - `doubt`: why the probe could not tell, "" if it could.
    """

    settings: tuple[Setting, ...]
    doubt: str = ""


def find(
    candidates: Sequence[Setting], processor: Processor, memory: Memory, trial: Trial | None = None
) -> Finding | None:
    """Return which candidates work here, from memory or by trials.

    **Arguments:** `trial`: how to try; by default nothing is tried.

    **Returns:** the finding, or `None` if nothing is remembered and nothing was to be tried.
    """
    question = {
        "jaxlib": _version("jaxlib"),
        "system": platform.system(),
        **{name: str(value) for name, value in processor._asdict().items()},
        "candidates": merge("", candidates),
    }
    known = _understand(memory.recall(question), candidates)
    if known is not None and known.doubt:
        known = _understand(memory.recall(question, DOUBT), candidates)
    if known is not None or trial is None:
        return known
    finding = choose(candidates, trial)
    names = [setting.name for setting in finding.settings]
    memory.remember(question, {"settings": names, "doubt": finding.doubt})
    return finding


def choose(candidates: Sequence[Setting], trial: Trial) -> Finding:
    """Return the candidates that work: all, or else those that still work one upon the other."""
    try:
        if trial(candidates):
            return Finding(tuple(candidates))
        accepted: tuple[Setting, ...] = ()
        for setting in candidates:
            more = (*accepted, setting)
            # All of them together have failed already.
            if len(more) < len(candidates) and trial(more):
                accepted = more
        if accepted or trial(()):
            return Finding(accepted)
    except ProbeError as error:
        return Finding((), str(error))
    return Finding((), "a trial without any flag fails too")


class Subprocess:
    """Tries settings in new processes on the CPU, all of them together within a number of seconds."""

    def __init__(self, patience: float = PATIENCE):
        self._end = time.monotonic() + patience

    def __call__(self, settings: Sequence[Setting]) -> bool:
        # A frozen application would start itself again.
        if not sys.executable or getattr(sys, "frozen", False):
            raise ProbeError("this program has no Python interpreter to try flags with")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
        environment |= {"XLA_FLAGS": merge("", settings), "JAX_PLATFORMS": "cpu"}
        try:
            done = subprocess.run(
                [sys.executable, "-P", "-c", _PROGRAM],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=max(0.1, self._end - time.monotonic()),
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ProbeError("the trial took too long") from None
        except (OSError, ValueError) as error:
            raise ProbeError(f"no process could be started ({error})") from None
        return done.returncode == 0


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def _understand(answer: Any, candidates: Sequence[Setting]) -> Finding | None:
    """Return the finding that a remembered answer stands for, `None` if it is no such thing."""
    if not isinstance(answer, dict):
        return None
    names, doubt = answer.get("settings"), answer.get("doubt")
    if not isinstance(names, list) or not isinstance(doubt, str):
        return None
    settings = tuple(setting for setting in candidates if setting.name in names)
    return Finding(settings, doubt) if len(settings) == len(names) else None
