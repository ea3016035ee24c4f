"""A C program of our own, compiled here: the yardstick."""

import atexit
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from entropyjax.ensemble.population import FIRST_STREAM
from entropyjax.jobs.bench.problem import HORIZON, RANGES, Lanes, constants, key
from entropyjax.jobs.bench.summary import Summary, from_sums
from entropyjax.jobs.bench.tool import AbstractRun, AbstractTool, Unsupported, register
from entropyjax.solve import Criteria
from entropyjax.solve.lane import NOISE_STREAM
from entropyjax.solve.noise import stream

COMPILERS = ("cc", "gcc", "clang")
FLAGS = ("-O3", "-march=native", "-ffast-math", "-fopenmp")
SCHEDULING = ("-fschedule-insns", "-fsched-pressure")
"""With these gcc leaves the interleaved vectors in a better order; clang does not know them."""

GROUPS = (4, 2)
"""Machine vectors that advance together; the fastest is taken."""

MAX_STEPS = 4096
_METHODS = {"rk4": "rk4", "adaptive": "tsit5", "sde": "euler"}
_TRIAL = 2**16
_NEVER = 1e38


def compiler() -> str | None:
    """Return the first C compiler of this machine."""
    return next((path for path in map(shutil.which, COMPILERS) if path), None)


def build(folder: Path, workload: str, group: int) -> tuple[Path, Sequence[str], float]:
    """Compile the program for one workload; return its path, the flags that worked, and the time it took in s.

    **Raises:** `Unsupported` if no compiler can.
    """
    found = compiler()
    if found is None:
        raise Unsupported("There is no C compiler here.")
    program, problem = folder / f"star-{workload}-{group}", ""
    without = [flag for flag in FLAGS if flag != "-fopenmp"]
    with as_file(files("entropyjax.jobs.bench") / "c") as source:
        for flags in ((*FLAGS, *SCHEDULING), FLAGS, without, ("-O3",)):
            began = time.perf_counter()
            macros = [f"-DGROUP={group}", f"-DMETHOD='{_METHODS[workload][0]}'"]
            command = [found, *flags, *macros, str(source / "star.c"), "-o", str(program), "-lm"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                return program, flags, time.perf_counter() - began
            problem = problem or done.stderr.strip().splitlines()[-1]
    raise Unsupported(f"{found} does not compile the C program: {problem}")


def arguments(workload: str, setting: float) -> list[str]:
    """Return the command line of the program, `count` and `threads` apart."""
    p, criteria = constants(), Criteria()
    specs = type(p).specs()
    places = {name: place for place, name in enumerate(specs)}
    words = [int(word) for name in RANGES for word in stream(key(), FIRST_STREAM + places[name])]
    values: dict[str, Any] = {name: float(getattr(p, name)) for name in specs if name not in RANGES}
    values |= {name: float(getattr(criteria, name)) for name in vars(criteria)}
    values |= {"horizon": HORIZON, "pcoeff": 0, "icoeff": 1, "max_steps": MAX_STEPS, "method": _METHODS[workload]}
    values |= {"rtol": setting, "atol": 0.1 * setting} if workload == "adaptive" else {"steps": int(setting)}
    lists = {
        "low": [low for low, _ in RANGES.values()],
        "high": [high for _, high in RANGES.values()],
        "keys": words,
        "noise_key": [int(word) for word in stream(key(), NOISE_STREAM)],
    }
    values |= {name: ",".join(map(str, numbers)) for name, numbers in lists.items()}
    return [f"{name}={value}" for name, value in values.items()]


class CRun(AbstractRun):
    """The program at one setting."""

    def __init__(self, program: Path, fixed: list[str], threads: int, facts: dict[str, Any]):
        self._program, self._fixed, self._threads, self._facts = program, fixed, threads, facts
        # That of the program that was taken; the trials of others are no part of it.
        self.compile_s = facts["compile_s"]

    def measure(self, count: int) -> dict[str, Any]:
        found = self._call(count, self._threads)
        kept = {"seconds": found["seconds"], "steps": found["steps"], "program_peak_mib": found["peak_kib"] / 1024}
        return kept | {"summary": _summary(found)}

    def lanes(self, count: int) -> Lanes:
        with tempfile.NamedTemporaryFile(suffix=".bin") as file:
            self._call(count, self._threads, f"detail={count}", file.name)
            rows = np.fromfile(file.name, np.float32).reshape(-1, 8)[:count].T.astype(np.float64)
        times = np.where(rows[3:7] < _NEVER, rows[3:7], np.inf)
        return Lanes._make([*rows[:3], *times, np.maximum(rows[7], 0.0).astype(np.int64)])

    def facts(self) -> dict[str, Any]:
        found = min((self._call(_TRIAL, 1) for _ in range(5)), key=lambda each: each["seconds"])
        cost = 1e9 * found["seconds"] / found["steps"]
        return self._facts | {"lanes": found["width"], "ns_per_step_one_thread": cost}

    def _call(self, count: int, threads: int, *more: str) -> dict[str, Any]:
        command = [str(self._program), *self._fixed, f"count={count}", f"threads={threads}", *more]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Unsupported(f"The C program failed (exit code {done.returncode}): {done.stderr.strip()}")
        return json.loads(done.stdout)


def _summary(found: dict[str, Any]) -> Summary:
    return Summary(
        from_sums(*found["normalised_entropy"]),
        from_sums(*found["collapse_time"]),
        np.asarray(found["outcomes"]),
        np.asarray(found["collapse_histogram"]),
        found["failures"],
    )


@register("c")
class CProgram(AbstractTool):
    """Struct of arrays, vectors over lanes, the state in registers from 0 to T, OpenMP over batches."""

    title = "C"
    workloads: ClassVar = {
        "rk4": "Draws, integrates, locates events by Hermite cubics and reduces, all in one pass.",
        "adaptive": "The same with Tsitouras 5(4) and diffrax's controller; a lane that ends takes a new trajectory.",
        "sde": "The same with threefry noise per trajectory and step; the package's random bits.",
    }

    def __init__(self, groups: tuple[int, ...] = GROUPS):
        self._groups = groups
        self._built: dict[str, tuple[Path, dict[str, Any]]] = {}
        self._folder: Path | None = None

    def missing(self) -> str | None:
        return None if compiler() else f"there is no C compiler here (looked for {', '.join(COMPILERS)})"

    def prepare(self, workload: str, setting: float, threads: int) -> AbstractRun:
        fixed = arguments(workload, setting)
        if workload not in self._built:
            self._built[workload] = self._fastest(workload, fixed)
        program, facts = self._built[workload]
        return CRun(program, fixed, threads, facts)

    def _fastest(self, workload: str, fixed: list[str]) -> tuple[Path, dict[str, Any]]:
        """Compile for every group and return the fastest program."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="entropyjax-bench-"))
            atexit.register(shutil.rmtree, self._folder, ignore_errors=True)
        trials = []
        for group in self._groups:
            program, flags, took = build(self._folder, workload, group)
            facts = {"compiler": compiler(), "flags": " ".join(flags), "group": group, "compile_s": took}
            run = CRun(program, fixed, 1, facts)
            seconds = min(run.measure(_TRIAL)["seconds"] for _ in range(3)) if len(self._groups) > 1 else 0.0
            trials.append((seconds, program, facts))
        _, program, facts = min(trials, key=lambda trial: trial[0])
        return program, facts
