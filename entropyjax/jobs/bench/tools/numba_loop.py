"""numba: a parallel loop over trajectories, compiled from Python."""

import importlib
import importlib.util
import os
import time
from typing import Any, ClassVar

import numpy as np

from entropyjax.jobs.bench.problem import HORIZON, Lanes, constants, key, parameters
from entropyjax.jobs.bench.scalar import Derived, derive
from entropyjax.jobs.bench.summary import combine, summarise
from entropyjax.jobs.bench.tool import AbstractRun, AbstractTool, register
from entropyjax.jobs.bench.trajectory import outcome_codes
from entropyjax.solve import Criteria
from entropyjax.solve.lane import NOISE_STREAM
from entropyjax.solve.noise import stream

CHUNK = 2**17
"""Trajectories whose constants are in memory at a time."""

MOST_STEPS = 4096
_NEVER = 1e38


class NumbaRun(AbstractRun):
    """One kernel; what a trajectory's constants are is worked out before the clock starts."""

    def __init__(self, workload: str, setting: float):
        from entropyjax.jobs.bench.numba_kernels import kernels

        self._workload, self._setting, self._kernels = workload, setting, kernels()
        self._key = np.array([int(word) for word in stream(key(), NOISE_STREAM)], np.uint32)

    def measure(self, count: int) -> dict[str, Any]:
        self._solve(_inputs(0, 1), 0, 1)
        seconds, parts = 0.0, []
        for first in range(0, count, CHUNK):
            size = min(CHUNK, count - first)
            inputs = _inputs(first, size)
            began = time.perf_counter()
            lanes, h = self._solve(inputs, first, size)
            parts.append(summarise(h, lanes.collapse_time, lanes.outcome))
            seconds += time.perf_counter() - began
        return {"seconds": seconds, "summary": combine(parts)}

    def lanes(self, count: int) -> Lanes:
        found, _ = self._solve(_inputs(0, count), 0, count)
        return Lanes._make(np.asarray(values, np.float64) for values in found)

    def _solve(self, inputs: tuple[np.ndarray, np.ndarray], first: int, count: int) -> tuple[Lanes, np.ndarray]:
        rows, log_executors = inputs
        p, criteria, real = constants(), Criteria(), np.float32
        start = np.array([p.initial_focus, p.initial_progress, p.initial_context], np.float32)
        out = np.empty((rows.shape[1], 8), np.float32)
        if self._workload == "adaptive":
            rtol = real(self._setting)
            self._kernels.tsit5(rows, start, real(HORIZON), rtol, real(0.1) * rtol, MOST_STEPS, out)
        else:
            steps = int(self._setting)
            dt = real(HORIZON / steps)
            if self._workload == "rk4":
                self._kernels.rk4(rows, start, steps, dt, out)
            else:
                rule = (real(1.0 - float(criteria.progress_tolerance)), real(criteria.dwell))
                self._kernels.euler(rows, start, steps, dt, self._key, first, rule, out)
        out = out[:count]
        times = np.where(out[:, 3:7] < _NEVER, out[:, 3:7], np.inf).T
        return Lanes._make([*out[:, :3].T, *times, outcome_codes(*times[:3])]), out[:, 7] / log_executors


def _inputs(first: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of a kernel, and ln N_e of the trajectories."""
    from entropyjax.jobs.bench.numba_kernels.loops import rows_of

    derived = derive(parameters(first, count))
    return rows_of(derived), derived[Derived._fields.index("log_executors")].astype(np.float32)


@register("numba")
class Numba(AbstractTool):
    """numba, if it is installed."""

    title = "numba"
    workloads: ClassVar = {
        "rk4": "prange over blocks of 64 lanes, float32, fastmath, polynomials that vectorise; events as in C.",
        "adaptive": "prange over trajectories in scalars, Tsitouras 5(4), diffrax's controller, events as in C.",
        "sde": "prange over blocks of 64 lanes, Euler-Maruyama on the package's random bits.",
    }

    def missing(self) -> str | None:
        return None if importlib.util.find_spec("numba") else "numba is not installed"

    def environment(self, threads: int) -> dict[str, str]:
        return super().environment(threads) | _whole_vectors()

    def prepare(self, workload: str, setting: float, threads: int) -> AbstractRun:
        del threads
        return NumbaRun(workload, setting)


def _whole_vectors() -> dict[str, str]:
    """Return what makes numba use vectors of 512 bits where there are some: LLVM prefers 256 on such processors."""
    if "NUMBA_CPU_FEATURES" in os.environ or importlib.util.find_spec("llvmlite") is None:
        return {}
    binding: Any = importlib.import_module("llvmlite.binding")
    features = binding.get_host_cpu_features()
    if not features.get("avx512f"):
        return {}
    return {
        "NUMBA_CPU_NAME": binding.get_host_cpu_name(),
        "NUMBA_CPU_FEATURES": f"{features.flatten()},-prefer-256-bit",
    }
