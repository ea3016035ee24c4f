"""Ensembles in which nothing is resolved, and their collapses."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from entropyjax.ensemble import Accumulator, Ensemble, make_plan, run_chunks
from entropyjax.ensemble.plan import DEFAULTS
from entropyjax.models import AbstractModel
from entropyjax.params import replace
from entropyjax.records import Calibration
from entropyjax.results import Outcome
from entropyjax.solve import METHODS, Criteria, Grid
from entropyjax.stability.noise.plane import NoiseError
from entropyjax.stability.noise.points import varying

_CRITERIA = Criteria()


class Runs(eqx.Module):
    """How escapes are simulated.

    **Attributes:**

    - `horizon`: T in steps; `replicates`: trajectories of each parameter point; `seed`: of their noise.
    - `step`: solver step; `method`: name of an SDE method.
    - `path`, `calibration`, `cache`: as in `make_plan`.
    - `dtype`: floating type, by default JAX's own.
    """

    horizon: float = 2048.0
    replicates: int = 1024
    seed: int = 0
    step: float = 0.25
    method: str = "ri6"
    path: str = "auto"
    calibration: Calibration = DEFAULTS
    cache: Any = None
    dtype: Any = None

    @property
    def floating(self) -> Any:
        """The floating type of the runs."""
        return jnp.result_type(float) if self.dtype is None else jnp.dtype(self.dtype)

    def check(self) -> None:
        """Raise `NoiseError` for a request that cannot run."""
        for name in ("horizon", "replicates", "step"):
            value = getattr(self, name)
            if not value > 0:
                raise NoiseError(f"{name} = {value!r} must be positive.")
        if METHODS.get(self.method).dynamics != "sde":
            raise NoiseError(
                f"Method {self.method} has not the noise of the theory, which is that of the Langevin form; choose "
                "'ri6' or 'euler_maruyama'."
            )


class Collapses(NamedTuple):
    """What the trajectories of each parameter point did by the horizon, as counts on the host.

    `histogram` holds collapses in equal bins of time, `collapsed` the trajectories with that outcome among the `trials`
    that did not fail.
    """

    histogram: np.ndarray
    collapsed: np.ndarray
    trials: np.ndarray
    failed: np.ndarray


def arrival(level: Any) -> Criteria:
    """Return criteria by which a collapse is the first time at which h >= `level`.

    With h at the collapsed fixed point it is the arrival there, of which the theory of escapes speaks: of the paths
    that reach the separatrix, half return.
    """
    return Criteria(collapse_threshold=level, dwell=0.0, hysteresis=0.0)


def simulate_collapses(
    model: AbstractModel, params: Any, runs: Runs, criteria: Criteria = _CRITERIA, *, resolving: bool = False
) -> Collapses:
    """Run an ensemble for each parameter point, from the start that it describes, and count collapses.

    **Arguments:** `params`, `criteria`: what differs between points has one axis, of them; `resolving`: whether kappa
    is that of `params`, which hides collapses, and not 0.

    **Raises:** `NoiseError` or `EnsembleError` for runs that cannot be.
    """
    runs.check()
    params = params if resolving else replace(params, {"resolution_rate": 0.0})
    cells = varying(params)
    (size,) = {len(column) for column in cells.values()} or {1}
    # All criteria differ between cells, so that one program serves every definition.
    columns = {name: np.broadcast_to(np.asarray(value, float), (size,)) for name, value in vars(criteria).items()}
    ensemble = Ensemble(
        model=model,
        method=METHODS.get(runs.method)(),
        grid=Grid.with_step(runs.horizon, 1, runs.step),
        constants=replace(params, {name: float(column[0]) for name, column in cells.items()}),
        cells=cells,
        criteria=_CRITERIA,
        cell_criteria=columns,
        population={},
        replicates=runs.replicates,
        key=jax.random.key(runs.seed),
        dtype=runs.floating,
        observables=(),
    )
    plan = make_plan(ensemble, path=runs.path, calibration=runs.calibration, cache=runs.cache)
    totals = Accumulator(ensemble.n_cells, plan.blocks)
    for start, _, part in run_chunks(ensemble, plan, range(plan.chunks)):
        totals.add(start, part)
    found = totals.cells
    failed = found.failures[:, 1:].sum(-1)
    return Collapses(found.collapse_histogram, found.outcomes[:, Outcome.COLLAPSED], found.outcomes.sum(-1), failed)
