"""Folds on a slice through the parameters: where fixed points of the star meet and vanish."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from entropyjax.models import context as ctx
from entropyjax.params import replace
from entropyjax.stability.resting import occupied, resting_evidence, steepness
from entropyjax.stability.roots import carry_gradient, refine

_GRID, _ZOOM, _ROUNDS = 96, 17, 3


class Fold(NamedTuple):
    """A fold on a slice: the log-odds ln(q/(1-q)) of the fixed points that meet there, and whether there is one."""

    odds: Any
    exists: Any


Slice = Callable[[Any], tuple[Any, Any]]
"""Called as slice_(odds): the focus and the parameters of the fixed point with these log-odds."""


def window_slice(params: Any) -> Slice:
    """Return the slice at fixed N, on which W varies."""
    return lambda odds: (odds + jnp.log(ctx.rivals(params)), params)


def agents_slice(params: Any, window: Any) -> Slice:
    """Return the slice at fixed W, on which N varies.

    ln(N_e - 1) = x - odds, and ln W rises strictly with x at fixed odds, from -inf at 0 to inf at Delta_eff, as long as
    reflexion does not outweigh that.
    """

    def solve(odds: Any) -> tuple[Any, Any]:
        still = lax.stop_gradient((params, window, odds))
        # In y = ln(x / (Delta_eff - x)) the equation is almost linear.
        reach = jnp.full_like(odds, 60.0)
        y = refine(lambda y: _excess(*still, y), -reach, reach)
        y = carry_gradient(lambda y: _excess(params, window, odds, y), y)
        return _at(params, odds, y)

    return solve


def _at(params: Any, odds: Any, y: Any) -> tuple[Any, Any]:
    focus = resting_evidence(params) * jax.nn.sigmoid(y)
    agents = 1.0 + jnp.exp(jnp.minimum(focus - odds, 60.0)) / params.roster_similarity
    return focus, replace(params, {"n_agents": agents})


def _excess(params: Any, window: Any, odds: Any, y: Any) -> Any:
    focus, here = _at(params, odds, y)
    return jnp.log(occupied(here, focus) / params.effective_fraction) + y / params.dilution_order - jnp.log(window)


class Dip(NamedTuple):
    """Where a slice is least steep: log-odds, steepness there, and the next place on the grid towards the end."""

    odds: Any
    steepness: Any
    beyond: Any


def along(slice_: Slice) -> Callable[[Any], Any]:
    """Return the steepness of a slice as a function of the log-odds."""

    def steep(odds: Any) -> Any:
        focus, params = slice_(odds)
        return steepness(params, focus)

    return steep


def last_dip(steep: Callable[[Any], Any], low: Any, high: Any) -> Dip:
    """Return the dip of the steepness that is nearest to the end `high`, or else the lowest one.

    It is looked for on a grid that is densest where the odds are even, and then around its lowest point on finer ones.
    """
    at = jax.vmap(steep)
    low, high = (jnp.arcsinh(0.5 * end) for end in (low, high))
    grid = 2.0 * jnp.sinh(low + (high - low) * jnp.linspace(0.0, 1.0, _GRID, dtype=low.dtype))
    values = at(grid)
    last = _GRID - 1 - jnp.argmax(values[::-1] < 0.0)
    place = jnp.clip(jnp.where(jnp.any(values < 0.0), last, jnp.argmin(values)), 1, _GRID - 2)

    def zoom(_: Any, state: Any) -> Any:
        left, right, odds, least = state
        fine = left + (right - left) * jnp.linspace(0.0, 1.0, _ZOOM, dtype=low.dtype)
        values = at(fine)
        inner = jnp.clip(jnp.argmin(values), 1, _ZOOM - 2)
        better = values[inner] < least
        odds, least = jnp.where(better, fine[inner], odds), jnp.where(better, values[inner], least)
        return fine[inner - 1], fine[inner + 1], odds, least

    start = (grid[place - 1], grid[place + 1], grid[place], values[place])
    *_, odds, least = lax.fori_loop(0, _ROUNDS, zoom, start)
    return Dip(odds, least, grid[place + 1])


def last_fold(slice_: Slice, low: Any, high: Any) -> Fold:
    """Return the fold that is nearest to the end `high`: coming from there the steepness first falls below 0.

    `high` is the larger end for the focused fixed points, and the smaller one for the collapsed ones.
    """
    steep = along(slice_)
    dip = last_dip(steep, low, high)
    exists = dip.steepness < 0.0
    beyond = jnp.where(exists, dip.beyond, dip.odds)
    return Fold(refine(steep, jnp.minimum(dip.odds, beyond), jnp.maximum(dip.odds, beyond)), exists)
