"""The probability of collapse along the number of executors, beside the folds: what noise makes of a bifurcation."""

from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Float

from entropyjax.ensemble import wilson_interval
from entropyjax.models import Star
from entropyjax.params import replace
from entropyjax.solve import Criteria
from entropyjax.stability.critical import critical_agents
from entropyjax.stability.noise.escape import SHALLOW
from entropyjax.stability.noise.plane import NoiseError, scaled_noise
from entropyjax.stability.noise.points import theory_of
from entropyjax.stability.noise.simulate import Runs, simulate_collapses

_STAR, _RUNS, _CRITERIA = Star(), Runs(), Criteria()


class CollapseSlice(eqx.Module):
    """The probability of collapse by T over N at a fixed window, for noise of several strengths.

    **Attributes:**

    - `agents`: N, of shape (points,); `scales`: by which every noise is multiplied, of shape (scales,).
    - `collapsed`: shares of shape (scales, points) at kappa = 0, and `interval` (Wilson) with a last axis of two.
    - `predicted`: 1 - exp(-T / tau), the theory of arrivals in the collapsed well; NaN where it or the focused one is
      shallower than the noise, or is none.
    - `resolving`, `resolving_interval`: shares at the kappa of the parameters, of shape (points,), at the first scale.
    - `folds`: the N at which the collapsed fixed point appears and the focused one vanishes.
    - `window`: W in ktok; `rate`: that kappa in 1/step; `runs`: how the ensembles ran.
    """

    agents: Float[np.ndarray, " points"]
    scales: Float[np.ndarray, " scales"]
    collapsed: Float[np.ndarray, "scales points"]
    interval: Float[np.ndarray, "scales points 2"]
    predicted: Float[np.ndarray, "scales points"]
    resolving: Float[np.ndarray, " points"]
    resolving_interval: Float[np.ndarray, "points 2"]
    folds: tuple[float, float]
    window: float
    rate: float
    runs: Runs

    def half(self) -> Float[np.ndarray, " scales"]:
        """Return the N at which half of the trajectories collapse, by straight lines; NaN where none is crossed."""
        return np.asarray([_crossing(self.agents, row) for row in self.collapsed])

    def __str__(self) -> str:
        low, high = self.folds
        lines = [
            f"Collapse by T = {self.runs.horizon:g} steps at W = {self.window:g} ktok, kappa = 0, "
            f"{self.runs.replicates} runs a point; folds at N = {low:.4g} and {high:.4g}."
        ]
        lines += [
            f"  noise x {scale:g}: half collapse at N = {half:.4g}"
            for scale, half in zip(self.scales, self.half(), strict=True)
        ]
        half = _crossing(self.agents, self.resolving)
        lines.append(f"  noise x {self.scales[0]:g} and kappa = {self.rate:g}: half collapse at N = {half:.4g}")
        return "\n".join(lines).replace("N = nan", "no N")


def collapse_slice(
    params: Any, agents: Any, scales: Any = (1.0, 0.5, 0.25), runs: Runs = _RUNS, criteria: Criteria = _CRITERIA
) -> CollapseSlice:
    """Return the collapse probability of the star over N at its window, from the start that `params` describe.

    At kappa = 0 nothing is resolved, and the probability steepens at the upper fold as the noise becomes weak and the
    horizon long; inside the wedge it is that of an escape. With kappa > 0 a task that is resolved in time hides the
    collapse, so that the fold is no landmark of it.

    **Arguments:** `params`: of one star; `agents`: values of N; `scales`: of the noise; `runs`, `criteria`: of the
    ensembles.

    **Raises:** `NoiseError` if `params` are not those of one star.
    """
    if any(np.ndim(getattr(params, name)) for name in params.specs()):
        raise NoiseError("A slice is one of a single star: give numbers as parameters; agents and scales are axes.")
    agents, scales = (np.atleast_1d(np.asarray(part, float)) for part in (agents, scales))
    table = scaled_noise(replace(params, {"n_agents": np.tile(agents, scales.size)}), np.repeat(scales, agents.size))
    found = simulate_collapses(_STAR, table, runs, criteria)
    theory, _ = theory_of(_STAR, table, runs.floating)
    deep = np.minimum(theory.barrier, theory.recovery_barrier) >= SHALLOW
    alone = scaled_noise(replace(params, {"n_agents": agents}), scales[0])
    own = simulate_collapses(_STAR, alone, runs, criteria, resolving=True)
    shape = (scales.size, agents.size)
    still = replace(params, {"resolution_rate": 0.0})
    folds = [float(critical_agents(still, branch=branch).value) for branch in ("collapsed", "focused")]
    return CollapseSlice(
        agents=agents,
        scales=scales,
        collapsed=(found.collapsed / found.trials).reshape(shape),
        interval=wilson_interval(found.collapsed, found.trials).reshape(*shape, 2),
        predicted=np.where(deep, theory.probability(runs.horizon), np.nan).reshape(shape),
        resolving=own.collapsed / own.trials,
        resolving_interval=wilson_interval(own.collapsed, own.trials),
        folds=(folds[0], folds[1]),
        window=float(params.context_window),
        rate=float(params.resolution_rate),
        runs=runs,
    )


def _crossing(agents: np.ndarray, share: np.ndarray) -> float:
    """Return where a share first passes one half between two points."""
    places = np.flatnonzero((share[:-1] < 0.5) & (share[1:] >= 0.5))
    if places.size == 0:
        return float("nan")
    low = places[0]
    weight = (0.5 - share[low]) / (share[low + 1] - share[low])
    return float(agents[low] + weight * (agents[low + 1] - agents[low]))
