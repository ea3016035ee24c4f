"""The engine of a job: what the planner is told of the machine, of the caches, and of the user's choice."""

import dataclasses
from typing import Any

from entropyjax.calibrate import object_folder
from entropyjax.calibrate.measure import load_calibration
from entropyjax.ensemble import Ensemble, Plan, StepCheck, check_step, make_plan, sample_paths
from entropyjax.ensemble.work import STATISTICS, Work
from entropyjax.io.config import SweepConfig
from entropyjax.records import Calibration


@dataclasses.dataclass(frozen=True)
class Engine:
    """Runs ensembles by the planner's choice, or by the user's.

    **Attributes:** `path`: solver path, `auto` for the planner's choice; `memory_bytes`: budget of a chunk; `devices`:
    how many local devices to use, `None` for all; `calibration`: what is known of the device; `cache`: where compiled
    kernels are kept.
    """

    path: str
    memory_bytes: int
    devices: int | None
    calibration: Calibration
    cache: Any

    @property
    def _choices(self) -> dict[str, Any]:
        return {"path": self.path, "calibration": self.calibration, "cache": self.cache}

    def plan(self, ensemble: Ensemble, work: Work = STATISTICS) -> Plan:
        """Return the plan of what is done with an ensemble."""
        return make_plan(ensemble, self.memory_bytes, self.devices, work=work, **self._choices)

    def check(self, ensemble: Ensemble, share: float) -> StepCheck:
        """Check the step on a share of the trajectories."""
        return check_step(ensemble, share, self.memory_bytes, **self._choices)

    def paths(self, ensemble: Ensemble, cell: int, count: int) -> Any:
        """Return the observables of a cell's first trajectories."""
        return sample_paths(ensemble, cell, count, **self._choices)


def make_engine(config: SweepConfig, devices: int | None = None) -> Engine:
    """Return the engine that a configuration asks for, on this machine."""
    memory = config.run.memory_mb * 2**20
    return Engine(config.run.path, memory, devices, load_calibration(), object_folder())
