"""What the tools' errors are measured against: the same trajectories in float64, far past the target error."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from entropyjax.jobs.bench import problem
from entropyjax.jobs.bench.problem import HORIZON, WORKLOADS, Lanes
from entropyjax.jobs.bench.trajectory import trajectories
from entropyjax.models import Star
from entropyjax.solve import METHODS, Grid, solve

STEPS = 4096
"""Steps of Tsitouras' method for the reference; `check` says how far scipy's DOP853 at 1e-12 is from it."""

CHECKED = 4
"""Trajectories on which it is checked against DOP853 at a relative tolerance of 1e-12."""


def reference(workload: str, setting: float, count: int) -> Lanes:
    """Return the first trajectories of a workload in float64.

    Of an ODE they are those of its exact solution. Of an SDE they are those of the same steps on the same noise,
    and `setting` says how many.
    """
    noisy = WORKLOADS[workload].noisy
    method = METHODS.get("euler_maruyama" if noisy else "tsit5")()
    with problem.float64():
        grid = Grid(HORIZON, 1, int(setting) if noisy else STEPS)
        params = problem.parameters(0, count, np.float64)
        axes = jax.tree.map(lambda leaf: 0 if jnp.ndim(leaf) else None, params)

        def lane(params: Any, index: Any) -> Any:
            found = solve(Star(), params, grid=grid, key=problem.key(), method=method, index=index, dtype=np.float64)
            return found.final, found.events, found.outcome

        final, events, outcome = jax.jit(jax.vmap(lane, in_axes=(axes, 0)))(params, jnp.arange(count, dtype=jnp.uint32))
        times = (events.focus_time, events.collapse_time, events.resolution_time, events.horizon_time)
        return Lanes(*(np.asarray(leaf) for leaf in (*final, *times, outcome)))


def check(found: Lanes, count: int = CHECKED) -> dict[str, float]:
    """Return the largest differences of an ODE's reference from scipy's DOP853 at 1e-12, as `errors` scales them."""
    exact = trajectories(count, "DOP853", 1e-12, 1e-13)
    ends, times = differences(Lanes(*(values[:count] for values in found)), exact)
    return {"state": float(np.max(np.abs(ends))), "collapse_time": float(np.max(np.abs(times), initial=0.0))}


def differences(found: Lanes, exact: Lanes) -> tuple[np.ndarray, np.ndarray]:
    """Return the differences at T, over max(1, size), and those of the collapse times, over T, where both have one."""
    ends = [(a - b) / np.maximum(1.0, np.abs(b)) for a, b in zip(found[:3], exact[:3], strict=True)]
    both = np.isfinite(found.collapse_time) & np.isfinite(exact.collapse_time)
    times = (found.collapse_time[both] - exact.collapse_time[both]) / HORIZON
    return np.stack(ends), times


def errors(found: Lanes, exact: Lanes) -> dict[str, Any]:
    """Return the errors of a tool's trajectories.

    - `state`: root mean square over trajectories and components of (y - y_ref) / max(1, |y_ref|) at T.
    - `collapse_time`: root mean square of (t_c - t_ref) / T over the trajectories that collapse in both.
    - `error`: the larger of the two, which is held against the target.
    - `outcomes_changed`: share of the trajectories whose outcome differs.
    - `median_state`: of the state's error, to tell a rough method from one rough trajectory.
    """
    ends, times = differences(found, exact)
    size = np.sqrt(np.mean(ends**2, axis=0))
    state = float(np.sqrt(np.mean(size**2)))
    time = float(np.sqrt(np.mean(times**2))) if times.size else 0.0
    return {
        "state": state,
        "collapse_time": time,
        "error": max(state, time),
        "outcomes_changed": float(np.mean(found.outcome != exact.outcome)),
        "median_state": float(np.median(size)),
    }
