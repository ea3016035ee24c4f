"""Functionals of a chain of independent choices, one a level, that is right where all of them are.

Every function takes the functionals of the levels along one axis, (levels,); a level without a choice has q = 1,
1 - q = 0, H = 0 and S = 1. Source: model page, section 5.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from entropyjax.entropy.binary import Choice

Levels = Float[Array, " levels"]
Scalar = Float[Array, ""]


class Lottery(NamedTuple):
    """How the variance of a chain's result falls on its levels: Q (1-Q) = sum_l `alone`_l^2 q_l (1-q_l) + `together`.

    These are the terms of Hoeffding's decomposition: `alone`, the product of the other levels' q, is what a level's own
    result moves on average, and `together` is the variance that no single level explains.
    """

    alone: Levels
    together: Scalar


def choice(levels: Choice, largest: Scalar) -> Choice:
    """Return the functionals of the chain: Q = prod q_l, H = sum H_l, h = H / `largest`, S = prod S_l.

    **Arguments:** `levels`: functionals of each level; `largest`: the largest possible H in nat.
    """
    entropy = jnp.sum(levels.entropy)
    right, wrong = levels.right[0], levels.wrong[0]
    for q, r in zip(levels.right[1:], levels.wrong[1:], strict=True):
        wrong = wrong + right * r  # 1 - Q without cancellation
        right = right * q
    return Choice(right, wrong, entropy, entropy / largest, jnp.prod(levels.collision))


def lottery(levels: Choice) -> Lottery:
    """Return the decomposition of the variance of the chain's result, by products and sums of positive numbers alone.

    **Arguments:** `levels`: functionals of each level, of which q and 1 - q are used.
    """
    chances = list(zip(levels.right, levels.wrong, strict=True))
    one = jnp.ones_like(levels.right[0])
    before, after = [one], [one]
    for q, _ in chances[:-1]:
        before.append(before[-1] * q)
    for q, _ in chances[:0:-1]:
        after.append(after[-1] * q)
    alone = [left * right for left, right in zip(before, reversed(after), strict=True)]
    # The sum of first-order terms and the rest, from level to level.
    single, together = chances[0][0] * chances[0][1], jnp.zeros_like(one)
    for (q, r), reached in zip(chances[1:], before[1:], strict=True):
        together = q * (q * together + r * (single + together))
        single = q * (q * single + r * reached**2)
    return Lottery(jnp.stack(alone), together)
