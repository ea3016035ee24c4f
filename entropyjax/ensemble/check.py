"""The run checks itself: a share of the trajectories is rerun with half the step."""

import dataclasses
import math
from typing import Any

import jax
import numpy as np

from entropyjax.ensemble.moments import Moments
from entropyjax.ensemble.pairs import COMPARISON, Pairs
from entropyjax.ensemble.plan import DEFAULTS, make_plan
from entropyjax.ensemble.reduce import fold_blocks
from entropyjax.ensemble.request import Ensemble
from entropyjax.ensemble.run import run_chunks
from entropyjax.records import Calibration

EVENT_ORDER = 0.5
"""Order in the step of a noisy lane's event probabilities: crossings between steps go unseen."""

PAIRS = 1024
"""Least number of trajectories to rerun: with fewer the check resolves nothing."""


@dataclasses.dataclass(frozen=True)
class StepCheck:
    """Estimated discretisation error of the reported statistics, root mean square over cells, at most 1.

    Both are differences between a step and half of it on the same noise, less their sampling error,
    extrapolated to step zero with the method's order.

    **Attributes:**

    - `step`: solver step that was checked, in steps of the orchestrator.
    - `collapse_error`: of the collapse probability.
    - `collapse_uncertainty`: size below which the pairs cannot resolve that error (two standard errors).
    - `entropy_error`: of the mean of h, at the worst save time.
    - `changed`: share of trajectories whose outcome differs between the two steps.
    - `pairs`: trajectories that were rerun.
    """

    step: float
    collapse_error: float
    collapse_uncertainty: float
    entropy_error: float
    changed: float
    pairs: int

    @property
    def error(self) -> float:
        """The larger of the two errors; both are on a scale from 0 to 1."""
        return max(self.collapse_error, self.entropy_error)


def check_step(
    ensemble: Ensemble,
    share: float,
    memory_bytes: int,
    *,
    path: str = "auto",
    calibration: Calibration = DEFAULTS,
    cache: Any = None,
) -> StepCheck:
    """Rerun a share of each cell's trajectories with half the step, on the same Brownian paths.

    At least `PAIRS` trajectories in all are rerun, if there are as many.

    The coarse member of a pair takes the sums of the fine one's increments.

    **Arguments:** `share`: of each cell's trajectories; the others: as in `make_plan`.
    """
    least = 2 if ensemble.noisy or ensemble.population else 1
    wanted = max(least, round(share * ensemble.replicates), math.ceil(PAIRS / ensemble.n_cells))
    replicates = min(ensemble.replicates, wanted)
    pilot = dataclasses.replace(
        ensemble, replicates=replicates, stride=ensemble.index_stride, observables=("normalised_entropy",)
    )
    # A pair runs both members and keeps h at every save time.
    row = 2 * (ensemble.grid.intervals + 1) * np.dtype(ensemble.dtype).itemsize
    plan = make_plan(pilot, memory_bytes, None, row, path=path, calibration=calibration, cache=cache, work=COMPARISON)
    parts = [part for _, _, part in run_chunks(pilot, plan, range(plan.chunks))]
    pairs = jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)
    cells = Pairs(fold_blocks(pairs.collapse, plan.blocks), fold_blocks(pairs.entropy, plan.blocks), pairs.changed)
    order = ensemble.method.order
    limit = 1.0 / (1.0 - 2.0 ** -(EVENT_ORDER if ensemble.noisy else order))
    collapse, uncertainty = _root_mean_square(cells.collapse)
    entropy, _ = _root_mean_square(cells.entropy)
    total = int(cells.collapse.count.sum())
    return StepCheck(
        step=float(ensemble.grid.step),
        collapse_error=float(min(limit * collapse, 1.0)),
        collapse_uncertainty=float(limit * uncertainty),
        entropy_error=float(np.max(entropy) / (1.0 - 2.0**-order)),
        changed=float(cells.changed.sum() / max(total, 1)),
        pairs=total,
    )


def _root_mean_square(cells: Moments) -> tuple[np.ndarray, np.ndarray]:
    """Return the root mean square over cells of the mean difference, less the sampling part of it.

    The second value is what two standard errors of its square would show as: below it nothing is resolved. It
    supposes at least one changed pair among all of them, for pairs that are all alike resolve nothing either.
    """
    counted = cells.count > 0
    share = np.maximum(counted.sum(axis=0), 1)
    excess = np.where(counted, cells.mean**2 - cells.variance / np.maximum(cells.count, 1), 0.0)
    mean = excess.sum(axis=0) / share
    floor = 1.0 / np.maximum(cells.count.sum(axis=0), 1)
    sampling = np.maximum(cells.variance, floor) / np.maximum(cells.count, 1)
    scatter = 2.0 * sampling**2 + 4.0 * np.maximum(excess, 0.0) * sampling
    spread = np.sqrt(np.where(counted, scatter, 0.0).sum(axis=0)) / share
    return np.sqrt(np.maximum(mean, 0.0)), np.sqrt(2.0 * spread)
