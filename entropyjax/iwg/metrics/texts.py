"""Faithfulness and Consistency: what a run's words have in common with the gold ones."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from entropyjax.iwg.metrics.bags import Embedding, cosines, shared


def faithfulness(checkpoints: Sequence[Sequence[str]], queries: Sequence[Sequence[str]]) -> Float[np.ndarray, " runs"]:
    """Return how much of the checkpoint before it each request holds: the mean recall of its words over the turns.

    Turn t >= 1 is compared with the gold checkpoint in place t - 1; beyond the last, and for one without words, the
    recall is 1, as is the value of a run of less than two turns.

    **Arguments:** `checkpoints`: gold values of each run; `queries`: the first request of each of its turns.
    """
    run, before, asked = [], [], []
    for number, (gold, made) in enumerate(zip(checkpoints, queries, strict=True)):
        for turn in range(1, len(made)):
            run.append(number)
            before.append(gold[turn - 1] if turn <= len(gold) else "")
            asked.append(made[turn])
    size, _, both = shared(before, asked)
    recall = np.where(size > 0, both / np.maximum(size, 1), 1.0)
    turns = np.bincount(np.array(run, int), minlength=len(queries))
    total = np.bincount(np.array(run, int), weights=recall, minlength=len(queries))
    return np.where(turns > 0, total / np.maximum(turns, 1), 1.0)


def consistency(gold: Sequence[str], made: Sequence[str], embed: Embedding | None = None) -> Float[np.ndarray, " runs"]:
    """Return how alike the texts of whole runs and of their gold ones are: the cosine of their embeddings.

    Without an embedding the share of the different words of both that stand in both (Jaccard), 0 for an empty text.
    """
    if embed is not None:
        return cosines(made, gold, embed)
    left, right, both = shared(made, gold)
    return both / np.maximum(left + right - both, 1)
