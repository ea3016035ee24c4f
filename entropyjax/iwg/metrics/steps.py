"""Task Success and Step Success Rate: what a run reported at each turn, against the gold checkpoints in order."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from entropyjax.iwg.checkpoint import matches
from entropyjax.iwg.instance import Checkpoint

Gold = Sequence[Sequence[Checkpoint]]
Found = Sequence[Sequence[str]]


def task_success(gold: Gold, found: Found) -> Float[np.ndarray, " runs"]:
    """Return 1 where a run reported as many results as there are checkpoints, each matching its own, else 0."""
    pairs = zip(gold, found, strict=True)
    return np.array([float(len(row) == len(said) and _matched(row, said) == len(row)) for row, said in pairs])


def step_success(gold: Gold, found: Found) -> Float[np.ndarray, " runs"]:
    """Return the share of the checkpoints whose result, the one in the same place, matches; 1 without checkpoints."""
    pairs = zip(gold, found, strict=True)
    return np.array([_matched(row, said) / len(row) if row else 1.0 for row, said in pairs])


def _matched(gold: Sequence[Checkpoint], found: Sequence[str]) -> int:
    # Results beyond the last checkpoint, and checkpoints beyond the last result, match nothing.
    return sum(matches(checkpoint, said) for checkpoint, said in zip(gold, found, strict=False))
