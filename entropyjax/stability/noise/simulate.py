"""Escapes in ensembles that start at the focused fixed point."""

import dataclasses
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from entropyjax.ensemble import Accumulator, Ensemble, Statistics, make_plan, run_chunks
from entropyjax.ensemble.plan import DEFAULTS
from entropyjax.models import AbstractModel
from entropyjax.params import replace
from entropyjax.records import Calibration
from entropyjax.results import Outcome
from entropyjax.solve import METHODS, Criteria, Grid
from entropyjax.stability.noise.plane import NoiseError, frozen


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


class Escapes(NamedTuple):
    """What the trajectories of each parameter point did by the horizon, as counts on the host.

    `histogram` holds escapes in equal bins of time, `escaped` their number among `trials` that did not fail.
    """

    histogram: np.ndarray
    escaped: np.ndarray
    trials: np.ndarray
    failed: np.ndarray


def simulate_escapes(model: AbstractModel, params: Any, focused: Any, level: Any, runs: Runs) -> Escapes:
    """Run ensembles from focused fixed points at kappa = 0 and count those whose focus reaches a level.

    An escape is the first time at which h >= `level`. With h at the collapsed fixed point it is the arrival there, to
    which the theory speaks: a path that only touches the separatrix may still come back.

    **Arguments:** `params`: leaves that broadcast to one axis of parameter points; `focused`: (x, c) where the
    trajectories start, of shape (points, 2); `level`: of h in (0, 1), one for each point.
    """
    values = {"initial_focus": focused[:, 0], "initial_context": focused[:, 1]}
    arrived = Criteria(dwell=0.0, hysteresis=0.0)
    return _escapes(count(model, replace(params, values), runs, arrived, {"collapse_threshold": level}))


def count(
    model: AbstractModel, params: Any, runs: Runs, criteria: Criteria, swept: dict[str, np.ndarray] | None = None
) -> Statistics:
    """Return the statistics of one ensemble at kappa = 0 for each parameter point, on the host.

    **Arguments:** `criteria`: what counts as collapsed; `swept`: criteria that differ between points, by name.
    """
    runs.check()
    params = frozen(params)
    names = [name for name in params.specs() if np.ndim(getattr(params, name))]
    cells = {name: np.asarray(getattr(params, name), float) for name in names}
    ensemble = Ensemble(
        model=model,
        method=METHODS.get(runs.method)(),
        grid=Grid.with_step(runs.horizon, 1, runs.step),
        constants=replace(params, {name: float(column[0]) for name, column in cells.items()}),
        cells=cells,
        criteria=criteria,
        cell_criteria={} if swept is None else {name: np.asarray(column, float) for name, column in swept.items()},
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
    return totals.cells


def _escapes(statistics: Statistics) -> Escapes:
    outcomes = np.asarray(statistics.outcomes)
    failed = np.asarray(statistics.failures)[:, 1:].sum(-1)
    return Escapes(statistics.collapse_histogram, outcomes[:, Outcome.COLLAPSED], outcomes.sum(-1), failed)


def points_of(params: Any) -> tuple[tuple[int, ...], Any]:
    """Return the shape of a batch of parameter points, and the parameters with the batch as one axis."""
    shape = np.broadcast_shapes(*(np.shape(leaf) for leaf in jax.tree.leaves(params)))
    varying = {name: getattr(params, name) for name in params.specs() if np.ndim(getattr(params, name))}
    flat = {name: np.broadcast_to(np.asarray(value, float), shape).ravel() for name, value in varying.items()}
    return shape, dataclasses.replace(params, **flat)
