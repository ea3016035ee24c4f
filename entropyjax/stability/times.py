"""Event times of the noise-free trajectory as functions of the parameters."""

from typing import Any

from entropyjax.models import AbstractModel, Star
from entropyjax.solve import Criteria, Grid
from entropyjax.solve.events import Events
from entropyjax.solve.lane import solve

_STAR, _GRID, _CRITERIA = Star(), Grid(128.0, 128, 4), Criteria()


def collapse_time(
    params: Any, *, model: AbstractModel = _STAR, grid: Grid = _GRID, criteria: Criteria = _CRITERIA
) -> Any:
    """Return t_c in steps, when the ODE first loses the focus that it had; infinite if it does not by the horizon.

    Where t_c is finite its gradient is that of the event: dt_c = -dg / (dg/dt) for the signal g whose zero it is.
    """
    return _events(params, model, grid, criteria).collapse_time


def cognitive_horizon(
    params: Any, *, model: AbstractModel = _STAR, grid: Grid = _GRID, criteria: Criteria = _CRITERIA
) -> Any:
    """Return t_h in steps, the first minimum of H along the ODE.

    0 if H rises from the start, infinite if it still falls at the horizon, and else with the gradient of the event.
    """
    return _events(params, model, grid, criteria).horizon_time


def _events(params: Any, model: AbstractModel, grid: Grid, criteria: Criteria) -> Events:
    return solve(model, params, grid=grid, criteria=criteria).events
