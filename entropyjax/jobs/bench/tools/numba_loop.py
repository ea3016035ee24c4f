"""numba: a parallel loop over trajectories, compiled from Python."""

import importlib.util
import time
from typing import Any, ClassVar

import numpy as np

from entropyjax.jobs.bench.problem import HORIZON, Lanes, constants, key, parameters
from entropyjax.jobs.bench.scalar import derive
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
        from entropyjax.jobs.bench.numba_star import kernels

        self._workload, self._setting, self._kernels = workload, setting, kernels()
        self._key = np.array([int(word) for word in stream(key(), NOISE_STREAM)], np.uint32)

    def measure(self, count: int) -> dict[str, Any]:
        self._solve(_rows(0, 1), 0)
        seconds, parts = 0.0, []
        for first in range(0, count, CHUNK):
            rows = _rows(first, min(CHUNK, count - first))
            began = time.perf_counter()
            lanes, h = self._solve(rows, first)
            parts.append(summarise(h, lanes.collapse_time, lanes.outcome))
            seconds += time.perf_counter() - began
        return {"seconds": seconds, "summary": combine(parts)}

    def lanes(self, count: int) -> Lanes:
        return Lanes(*(np.asarray(values, np.float64) for values in self._solve(_rows(0, count), 0)[0]))

    def _solve(self, rows: np.ndarray, first: int) -> tuple[Lanes, np.ndarray]:
        p, criteria, real = constants(), Criteria(), np.float32
        start = np.array([p.initial_focus, p.initial_progress, p.initial_context], np.float32)
        out = np.empty((len(rows), 8), np.float32)
        if self._workload == "adaptive":
            rtol = real(self._setting)
            self._kernels.tsit5(rows, start, real(HORIZON), rtol, real(0.1) * rtol, MOST_STEPS, out)
        else:
            steps = int(self._setting)
            dt = real(HORIZON / steps)
            if self._workload == "rk4":
                self._kernels.rk4(rows, start, steps, dt, out)
            else:
                done = real(1.0 - float(criteria.progress_tolerance))
                dwell = real(criteria.dwell)
                self._kernels.euler(rows, start, steps, dt, self._key, first, (done, dwell), out)
        times = np.where(out[:, 3:7] < _NEVER, out[:, 3:7], np.inf).T
        return Lanes._make([*out[:, :3].T, *times, outcome_codes(*times[:3])]), out[:, 7]


def _rows(first: int, count: int) -> np.ndarray:
    return np.ascontiguousarray(derive(parameters(first, count)).T.astype(np.float32))


@register("numba")
class Numba(AbstractTool):
    """numba, if it is installed."""

    title = "numba"
    workloads: ClassVar = {
        "rk4": "prange over trajectories, float32 scalars, fastmath; events by Hermite cubics as in C.",
        "adaptive": "The same with Tsitouras 5(4) and diffrax's controller.",
        "sde": "The same with Euler-Maruyama on the package's random bits.",
    }

    def missing(self) -> str | None:
        return None if importlib.util.find_spec("numba") else "numba is not installed"

    def prepare(self, workload: str, setting: float, threads: int) -> AbstractRun:
        del threads
        return NumbaRun(workload, setting)
