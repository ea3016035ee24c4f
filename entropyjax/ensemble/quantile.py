"""Smooth quantiles over an ensemble, differentiable with respect to values that its trajectories share."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from entropyjax.ensemble.gradient import Mean, ensemble_mean
from entropyjax.ensemble.quantities import AbstractPlain, Below, Density, Observed, check_width
from entropyjax.ensemble.request import Ensemble, EnsembleError
from entropyjax.solve import Grid

LEVELS = 64
"""Levels at which a pass takes the distribution function: by so much the bracket of the quantile shrinks."""

PASSES = 2
"""Passes that narrow the bracket, before two steps of Newton's method."""

FAR = 16.0
"""Widths beyond which the kernel has no mass to speak of: 1e-7."""


class Quantile(NamedTuple):
    """A quantile in each cell; arrays have a leading axis of cells if anything is swept.

    **Attributes:**

    - `value`: the quantile, differentiable; infinite where too few trajectories had the event.
    - `count`: trajectories that entered it.
    - `failures`: trajectories that failed.
    """

    value: Any
    count: Any
    failures: Any


def ensemble_quantile(
    ensemble: Ensemble,
    quantity: AbstractPlain,
    level: float,
    width: Any,
    values: Mapping[str, Any] | None = None,
    **options: Any,
) -> Quantile:
    """Return the quantile q at which the mean of `Below(quantity, q, width)` is `level`.

    For an `Observed` it is that of its value at the horizon, for a `TimeOf` that of the event's time over all
    trajectories. q is found by bisection of the distribution function F at many levels in each pass, and two
    steps of Newton's method, of which the last one carries the derivative of the implicit function,

        dq = -(dF at fixed q) / f(q)

    where f is the density, smoothed by the same logistic kernel. The bias of q is -width^2 pi^2/6 f'(q)/f(q) to
    leading order: O(width^2), and none by symmetry for the median of a symmetric distribution. The width must
    cover the distance between neighbouring values, or the derivative follows single trajectories.

    **Arguments:** `level`: in (0, 1); `width`: in the unit of the quantity; `values` and `options`: as for
    `ensemble_mean`.

    **Returns:** a `Quantile`; about five passes over the ensemble.

    **Raises:** `EnsembleError` or `ParameterError`, as `ensemble_mean` does, and for a level outside (0, 1).
    """
    if not 0.0 < level < 1.0:
        raise EnsembleError(f"level = {level:g} must be in (0, 1): it is the share of trajectories below the quantile.")
    check_width(width)
    values = {} if values is None else values
    if isinstance(quantity, Observed):
        # Only the horizon counts: the same steps, saved at their end.
        grid = Grid(ensemble.grid.horizon, 1, ensemble.grid.total_steps)
        ensemble = dataclasses.replace(ensemble, grid=grid)
    search = _Search(ensemble, quantity, jnp.asarray(width, ensemble.dtype), options)
    fixed = lax.stop_gradient(dict(values))
    bracket = search.observed(level, fixed) if quantity.along else search.event()
    low, high, reached = search.narrow(level, *bracket, fixed)
    first = jnp.clip(search.newton(level, 0.5 * (low + high), fixed)[0], low, high)
    last, count, failures = search.newton(level, first, values)
    # Rounding must not leave the bracket, and the derivative is that of the step alone.
    last = last + lax.stop_gradient(jnp.clip(last, low, high) - last)
    value = jnp.where(reached, last, jnp.inf)
    return Quantile(*(found if search.swept else found[0] for found in (value, count, failures)))


class _Search(NamedTuple):
    """The distribution function of a quantity and its density; all arrays have a leading axis of cells."""

    ensemble: Ensemble
    quantity: AbstractPlain
    width: Any
    options: Mapping[str, Any]

    @property
    def swept(self) -> bool:
        return bool(self.ensemble.cells or self.ensemble.cell_criteria)

    def average(self, wanted: list[Any], values: Mapping[str, Any]) -> list[Mean]:
        """Return the means of quantities, at the horizon if they are along trajectories."""
        found = ensemble_mean(self.ensemble, wanted, values, **self.options)
        if not self.swept:
            found = jax.tree.map(lambda leaf: leaf[None], found)
        if not self.quantity.along:
            return found
        last = [(mean.mean[..., -1], mean.count[..., -1], mean.error[..., -1], mean.failures) for mean in found]
        return [Mean(*mean) for mean in last]

    def event(self) -> tuple[Any, Any]:
        """Return a bracket of the quantiles of an event's time."""
        ones = jnp.ones((self.ensemble.n_cells,), self.ensemble.dtype)
        horizon = jnp.asarray(self.ensemble.grid.horizon, self.ensemble.dtype)
        return -FAR * self.width * ones, (horizon + FAR * self.width) * ones

    def observed(self, level: float, values: Mapping[str, Any]) -> tuple[Any, Any]:
        """Return a bracket from mean and variance, by Cantelli's inequality; the kernel adds its own variance."""
        mean, count, error, _ = self.average([self.quantity], values)[0]
        spread = jnp.sqrt(error**2 * count.astype(error.dtype) + (math.pi * self.width) ** 2 / 3.0)
        odds = math.sqrt(level / (1.0 - level))
        # A tenth more for rounding.
        return mean - 1.1 * spread / odds, mean + 1.1 * spread * odds

    def narrow(self, level: float, low: Any, high: Any, values: Mapping[str, Any]) -> tuple[Any, Any, Any]:
        """Return a narrower bracket, and whether there is a quantile in it."""
        reached = jnp.ones_like(low, dtype=bool)
        for _ in range(PASSES):
            step = (high - low) / LEVELS
            levels = low[:, None] + step[:, None] * jnp.arange(1, LEVELS + 1, dtype=low.dtype)[None, :]
            share = self.average([Below(self.quantity, levels, self.width)], values)[0].mean
            reached = reached & (share[:, -1] >= level)
            below = jnp.sum((share < level).astype(low.dtype), axis=1)
            low = low + step * jnp.minimum(below, LEVELS - 1)
            high = low + step
        return low, high, reached

    def newton(self, level: float, place: Any, values: Mapping[str, Any]) -> tuple[Any, Any, Any]:
        """Return the quantile after a step of Newton's method from `place`, and how many trajectories it is of."""
        both = [law(self.quantity, place[:, None], self.width) for law in (Below, Density)]
        share, density = self.average(both, values)
        slope = lax.stop_gradient(density.mean[:, 0])
        safe = jnp.where(slope > 0.0, slope, 1.0)
        step = jnp.where(slope > 0.0, (level - share.mean[:, 0]) / safe, 0.0)
        return place + step, share.count[:, 0], share.failures
