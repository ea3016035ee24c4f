"""Metastability of the focused state: the theory of escapes beside simulated ones."""

from typing import Any

import equinox as eqx
import jax
import numpy as np

from entropyjax.ensemble import TIME_BINS, wilson_interval
from entropyjax.models import AbstractModel
from entropyjax.params import replace
from entropyjax.results import Validity, describe
from entropyjax.solve import Criteria
from entropyjax.stability.noise.escape import Escape
from entropyjax.stability.noise.exposure import Exposure, exposure
from entropyjax.stability.noise.points import points_of, theory_of, varying
from entropyjax.stability.noise.simulate import Collapses, Runs, arrival, simulate_collapses

_RUNS, _CRITERIA = Runs(), Criteria()

BURN_IN = 3.0
"""Relaxation times at the start that the estimate leaves out, and at most half of the horizon."""


class Metastability(eqx.Module):
    """Escapes from the focused fixed point at kappa = 0, host arrays of the shape of the parameters.

    **Attributes:**

    - `parameters`: those that differ between points, by name.
    - `theory`: an `Escape`; `estimate`: an `Exposure` of the ensemble.
    - `ratio`: simulated mean time over that of the theory, and `ratio_interval` with a last axis of two.
    - `escaped`: share of the trajectories in the collapsed well by the horizon, with its `escaped_interval` (Wilson).
    - `collapsed`: share with the outcome collapsed by the model's own criteria, from the same start, and
      `collapsed_interval`.
    - `runs`: how the ensemble ran; `failed`: trajectories that failed, which count nowhere.
    """

    parameters: dict[str, np.ndarray]
    theory: Escape
    estimate: Exposure
    escaped: np.ndarray
    escaped_interval: np.ndarray
    collapsed: np.ndarray
    collapsed_interval: np.ndarray
    failed: np.ndarray
    runs: Runs

    @property
    def ratio(self) -> np.ndarray:
        """Simulated mean escape time over that of the theory."""
        return self.estimate.mean_time / self.theory.mean_time

    @property
    def ratio_interval(self) -> np.ndarray:
        """Interval of the ratio by that of the simulation."""
        return np.stack([self.estimate.low, self.estimate.high], -1) / self.theory.mean_time[..., None]

    @property
    def predicted(self) -> np.ndarray:
        """The share that has escaped by the horizon according to the theory, 1 - exp(-T / tau)."""
        return np.asarray(-np.expm1(-self.runs.horizon / self.theory.mean_time))

    def __str__(self) -> str:
        runs = self.runs
        lines = [
            f"Escape from focus at kappa = 0 within T = {runs.horizon:g} steps: {runs.replicates} runs a point by "
            f"{runs.method} with step {runs.step:g}, times in steps, intervals of 95%.",
            _row([*self.parameters, *_COLUMNS]),
        ]
        status = np.ravel(self.theory.status)
        for place in range(status.size):
            lines.append(_row(self._cells(place)) + f"  {Validity(int(status[place])).name.lower()}")
        lines += [f"{Validity(code).name.lower()}: {describe(Validity(code))}" for code in sorted(set(status.tolist()))]
        if np.any(self.failed):
            lines.append(f"{int(np.sum(self.failed))} trajectories failed and count nowhere.")
        return "\n".join(lines)

    def _cells(self, place: int) -> list[str]:
        def at(array: Any) -> float:
            return float(np.ravel(array)[place])

        found = self.estimate
        times = [f"{at(self.theory.barrier):.3f}", f"{at(self.theory.mean_time):.4g}", f"{at(found.mean_time):.4g}"]
        shares = [f"{at(share):.3f}" for share in (self.predicted, self.escaped, self.collapsed)]
        named = [f"{at(column):.4g}" for column in self.parameters.values()]
        return [*named, *times, f"{at(found.low):.4g}-{at(found.high):.4g}", f"{at(found.even):.2f}", *shares]


_COLUMNS = ("dV", "tau theory", "tau runs", "interval", "even", "1-exp(-T/tau)", "escaped", "collapsed")


def _row(cells: list[str]) -> str:
    return " ".join(f"{'-' if 'nan' in cell else cell:>13}" for cell in cells)


def metastability(
    model: AbstractModel, params: Any, runs: Runs = _RUNS, criteria: Criteria = _CRITERIA
) -> Metastability:
    """Compare the mean escape time of the theory with that of an ensemble, at one parameter point or many.

    The ensemble starts at the focused fixed point, with kappa = 0 whatever it is in `params`: a task that is resolved
    in time hides the collapse. Its rate counts arrivals at the collapsed fixed point, after a burn-in. Points without a
    saddle are not simulated, and have NaN beside the status that says so.

    **Arguments:** `params`: leaves that broadcast; `runs`: horizon, number and seed of the trajectories; `criteria`: of
    the outcome collapsed.

    **Raises:** `NoiseError` for a model with more than one focus or context, or runs that cannot be.
    """
    runs.check()
    shape, points = points_of(params)
    theory, level = theory_of(model, points, runs.floating)
    here = np.flatnonzero(theory.status != Validity.NO_SADDLE)
    escapes, own = _simulated(model, _doubled(points, theory.focused, here), runs, (arrival(level[here]), criteria))
    burn_in = np.minimum(BURN_IN * theory.relaxation[here], 0.5 * runs.horizon)
    estimate = exposure(escapes.histogram, escapes.trials, runs.horizon, burn_in)

    def whole(part: np.ndarray, missing: float = np.nan) -> np.ndarray:
        out = np.full((theory.status.size, *part.shape[1:]), missing)
        out[here] = part
        return out.reshape(shape + part.shape[1:])

    return Metastability(
        parameters={name: np.broadcast_to(value, shape) for name, value in varying(params).items()},
        theory=jax.tree.map(lambda leaf: leaf.reshape(shape + leaf.shape[1:]), theory),
        estimate=Exposure(*map(whole, estimate)),
        escaped=whole(escapes.collapsed / escapes.trials),
        escaped_interval=whole(wilson_interval(escapes.collapsed, escapes.trials)),
        collapsed=whole(own.collapsed / own.trials),
        collapsed_interval=whole(wilson_interval(own.collapsed, own.trials)),
        failed=whole(escapes.failed + own.failed, 0.0).astype(int),
        runs=runs,
    )


def _simulated(
    model: AbstractModel, twice: Any, runs: Runs, criteria: tuple[Criteria, Criteria]
) -> tuple[Collapses, Collapses]:
    """Return the collapses of points that come twice, by one definition the first time and by another the second."""
    half = len(twice.initial_focus) // 2
    if half == 0:
        none = np.zeros(0, int)
        empty = Collapses(np.zeros((0, TIME_BINS), int), none, none, none)
        return empty, empty
    pairs = zip(*(vars(item).values() for item in criteria), strict=True)
    columns: list[Any] = [np.concatenate([np.broadcast_to(part, half) for part in pair]) for pair in pairs]
    found = simulate_collapses(model, twice, runs, Criteria(*columns))
    return Collapses(*(column[:half] for column in found)), Collapses(*(column[half:] for column in found))


def _doubled(points: Any, focused: np.ndarray, here: np.ndarray) -> Any:
    """Return the points `here` twice over, one after the other, each of them starting at its focused fixed point."""
    places = np.concatenate([here, here])
    start = {"initial_focus": focused[places, 0], "initial_context": focused[places, 1]}
    return replace(points, {name: column[places] for name, column in varying(points).items()} | start)
