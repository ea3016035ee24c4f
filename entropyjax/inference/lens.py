"""How a free value hangs on the scores, so that it can be held while the others move."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from entropyjax.inference.parameters import SPREAD_PRIOR, Block, Layout


class Lens(NamedTuple):
    """A free value on the unconstrained scale:

        u = middle + sd z[mean] + exp(log_width + width z[spread]) z[own].

    Without pooling `sd` and `width` are 0. Fields are numbers, or arrays of many lenses.
    """

    own: Any
    mean: Any
    spread: Any
    middle: Any
    sd: Any
    log_width: Any
    width: Any

    def scale(self, scores: Any) -> Any:
        """Return du/dz[own]."""
        exp = jnp.exp if isinstance(scores, jax.Array) else np.exp
        return exp(self.log_width + self.width * scores[self.spread])

    def place(self, scores: Any) -> Any:
        """Return u."""
        return self.middle + self.sd * scores[self.mean] + self.scale(scores) * scores[self.own]

    def score(self, place: Any, scores: Any) -> Any:
        """Return z[own] at which u is `place`, the other scores given."""
        return (place - self.middle - self.sd * scores[self.mean]) / self.scale(scores)


def lenses(layout: Layout) -> tuple[Lens, ...]:
    """Return the lens of each free value, in the order of the labels."""
    return tuple(_lens(block, place) for block in layout.blocks for place in range(len(block.levels)))


def _lens(block: Block, place: int) -> Lens:
    start, (middle, sd) = block.start, block.prior
    if not block.free.pooled:
        return Lens(start + place, start, start, middle, 0.0, float(np.log(sd)), 0.0)
    return Lens(start + 2 + place, start, start + 1, middle, sd, *SPREAD_PRIOR)
