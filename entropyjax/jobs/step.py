"""Settle the solver step: check it on a share of the trajectories, refine it while the error is too large."""

import dataclasses
from typing import Any, NamedTuple

from entropyjax.ensemble import Ensemble
from entropyjax.io.config import SweepConfig
from entropyjax.jobs.engine import Engine


class Settled(NamedTuple):
    """The number of solver steps per save interval, and a report of the checks that led to it (JSON)."""

    steps: int
    report: dict[str, Any]


def settle_step(config: SweepConfig, ensemble: Ensemble, engine: Engine) -> Settled:
    """Return the step at which the reported statistics are within the tolerance, if refinement reaches it.

    The report lists every check, says whether the last one is within the tolerance, and is empty of checks
    for agents (whose step is exact) and where `check_share` is 0.
    """
    run = config.run
    report: dict[str, Any] = {"tolerance": run.tolerance, "checks": [], "within_tolerance": None}
    if ensemble.method.dynamics == "agents" or run.check_share == 0.0 or ensemble.method.order == 0.0:
        return Settled(ensemble.grid.steps, report)
    for refinement in range(run.max_refinements + 1):
        check = engine.check(ensemble, run.check_share)
        report["checks"].append(dataclasses.asdict(check))
        report["within_tolerance"] = check.error <= run.tolerance
        if report["within_tolerance"] or refinement == run.max_refinements:
            break
        ensemble = dataclasses.replace(ensemble, grid=ensemble.grid.refined())
    return Settled(ensemble.grid.steps, report)
