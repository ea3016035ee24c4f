"""Trajectories by scipy, one after the other, with their events: a tool, and a check of the reference."""

from typing import Any

import numpy as np
from scipy.integrate import solve_ivp

from entropyjax.jobs.bench.problem import HORIZON, Lanes, constants, parameters
from entropyjax.jobs.bench.scalar import Derived, choice, derive, drift, target
from entropyjax.results import Outcome
from entropyjax.solve import Criteria


def trajectories(count: int, method: str, rtol: float, atol: float, first: int = 0) -> Lanes:
    """Return trajectories `first`, `first` + 1, ... in float64."""
    rows = derive(parameters(first, count, np.float64)).T
    return collect([trajectory(Derived(*map(float, row)), method, rtol, atol) for row in rows])


def trajectory(d: Derived, method: str, rtol: float, atol: float) -> tuple[float, ...]:
    """Return x, s and c at T, and the times of focus, collapse, resolution and least entropy.

    **Arguments:** `d`: a row of `derive`; the others are those of `solve_ivp`.
    """
    done = 1.0 - float(Criteria().progress_tolerance)
    slope, span, first = _problem(d)

    def focused(_: float, y: Any) -> float:
        return y[0] - d.threshold

    def resolved(_: float, y: Any) -> float:
        return y[1] - done

    def rising(_: float, y: Any) -> float:
        excess = y[0] - target(float(y[1]), float(y[2]), d)
        return excess if y[0] >= 0.0 else -excess

    events = [focused, resolved, rising]
    found = solve_ivp(slope, span, first, method=method, rtol=rtol, atol=atol, events=events)
    turns, ends, rises = (_times(event(0.0, first), times) for event, times in zip(events, found.t_events, strict=True))
    focus = turns[0] if turns else np.inf
    collapse = turns[1] if len(turns) > 1 else np.inf
    return (*found.y[:, -1], focus, collapse, *(times[0] if times else np.inf for times in (ends, rises)))


def h_along(d: Derived, times: np.ndarray) -> np.ndarray:
    """Return h at the `times` by DOP853 at a relative tolerance of 1e-12."""
    found = solve_ivp(*_problem(d), method="DOP853", rtol=1e-12, atol=1e-13, t_eval=times)
    return np.array([choice(float(x), d)[2] for x in found.y[0]])


def _problem(d: Derived) -> tuple[Any, tuple[float, float], np.ndarray]:
    """Return the right-hand side, the span and the start of a trajectory."""
    start = constants()

    def slope(_: float, y: Any) -> Any:
        return drift(float(y[0]), float(y[1]), float(y[2]), d)

    first = np.array([start.initial_focus, start.initial_progress, start.initial_context])
    return slope, (0.0, HORIZON), first


def _times(start: float, times: Any) -> list[float]:
    """Return the zeros of a signal that is negative first, and 0 before them if it starts positive."""
    return [0.0, *times] if start > 0.0 else list(times)


def collect(rows: list[tuple[float, ...]]) -> Lanes:
    """Return trajectories as arrays, with their outcomes."""
    columns = [np.array(column, float) for column in zip(*rows, strict=True)]
    return Lanes._make([*columns, outcome_codes(*columns[3:6])])


def outcome_codes(focus: np.ndarray, collapse: np.ndarray, resolution: np.ndarray) -> np.ndarray:
    """Return the outcomes of event times, in the order of precedence of the model page."""
    code = np.where(focus > HORIZON, Outcome.NEVER_FOCUSED, Outcome.UNRESOLVED)
    code = np.where(collapse <= HORIZON, Outcome.COLLAPSED, code)
    return np.where((resolution <= HORIZON) & (resolution <= collapse), Outcome.RESOLVED, code)
