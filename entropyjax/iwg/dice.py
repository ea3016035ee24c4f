"""Random choices that stay the same for ever: raw words of PCG64, which NumPy keeps stable between its versions."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")
_BLOCK = 64
_HIGH = 32


class Dice:
    """Draws of one instance; those of different `numbers` are independent, in whatever order they are made.

    **Arguments:** `seed`: any whole number >= 0; `numbers`: which of its streams.
    """

    def __init__(self, seed: int, *numbers: int):
        self._bits = np.random.PCG64(np.random.SeedSequence(seed, spawn_key=numbers))
        self._words: list[int] = []

    def unit(self) -> float:
        """Return a number in [0, 1) with 32 random bits."""
        return self._word() * 2.0**-_HIGH

    def below(self, count: int) -> int:
        """Return one of 0, ..., `count` - 1; their chances differ by less than `count` / 2^32."""
        return (self._word() * count) >> _HIGH

    def pick(self, items: Sequence[T]) -> T:
        """Return one of the items."""
        return items[self.below(len(items))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """Return the items in random order (Fisher-Yates)."""
        out = list(items)
        for last in range(len(out) - 1, 0, -1):
            other = self.below(last + 1)
            out[last], out[other] = out[other], out[last]
        return out

    def _word(self) -> int:
        if not self._words:
            self._words = (self._bits.random_raw(_BLOCK) >> np.uint64(_HIGH)).tolist()
        return self._words.pop()
