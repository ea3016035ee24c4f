"""The time grid: save times and the fixed steps between them."""

import math
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float


class Grid(eqx.Module):
    """Save times 0, T/K, 2T/K, ..., T with equal steps between them.

    The horizon is data and the counts are static, so that a new horizon does not recompile.

    **Attributes:**

    - `horizon`: T in steps of the orchestrator.
    - `intervals`: K, the number of intervals between save times.
    - `steps`: solver steps per interval.
    """

    horizon: float | Float[Array, ""]
    intervals: int = eqx.field(static=True)
    steps: int = eqx.field(static=True)

    @classmethod
    def with_step(cls, horizon: float, intervals: int, step: float) -> "Grid":
        """Return a grid whose solver step is the largest that divides an interval and is at most `step`."""
        steps = max(1, math.ceil(horizon / intervals / step * (1.0 - 1e-9)))
        return cls(float(horizon), intervals, steps)

    @property
    def step(self) -> float | Float[Array, ""]:
        """Solver step dt in steps of the orchestrator."""
        return self.horizon / (self.intervals * self.steps)

    @property
    def total_steps(self) -> int:
        """Number of solver steps up to the horizon."""
        return self.intervals * self.steps

    def times(self, dtype: Any = None) -> Float[Array, " K+1"]:
        """Return the save times, 0 and T included."""
        return jnp.linspace(0.0, 1.0, self.intervals + 1, dtype=dtype) * jnp.asarray(self.horizon, dtype)

    def refined(self) -> "Grid":
        """Return the grid with half the step and the same save times."""
        return Grid(self.horizon, self.intervals, 2 * self.steps)
