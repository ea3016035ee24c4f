"""The entropies of recorded runs, with intervals by a bootstrap over tasks."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from entropyjax.entropy.nsb import concentrations, make_tables
from entropyjax.inference.bootstrap import spread, task_weights
from entropyjax.inference.errors import InferenceError
from entropyjax.inference.result import TraceEntropy
from entropyjax.inference.series import SERIES, Parts, estimate
from entropyjax.inference.tallies import Tallies, tallies
from entropyjax.records import TraceSet

_CHUNK, _TASKS, _STEPS = 256, 16, 8

Progress = Callable[[int, int, str], None]
"""Called as progress(replicates done, replicates in all, what)."""


def trace_entropy(
    traces: TraceSet,
    key: Array | None = None,
    *,
    replicates: int = 10_000,
    free: int | None = None,
    progress: Progress | None = None,
) -> TraceEntropy:
    """Return the entropies of recorded runs over their steps.

    Repeats are runs of one task under one system, orchestrator and roster. Whole tasks are drawn anew by the bootstrap.

    **Arguments:**

    - `key`: randomness of the bootstrap; without one there are no intervals.
    - `free`: first step at which runs of a task can differ, by default told from the runs.
    - `progress`: callback for many replicates.

    **Raises:** `InferenceError` with a sentence: no dispatches, no number of replicates, no such step.
    """
    if not len(traces) or not np.any(traces.agent >= 0):
        raise InferenceError("There is no dispatch in these runs; read others, or other systems of them.")
    if replicates < 0 or (key is not None and replicates < 2):
        raise InferenceError(f"{replicates} replicates make no bootstrap; take 2 or more, or 0 for no intervals.")
    longest = int(traces.lengths.max())
    if free is not None and not 0 <= free < longest:
        raise InferenceError(f"The first free step is {free}; the longest run has the steps 0 to {longest - 1}.")
    with jax.enable_x64(True):
        found = tallies(traces, free)
        weights = np.ones((1, len(found.agents)))
        if key is not None:
            weights = np.vstack([weights, task_weights(key, replicates, len(found.agents))])
        samples = _samples(weights, found, progress)
    estimates = {name: values[0] for name, values in samples.items()}
    errors, intervals = _spread(samples, estimates)
    return TraceEntropy(
        estimates=estimates,
        errors=errors,
        intervals=intervals,
        counts=_counts(found),
        free=found.free,
        repeats=found.repeats,
        replicates=len(weights) - 1,
    )


def _samples(weights: np.ndarray, found: Tallies, progress: Progress | None) -> dict[str, np.ndarray]:
    """Return every series for every row of weights, the first of which is the estimate itself."""
    chunks = [weights[start : start + _CHUNK] for start in range(0, len(weights), _CHUNK)]
    agents, previous, pairs, sums = (jnp.asarray(_padded(part)) for part in found[:4])
    nodes = jnp.asarray(concentrations(found.agents.shape[-1]))
    tables = make_tables(np.arange(max(_largest(found, chunk) for chunk in chunks) + 1), nodes)
    parts, done, pieces = Parts(agents, previous, pairs, sums, nodes, tables), 0, []
    for chunk in chunks:
        # The last one of several is filled up, so that one shape is compiled.
        full = np.pad(chunk, ((0, _CHUNK - len(chunk) if len(weights) > 1 else 0), (0, 0)))
        pieces.append({name: values[: len(chunk)] for name, values in _estimate(full, parts, found).items()})
        done += len(chunk)
        if progress is not None and len(weights) > 1:
            progress(done - 1, len(weights) - 1, "bootstrap")
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in SERIES}


def _largest(found: Tallies, weights: np.ndarray) -> int:
    return int((weights @ found.agents.reshape(len(found.agents), -1)).max(initial=0.0))


def _estimate(weights: np.ndarray, parts: Parts, found: Tallies) -> dict[str, np.ndarray]:
    """Return every series of each row of weights; sets of about the same size share what is compiled."""
    steps, missing = found.agents.shape[1], parts.agents.shape[0] - weights.shape[1]
    full = jnp.asarray(np.pad(weights, ((0, 0), (0, missing))))
    out = estimate(full, parts, jnp.asarray(float(found.roster)), jnp.asarray(found.free))
    return {name: np.asarray(values)[:, :steps] for name, values in out.items()}


def _padded(part: np.ndarray) -> np.ndarray:
    """Return tallies with tasks and steps of zeros behind them."""
    return np.pad(part, ((0, -len(part) % _TASKS), (0, -part.shape[1] % _STEPS), (0, 0)))


def _spread(
    samples: dict[str, np.ndarray], estimates: dict[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return standard errors and intervals of every series, NaN without replicates."""
    # Shares of pairs are unbiased and stay within their range.
    centres = {name: estimates[name] if SERIES[name].unit == "nat" else None for name in SERIES}
    of = {name: spread(values[1:], centres[name]) for name, values in samples.items()}
    return {name: one[0] for name, one in of.items()}, {name: one[1] for name, one in of.items()}


def _counts(found: Tallies) -> dict[str, np.ndarray]:
    agents = found.agents.sum(axis=-1)
    counts = {"runs": agents.sum(axis=0), "tasks": (agents > 0).sum(axis=0).astype(float)}
    counts["lagged_runs"] = found.previous.sum(axis=(0, 2))
    counts["within_tasks"] = (found.sum_of("within_runs") > 0).sum(axis=0).astype(float)
    counts["history_tasks"] = (found.sum_of("history_runs") > 0).sum(axis=0).astype(float)
    for name in ("within_runs", "history_runs", "task_pairs", "history_pairs", "gauge_pairs", "turns", "known"):
        counts[name] = found.sum_of(name).sum(axis=0)
    return counts
