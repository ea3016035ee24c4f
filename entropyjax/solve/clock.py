"""The clock of adaptive steps: whole ticks, whose sums have no rounding."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

Scalar = Float[Array, ""]


class Clock(NamedTuple):
    """Time from 0 to the horizon T in ticks of T / 2^23 in float32 and T / 2^52 in float64.

    Steps are whole numbers of ticks held in floating numbers, so that the sum of any number of steps is exact
    and the last one ends on T; one rounding turns it into a time.

    **Attributes:** `horizon`: T; `intervals`: K, rows are saved at the times k T / K.
    """

    horizon: Scalar
    intervals: int

    @property
    def ticks(self) -> float:
        """Number of ticks up to the horizon."""
        return 2.0 ** int(jnp.finfo(self.horizon.dtype).nmant)

    @property
    def tick(self) -> Scalar:
        """One tick in steps of the orchestrator: the spacing of floating numbers near T, or half of it."""
        return self.horizon * (1.0 / self.ticks)

    def clip(self, now: Scalar, size: Scalar) -> Scalar:
        """Return a wanted step size as a whole number of ticks, at least 1 (for NaN too), that ends by T."""
        return jnp.minimum(jnp.where(size > 1.0, jnp.floor(size), 1.0), self.ticks - now)

    def due(self, now: Scalar, row: Int[Array, ""]) -> Bool[Array, ""]:
        """Return whether the time of a row has come; the last row's has exactly when `now` is T."""
        return (row <= self.intervals) & (self._number(row) * self.ticks <= now * self.intervals)

    def place(self, start: Scalar, size: Scalar, row: Int[Array, ""]) -> Scalar:
        """Return where in a step the time of a row lies, from 0 at its start to 1 at its end."""
        return jnp.clip((self._number(row) * (self.ticks / self.intervals) - start) / size, 0.0, 1.0)

    def time(self, row: Int[Array, ""]) -> Scalar:
        """Return the time of a row in steps of the orchestrator."""
        return jnp.minimum(self._number(row) * (self.horizon * (1.0 / self.intervals)), self.horizon)

    def _number(self, row: Int[Array, ""]) -> Scalar:
        return row.astype(self.horizon.dtype)
