"""Cusps of the star in the plane of N and W: where the two folds of the bistable wedge meet."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from entropyjax.models import context as ctx
from entropyjax.params import OrchestratorParams, cast, check_has, replace
from entropyjax.stability.folds import along, last_dip, window_slice
from entropyjax.stability.resting import log_window, resting_evidence

_GRID, _NEWTON = 64, 12


class Cusps(NamedTuple):
    """Cusps in the order of N, NaN where there is none: `n_agents`, `context_window` in ktok, and `focus` in nat."""

    n_agents: Any
    context_window: Any
    focus: Any
    count: Any

    def __str__(self) -> str:
        if np.ndim(self.count):
            return f"Cusps of {np.size(self.count)} parameter points."
        rows = [f"N = {n:.6g}, W = {w:.6g} ktok" for n, w in zip(self.n_agents, self.context_window, strict=True)]
        return f"{int(self.count)} cusps" + "".join(f"\n  {row}" for row in rows[: int(self.count)])


def cusps(params: Any, *, slots: int = 4, dtype: Any = None) -> Cusps:
    """Find the points of the (N, W) plane with N >= 2 where two folds meet: F = F' = F'' = 0.

    On the slice at fixed N the steepness has a dip that reaches below 0 between the two folds and touches 0 at a cusp.
    Sign changes of its lowest value over a grid of ln(N_e - 1) show where one is, and Newton's method on both equations
    locates it. At the default parameters the wedge has a cusp at either end. Batch it with `jax.vmap`; its gradient is
    that of the implicit function theorem.

    **Arguments:** `slots`: room for cusps; `dtype`: floating type, by default JAX's own.

    **Raises:** `ParameterError` for the parameters of a model that does not choose, as reduced models.
    """
    check_has(params, OrchestratorParams, "cusps")
    params = cast(params, jnp.result_type(float) if dtype is None else jnp.dtype(dtype))
    still = lax.stop_gradient(params)
    top = resting_evidence(still)
    low = jnp.log(still.roster_similarity)
    share = jnp.linspace(0.0, 1.0, _GRID, dtype=top.dtype)
    sizes = low + (top + 2.0 - low) * share
    dips = jax.vmap(lambda size: last_dip(along(window_slice(_sized(still, size))), -size, top - size))(sizes)
    below = dips.steepness < 0.0
    changes = below[1:] != below[:-1]
    places = jnp.nonzero(changes, size=slots, fill_value=0)[0]

    def locate(place: Any) -> tuple[Any, ...]:
        first, second = dips.steepness[place], dips.steepness[place + 1]
        weight = first / jnp.where(first == second, 1.0, first - second)
        guess = (1.0 - weight) * _pair(dips.odds, sizes, place) + weight * _pair(dips.odds, sizes, place + 1)
        cell = sizes[1] - sizes[0]
        found = lax.fori_loop(0, _NEWTON, lambda _, point: point + jnp.clip(_step(still, point), -cell, cell), guess)
        good = jnp.max(jnp.abs(_step(still, found))) < 1e-3 * cell
        good = good & (jnp.abs(found[1] - guess[1]) < cell)
        point = jnp.where(good, found, guess)
        return *_unpack(params, point + _step(params, point)), good

    agents, window, focus, good = jax.vmap(locate)(places)
    filled = good & (jnp.arange(slots) < jnp.sum(changes))
    agents, window, focus = (jnp.where(filled, leaf, jnp.nan) for leaf in (agents, window, focus))
    return Cusps(agents, window, focus, jnp.sum(filled, dtype=jnp.int32))


def _sized(params: Any, size: Any) -> Any:
    """Return the parameters with ln(N_e - 1) = `size`."""
    return replace(params, {"n_agents": 1.0 + jnp.exp(size) / params.roster_similarity})


def _pair(odds: Any, sizes: Any, place: Any) -> Any:
    return jnp.stack([odds[place], sizes[place]])


def _equations(params: Any, point: Any) -> Any:
    """Return the steepness and its slope by the log-odds at (log-odds, ln(N_e - 1))."""
    steep = along(window_slice(_sized(params, point[1])))
    return jnp.stack(jax.jvp(steep, (point[0],), (jnp.ones_like(point[0]),)))


def _step(params: Any, point: Any) -> Any:
    """Return Newton's step; from a root, the derivative of the root by `params`."""
    value = _equations(params, point)
    (a, b), (c, d) = lax.stop_gradient(jax.jacfwd(lambda at: _equations(params, at))(point))
    determinant = a * d - b * c
    safe = jnp.where(determinant == 0.0, 1.0, determinant)
    return -jnp.stack([d * value[0] - b * value[1], a * value[1] - c * value[0]]) / safe


def _unpack(params: Any, point: Any) -> tuple[Any, Any, Any]:
    here = _sized(params, point[1])
    focus = point[0] + jnp.log(ctx.rivals(here))
    return here.n_agents, jnp.exp(log_window(here, focus)), focus
