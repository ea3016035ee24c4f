"""Functionals of the reduced choice: one right executor against `rivals` exchangeable others.

With l = ln(rivals), a = x - l and e = exp(-|a|), everything follows from one exponential and one logarithm:

    min(q, 1-q) = e / (1+e)
    H = ln(1+e) + |a| min(q, 1-q) + (1-q) l

which keeps relative precision in float32 for |x| of 30 and 1e6 executors. `rivals` is N_e - 1 =
phi_s (N - 1), a positive real. Source: model page, section 2.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from entropyjax.entropy.logarithm import log1p_unit

Scalar = Float[Array, "..."]
ScalarLike = float | Scalar


class Choice(NamedTuple):
    """Functionals of the next choice: q, 1 - q, H in nat, h, and the collision probability S."""

    right: Scalar
    wrong: Scalar
    entropy: Scalar
    normalised_entropy: Scalar
    collision: Scalar


def choice(gap: ScalarLike, rivals: ScalarLike) -> Choice:
    """Return q = 1 / (1 + rivals e^{-x}) and the functionals of the choice that it makes.

    H = -q ln q - (1-q) ln((1-q)/rivals), h = H / ln N_e, S = q^2 + (1-q)^2 / rivals.

    **Arguments:** `gap`: x in nat; `rivals`: N_e - 1.
    """
    log_rivals = jnp.log(rivals)
    advantage = gap - log_rivals
    ahead = advantage >= 0.0
    # Not abs(): its derivative of 0 at 0 would lose the gradient where two executors look alike.
    size = jnp.where(ahead, advantage, -advantage)
    odds = jnp.exp(-size)
    more = 1.0 / (1.0 + odds)
    less = odds * more
    right, wrong = jnp.where(ahead, more, less), jnp.where(ahead, less, more)
    entropy = log1p_unit(odds) + size * less + wrong * log_rivals
    return Choice(
        right=right,
        wrong=wrong,
        entropy=entropy,
        normalised_entropy=entropy / jnp.log1p(rivals),
        collision=right**2 + wrong**2 / rivals,
    )
