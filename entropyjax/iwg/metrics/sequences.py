"""LCS-F1: how much of the gold sequence of executors a run follows, for many runs at once."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int


class Overlap(NamedTuple):
    """The longest common subsequence of each pair, and its share of either sequence."""

    length: Int[np.ndarray, " runs"]
    precision: Float[np.ndarray, " runs"]
    recall: Float[np.ndarray, " runs"]
    f1: Float[np.ndarray, " runs"]


def lcs_f1(gold: Sequence[Sequence[str]], made: Sequence[Sequence[str]]) -> Overlap:
    """Return the overlap of pairs of sequences by their longest common subsequence of length l:

        precision = l / |made|,   recall = l / |gold|,   F1 = 2 precision recall / (precision + recall);

    each is 0 where its denominator is.
    """
    length = _lcs(gold, made).astype(float)
    sizes = (np.array([len(one) for one in side], float) for side in (made, gold))
    precision, recall = (_over(length, size) for size in sizes)
    f1 = _over(2.0 * precision * recall, precision + recall)
    return Overlap(length.astype(int), precision, recall, f1)


def _lcs(gold: Sequence[Sequence[str]], made: Sequence[Sequence[str]]) -> Int[np.ndarray, " runs"]:
    """Return the lengths, row by row of the usual table, of all pairs together.

    A row of the table follows from the one before as the running maximum of max(above, above left + 1[equal]), as no
    entry falls from left to right.
    """
    codes: dict[str, int] = {}
    # Behind the ends stand codes that equal nothing.
    left, top = (_padded(side, codes, fill) for side, fill in ((made, -1), (gold, -2)))
    row = np.zeros((len(gold), top.shape[1] + 1), np.int32)
    for column in left.T:
        candidates = np.maximum(row[:, 1:], row[:, :-1] + (top == column[:, None]))
        row[:, 1:] = np.maximum.accumulate(candidates, axis=1)
    return row[:, -1]


def _padded(rows: Sequence[Sequence[str]], codes: dict[str, int], fill: int) -> Int[np.ndarray, "runs longest"]:
    out = np.full((len(rows), max(map(len, rows), default=0)), fill, np.int32)
    for number, row in enumerate(rows):
        out[number, : len(row)] = [codes.setdefault(name, len(codes)) for name in row]
    return out


def _over(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    return numerator / np.where(denominator > 0.0, denominator, 1.0) * (denominator > 0.0)
