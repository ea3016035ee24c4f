"""scipy's solve_ivp, one trajectory after the other."""

import time
from typing import Any, ClassVar

import numpy as np

from entropyjax.jobs.bench.problem import Lanes, parameters
from entropyjax.jobs.bench.scalar import Derived, choice, derive
from entropyjax.jobs.bench.summary import summarise
from entropyjax.jobs.bench.tool import AbstractRun, AbstractTool, register
from entropyjax.jobs.bench.trajectory import collect, trajectory


class ScipyRun(AbstractRun):
    """RK45 with its own events; what a trajectory's constants are is worked out before the clock starts."""

    def __init__(self, rtol: float):
        self._rtol = rtol

    def measure(self, count: int) -> dict[str, Any]:
        rows = _rows(count)
        began = time.perf_counter()
        lanes = self._solve(rows)
        h = np.array([choice(float(x), d)[2] for x, d in zip(lanes.focus, rows, strict=True)])
        summary = summarise(h, lanes.collapse_time, lanes.outcome)
        return {"seconds": time.perf_counter() - began, "summary": summary}

    def lanes(self, count: int) -> Lanes:
        return self._solve(_rows(count))

    def _solve(self, rows: list[Derived]) -> Lanes:
        return collect([trajectory(row, "RK45", self._rtol, 0.1 * self._rtol) for row in rows])


def _rows(count: int) -> list[Derived]:
    return [Derived(*map(float, row)) for row in derive(parameters(0, count, np.float64)).T]


@register("scipy")
class Scipy(AbstractTool):
    """scipy, which the package depends on."""

    title = "scipy"
    workloads: ClassVar = {
        "adaptive": "solve_ivp with RK45 and its events, in float64, on one thread, Python's own arithmetic."
    }

    def prepare(self, workload: str, setting: float, threads: int) -> AbstractRun:
        del workload, threads
        return ScipyRun(setting)
