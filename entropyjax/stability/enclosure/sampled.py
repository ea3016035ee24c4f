"""A stand-in for functions that interval arithmetic cannot follow: it looks at a few points and proves nothing."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from entropyjax.stability.enclosure.interval import Enclosure


class Sampled:
    """Ranges of a function over the ends and the middle of a cell, which can be too small.

    It answers as `Enclosed` does, except that it is not `rigorous`.
    """

    rigorous = False

    def __init__(self, function: Callable[[Any], Any]):
        self._function = function

    def over(self, low: Any, high: Any) -> tuple[Enclosure, Enclosure]:
        """Return the range of values and of slopes at three points of [low, high]."""
        points = jnp.stack([low, 0.5 * (low + high), high])
        values, slopes = jax.vmap(lambda at: jax.jvp(self._function, (at,), (jnp.ones_like(at),)))(points)
        return _range(values), _range(slopes)

    def at(self, point: Any) -> Enclosure:
        """Return the value at a point, as computed."""
        value = self._function(point)
        return Enclosure(value, value)


def _range(values: Any) -> Enclosure:
    return Enclosure(jnp.min(values, axis=0), jnp.max(values, axis=0))
