"""How much memory a run takes: results that stay, and lanes at work."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from entropyjax.ensemble.groups import Lanes
from entropyjax.ensemble.request import TIME_BINS, Ensemble

RESULTS = 4
"""Copies of a chunk's statistics: two chunks are in flight, and the host holds one in double precision."""


class Need(NamedTuple):
    """Bytes that a run needs: `results` for what an item leaves, `lane` for a lane, its share of them included."""

    results: int
    lane: int


def bytes_needed(ensemble: Ensemble, block: int, kernels: Sequence[Any], extra: int) -> Need:
    """Return what a run needs.

    **Arguments:** `block`: lanes of an item; `kernels`: those that run it, none for the scan; `extra`: what a caller
    keeps for a lane beside the integration.
    """
    item = _bytes_per_item(ensemble)
    if kernels:
        # A kernel keeps its lanes in registers.
        results = RESULTS * item + sum(getattr(kernel, "bytes_per_item", 0) for kernel in kernels)
        return Need(results, math.ceil(results / block) + extra)
    # The groups of an item have statistics of their own before they are pooled.
    results = (RESULTS + Lanes(block, block).groups) * item
    return Need(results, math.ceil(results / block) + _bytes_per_lane(ensemble) + extra)


def _bytes_per_item(ensemble: Ensemble) -> int:
    """Return the size of one item's statistics: moments at the save times, histograms and a few numbers."""
    moments = 3 * len(ensemble.observables) * (ensemble.grid.intervals + 1) + 16
    return moments * np.dtype(ensemble.dtype).itemsize + (2 * TIME_BINS + 16) * np.dtype(np.int32).itemsize


def _bytes_per_lane(ensemble: Ensemble) -> int:
    """Return an upper estimate of the working memory of one lane.

    A step keeps copies of the state alive between fused kernels (stages, their columns, the event record);
    48 of them is an allowance, not a measurement.
    """
    params = ensemble.constants
    state = jax.eval_shape(lambda: ensemble.model.initial_state(params))
    size = sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(state))
    itemsize = np.dtype(ensemble.dtype).itemsize
    return (48 * size + 64 + 4 * len(ensemble.observables)) * itemsize
