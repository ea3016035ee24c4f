"""The inverse of the entropy of the reduced choice: the gap x >= 0 at which it has a given h."""

from typing import Any

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from entropyjax.entropy import binary

Scalar = Float[Array, "..."]
ScalarLike = float | Scalar

LEAST = 1e-12
"""Values of h below this one are taken for it: the gap grows without bound as h -> 0."""


def gap_at(level: ScalarLike, rivals: ScalarLike) -> Scalar:
    """Return the x >= 0 in nat at which h(x) = `level`, by bisection and Newton steps that carry the gradient.

    h falls strictly on x > 0, from 1 to 0, and is flat at both ends. So levels below 1e-12 count as 1e-12, without a
    gradient there; and from 1 - 1e-9 (in float32 1 - 8e-6) to 1 the curve is replaced by its chord, with x = 0 at 1 and
    a finite gradient.

    **Arguments:** `level`: h in [0, 1]; what lies outside counts as the nearer end; `rivals`: N_e - 1.
    """
    rivals = jnp.asarray(rivals)
    near = 1e-9 if rivals.dtype == jnp.float64 else 8e-6
    share = jnp.minimum((1.0 - jnp.minimum(level, 1.0)) / near, 1.0)
    return share * _inside(jnp.clip(level, LEAST, 1.0 - near), rivals)


def _inside(level: Scalar, rivals: Scalar) -> Scalar:
    """Return the gap at a level at which h has a slope."""

    def excess(x: Scalar) -> Scalar:
        return binary.choice(x, rivals).normalised_entropy - level

    def halve(_: Any, bracket: tuple[Scalar, Scalar]) -> tuple[Scalar, Scalar]:
        low, high = bracket
        middle = 0.5 * (low + high)
        focused = excess(middle) < 0.0
        return jnp.where(focused, low, middle), jnp.where(focused, middle, high)

    # h < 1e-12 at the upper end for every N_e; 24 halvings leave the Newton steps in their basin.
    top = jnp.maximum(jnp.log(rivals), 0.0) + 40.0 + jnp.zeros_like(level)
    low, high = lax.fori_loop(0, 24, halve, lax.stop_gradient((jnp.zeros_like(top), top)))
    x = lax.stop_gradient(0.5 * (low + high))
    for _ in range(2):
        x = lax.stop_gradient(x)
        at = binary.choice(x, rivals)
        slope = -x * at.right * at.wrong
        x = x - excess(x) * lax.stop_gradient(jnp.log1p(rivals) / slope)
    return x
