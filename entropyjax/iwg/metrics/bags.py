"""Sets of words of many texts, and what they share."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float, Int

from entropyjax.iwg.errors import WorkflowError
from entropyjax.iwg.text import words

Embedding = Callable[[Sequence[str]], Float[np.ndarray, "texts features"]]
"""Called as embed(texts): one vector for each text."""


class Bags:
    """The sets of words of a column of texts, as sorted pairs (text, word)."""

    def __init__(self, texts: Sequence[str], codes: dict[str, int]):
        rows, found = [], []
        for number, text in enumerate(texts):
            said = {codes.setdefault(word, len(codes)) for word in words(text)}
            rows += [number] * len(said)
            found += said
        self.texts = len(texts)
        self.pairs = np.unique(np.array([rows, found], np.int64).reshape(2, -1), axis=1)

    @property
    def sizes(self) -> Int[np.ndarray, " texts"]:
        """Number of different words of each text."""
        return np.bincount(self.pairs[0], minlength=self.texts)


def shared(one: Sequence[str], other: Sequence[str]) -> tuple[Int[np.ndarray, " texts"], ...]:
    """Return for each pair of texts the number of different words of either, and of those in both."""
    codes: dict[str, int] = {}
    left, right = Bags(one, codes), Bags(other, codes)
    width = max(len(codes), 1)
    both = np.intersect1d(left.pairs[0] * width + left.pairs[1], right.pairs[0] * width + right.pairs[1])
    return left.sizes, right.sizes, np.bincount(both // width, minlength=left.texts)


def cosines(one: Sequence[str], other: Sequence[str], embed: Embedding) -> Float[np.ndarray, " texts"]:
    """Return the cosine between the vectors of each pair of texts, 0 where one of them is 0.

    **Raises:** `WorkflowError` if `embed` does not give one vector for each text.
    """
    left, right = (np.asarray(embed(list(texts)), float) for texts in (one, other))
    for made in (left, right):
        if made.ndim != 2 or len(made) != len(one):
            raise WorkflowError(f"The embedding of {len(one)} texts has the shape {made.shape}; give one row for each.")
    scale = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    return np.sum(left * right, axis=1) / np.where(scale > 0.0, scale, 1.0)
