"""Supports of parameters: closed or open intervals, each with a bijector to the real line."""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


@dataclasses.dataclass(frozen=True)
class Support:
    """An interval of admissible values and the smooth bijector between the real line and its interior.

    The bijector is the identity on the line, `lower + softplus(u)` on a half-line and
    `lower + (upper - lower) sigmoid(u)` on a bounded interval. End points that are admissible are
    limits of the bijector: reached by validation, never by a fit.

    **Attributes:**

    - `lower`, `upper`: ends, possibly infinite, in the parameter's unit.
    - `open_lower`, `open_upper`: whether the end itself is excluded.
    """

    lower: float = -math.inf
    upper: float = math.inf
    open_lower: bool = False
    open_upper: bool = False

    def __contains__(self, value: float) -> bool:
        above = value > self.lower if self.open_lower else value >= self.lower
        below = value < self.upper if self.open_upper else value <= self.upper
        return bool(above and below and math.isfinite(value))

    def __str__(self) -> str:
        left = "(" if self.open_lower or self.lower == -math.inf else "["
        right = ")" if self.open_upper or self.upper == math.inf else "]"
        return f"{left}{self.lower:g}, {self.upper:g}{right}"

    def constrain(self, unconstrained: Float[Array, "..."]) -> Float[Array, "..."]:
        """Map real numbers to the interior of the support."""
        if math.isfinite(self.lower) and math.isfinite(self.upper):
            return self.lower + (self.upper - self.lower) * jax.nn.sigmoid(unconstrained)
        if math.isfinite(self.lower):
            return self.lower + jax.nn.softplus(unconstrained)
        return unconstrained

    def unconstrain(self, value: Any) -> Float[Array, "..."]:
        """Map interior points of the support to real numbers; the inverse of `constrain`."""
        value = jnp.asarray(value)
        if math.isfinite(self.lower) and math.isfinite(self.upper):
            return jnp.log(value - self.lower) - jnp.log(self.upper - value)
        if math.isfinite(self.lower):
            gap = value - self.lower
            return gap + jnp.log(-jnp.expm1(-gap))
        return value


REAL = Support()
NON_NEGATIVE = Support(lower=0.0)
POSITIVE = Support(lower=0.0, open_lower=True)
UNIT = Support(lower=0.0, upper=1.0)
UNIT_POSITIVE = Support(lower=0.0, upper=1.0, open_lower=True)
AT_LEAST_TWO = Support(lower=2.0)
