"""The size of adaptive steps: the error of an attempt in units of the tolerance, and the next size from it."""

import functools
import operator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Scalar = Float[Array, ""]

ORDER = 5.0
"""The error estimate of an attempt is of this order in its size."""

INTEGRAL, PROPORTIONAL = 0.3, 0.4
"""Gains on the error and on its change; at equal error the star took 6% to 9% fewer attempts than with 0.7, 0.3."""

SAFETY, SMALLEST, LARGEST = 0.9, 0.2, 10.0
"""Share of the predicted size that is tried; least and greatest ratio of sizes from one attempt to the next."""

_FLOOR = 1e-8
"""A squared error below this one says no more about the next step."""


class Controller(NamedTuple):
    """Proportional-integral control of the step size (Hairer & Wanner, Solving ODEs II, section IV.2):

        next / size = 0.9 error^(-(0.3 + 0.4) / 5) previous^(0.4 / 5), kept within [0.2, 10]

    where an error of 1 meets the tolerance. The sizes carry no derivative.

    **Attributes:** `rtol`, `atol`: the tolerance of a component y is atol + rtol |y|.
    """

    rtol: float
    atol: float

    def squared(self, error: Any, *states: Any) -> Scalar:
        """Return the mean over all scalars of the state of (error / tolerance)^2.

        **Arguments:** `states`: the tolerance is that of the larger of them, component by component.
        """
        sizes = [[jnp.abs(leaf) for leaf in jax.tree.leaves(state)] for state in states]
        largest = [functools.reduce(jnp.maximum, column) for column in zip(*sizes, strict=True)]
        leaves = jax.tree.leaves(error)
        scaled = [leaf / (self.atol + self.rtol * size) for leaf, size in zip(leaves, largest, strict=True)]
        total = functools.reduce(operator.add, [jnp.sum(leaf * leaf) for leaf in scaled])
        return jax.lax.stop_gradient(total) / sum(leaf.size for leaf in leaves)

    def first(self, state: Any, slope: Any, curve: Any) -> Scalar:
        """Return the size of the first attempt, after Hairer, Norsett & Wanner, Solving ODEs I, section II.4.

        At that size the larger of the first two derivatives, to the fifth power of the size, meets the tolerance.

        **Arguments:** `slope`, `curve`: first and second derivative of the state.
        """
        fastest = jnp.maximum(self.squared(slope, state), self.squared(curve, state))
        return jnp.exp(jnp.log(fastest) * (-0.5 / ORDER))

    def ratio(self, squared: Scalar, previous: Scalar) -> tuple[Scalar, Scalar]:
        """Return the next size over this one, and what to pass as `previous` once the step is accepted.

        **Arguments:** `squared`: of this attempt; `previous`: of the last accepted step, 0 before the first.
        """
        log = jnp.log(jnp.maximum(squared, _FLOOR))
        exponent = PROPORTIONAL * previous - (INTEGRAL + PROPORTIONAL) * log
        ratio = jnp.clip(SAFETY * jnp.exp(exponent * (0.5 / ORDER)), SMALLEST, LARGEST)
        return jnp.where(squared < jnp.inf, ratio, SMALLEST), log
