"""This library's own solver paths, through its public ensembles."""

import dataclasses
import time
from typing import Any, ClassVar

import numpy as np

from entropyjax.calibrate import apply_xla_flags
from entropyjax.calibrate.measure import load_calibration
from entropyjax.ensemble import Ensemble, EnsembleError, Moments, make_plan, run_chunks
from entropyjax.jobs.bench import problem
from entropyjax.jobs.bench.gradient import EnsembleGradientRun
from entropyjax.jobs.bench.problem import Lanes
from entropyjax.jobs.bench.summary import Summary, combine, pooled
from entropyjax.jobs.bench.tool import AbstractRun, AbstractTool, Unsupported, register
from entropyjax.solve import METHODS, native

_METHODS = {"rk4": "rk4", "adaptive": "tsit5_adaptive", "sde": "euler_maruyama"}


def request(workload: str, setting: float, replicates: int, dtype: Any = np.float32) -> Ensemble:
    """Return the ensemble of a workload at one setting."""
    cls: Any = METHODS.get(_METHODS[workload])
    if workload == "adaptive":
        return problem.ensemble(cls(rtol=setting, atol=0.1 * setting), 1, replicates, dtype)
    return problem.ensemble(cls(), int(setting), replicates, dtype)


def lanes_of(ensemble: Ensemble, count: int, path: str) -> Lanes:
    """Return single trajectories: every one is a cell of its own, with the global index that it has in a run."""
    cells = {"initial_progress": np.zeros(count), **ensemble.cells}
    whole = ("focus", "progress", "context")
    single = dataclasses.replace(ensemble, cells=cells, replicates=1, observables=whole)
    plan = make_plan(single, path=path, calibration=load_calibration())
    parts = [part for _, _, part in run_chunks(single, plan, range(plan.chunks))]
    ends = [np.concatenate([part.observables[name].mean[:, -1] for part in parts]) for name in whole]
    names = Lanes._fields[3:7]
    times = [[getattr(part, name) for part in parts] for name in names]
    found = [np.concatenate([np.where(m.count > 0, m.mean, np.inf) for m in column]) for column in times]
    outcomes = np.concatenate([np.argmax(part.outcomes, axis=1) for part in parts])
    return Lanes._make([*ends, *found, outcomes])


class EnsembleRun(AbstractRun):
    """An ensemble on one path."""

    def __init__(self, workload: str, setting: float, path: str, flags: str = ""):
        self._workload, self._setting, self._path, self._flags = workload, setting, path, flags
        self._ready: dict[int, tuple[Ensemble, Any]] = {}

    def measure(self, count: int) -> dict[str, Any]:
        if count not in self._ready:
            ensemble = request(self._workload, self._setting, count)
            plan = make_plan(ensemble, path=self._path, calibration=load_calibration())
            # The first chunk compiles the program that all chunks run.
            list(run_chunks(ensemble, plan, range(1)))
            self._ready[count] = ensemble, plan
        ensemble, plan = self._ready[count]
        began = time.perf_counter()
        parts = [_summary(part) for _, _, part in run_chunks(ensemble, plan, range(plan.chunks))]
        summary = combine(parts)
        return {"seconds": time.perf_counter() - began, "summary": summary, "plan": str(plan)}

    def lanes(self, count: int) -> Lanes:
        return lanes_of(request(self._workload, self._setting, 1), count, self._path)

    def facts(self) -> dict[str, Any]:
        return {"flags": self._flags}


def _summary(part: Any) -> Summary:
    h = part.observables["normalised_entropy"]
    return Summary(
        pooled(Moments(*(leaf[:, -1] for leaf in h))),
        pooled(part.collapse_time),
        part.outcomes.sum(axis=0),
        part.collapse_histogram.sum(axis=0),
        int(part.failures[:, 1:].sum()),
    )


class AbstractEnsembleTool(AbstractTool):
    """A solver path of this library."""

    path: ClassVar[str]
    settings: ClassVar = {"gradient": (256, 384)}
    workloads: ClassVar = {
        "rk4": "The library's ensemble: draws, integrates, locates events by Hermite cubics and reduces.",
        "adaptive": "The same with Tsitouras 5(4), adaptive steps, and events from dense output.",
        "sde": "The library's ensemble with counter-based noise per trajectory and step.",
        "gradient": "jax.value_and_grad of ensemble_mean, which carries six derivatives forward.",
    }

    def environment(self, threads: int) -> dict[str, str]:
        return super().environment(threads) | {"JAX_NUM_CPU_DEVICES": str(threads)}

    def prepare(self, workload: str, setting: float, threads: int) -> AbstractRun:
        del threads
        # Before the first use of JAX here; it does nothing at a second call, or where the flags do not serve.
        flags = str(apply_xla_flags())
        if workload == "gradient":
            return EnsembleGradientRun(int(setting), self.path)
        try:
            make_plan(request(workload, setting, 1), path=self.path)
        except EnsembleError as error:
            raise Unsupported(str(error)) from error
        return EnsembleRun(workload, setting, self.path, flags)


@register("entropyjax-scan")
class Scan(AbstractEnsembleTool):
    """The scan, which needs nothing but JAX."""

    title = "entropyjax scan"
    path = "scan"
    workloads: ClassVar = {
        **AbstractEnsembleTool.workloads,
        "gradient": "jax.value_and_grad of ensemble_mean, which carries six derivatives forward; one device.",
    }


@register("entropyjax-native")
class Native(AbstractEnsembleTool):
    """The native kernels of the extra `cpu`."""

    title = "entropyjax native"
    path = "native"

    def missing(self) -> str | None:
        return native.unavailable()
