"""Groups: the lanes of an item in parts that are reduced each for itself, so that few lanes can advance together."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from entropyjax.ensemble.moments import Moments, pool

GROUP = 128
"""Most lanes of a group. Where XLA compiles loops whole, the values of so many stay in the nearest cache."""

VECTORS = 64
"""Lanes that XLA's loops take in one round."""

NUMBERED, PREDICTED = "numbered", "predicted"
"""Orders in which lanes come together: as they are numbered, or by the steps that they are predicted to take."""


class Lanes(NamedTuple):
    """How the scan takes the lanes of an item.

    **Attributes:** `block`: lanes of the item; `together`: most of them that advance together; `order`: in which order.
    """

    block: int
    together: int
    order: str = NUMBERED

    @property
    def groups(self) -> int:
        """Number of groups of an item."""
        return math.ceil(self.block / GROUP)

    @property
    def group(self) -> int:
        """Lanes of a group: whole vectors, for a compiler takes what is left over one by one."""
        least = math.ceil(self.block / self.groups)
        return least if least < VECTORS else math.ceil(least / VECTORS) * VECTORS

    @property
    def abreast(self) -> int:
        """Groups that advance together: a divisor of their number."""
        most = max(1, min(self.together // self.group, self.groups))
        return next(count for count in range(most, 0, -1) if self.groups % count == 0)

    def numbers(self) -> Any:
        """Return the numbers of the lanes, a row for each group; from `block` on they stand for no lane."""
        return jnp.arange(self.groups * self.group, dtype=jnp.uint32).reshape(self.groups, self.group)


def over_groups(lanes: Lanes, numbers: Any, function: Callable[[Any, Any], Any]) -> Any:
    """Return function(lane numbers, whether each is a lane) of every row of `numbers`, with a leading axis of rows."""
    rows = (numbers, numbers < jnp.uint32(lanes.block))
    if lanes.abreast == lanes.groups:
        return jax.vmap(function)(*rows)
    count = next(count for count in range(min(lanes.abreast, len(numbers)), 0, -1) if len(numbers) % count == 0)
    return lax.map(lambda row: function(*row), rows, batch_size=count if count > 1 else None)


def pool_groups(parts: Any) -> Any:
    """Return the statistics of an item from those of its groups: moments are pooled, and counts add up."""

    def one(node: Any) -> Any:
        return pool(node) if isinstance(node, Moments) else jnp.sum(node, axis=0, dtype=node.dtype)

    return jax.tree.map(one, parts, is_leaf=lambda node: isinstance(node, Moments))
