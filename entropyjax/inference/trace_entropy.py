"""The entropies of recorded runs, with intervals by a bootstrap over tasks."""

from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from entropyjax.entropy.nsb import concentrations, make_tables
from entropyjax.inference.bootstrap import spread, task_weights
from entropyjax.inference.result import TraceEntropy
from entropyjax.inference.series import SERIES, Parts, estimate
from entropyjax.inference.tallies import Tallies, tallies
from entropyjax.records import TraceSet

_CHUNK, _TASKS, _STEPS = 256, 16, 8

Progress = Callable[[int, int, str], None]
"""Called as progress(replicates done, replicates in all, what)."""


class InferenceError(ValueError):
    """Runs that an estimate cannot be made of; the message says what to do."""


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

    **Raises:** `InferenceError` with a sentence: no dispatches, or no number of replicates.
    """
    if not len(traces) or not np.any(traces.agent >= 0):
        raise InferenceError("There is no dispatch in these runs; read others, or other systems of them.")
    if replicates < 0 or (key is not None and replicates < 2):
        raise InferenceError(f"{replicates} replicates make no bootstrap; take 2 or more, or 0 for no intervals.")
    with jax.enable_x64(True):
        found = tallies(traces, free)
        drawn = None if key is None else task_weights(key, replicates, len(found.agents))
        whole = np.ones((1, len(found.agents)))
        most = max(_largest(found, chunk) for chunk in _chunks(whole if drawn is None else np.vstack([whole, drawn])))
        nodes = jnp.asarray(concentrations(len(traces.agents)))
        parts = Parts(*(jnp.asarray(_padded(part)) for part in found[:4]), nodes, make_tables(most, nodes))
        estimates = {name: v[0] for name, v in _estimate(whole, parts, found).items()}
        errors, intervals = _spread(drawn, parts, found, progress)
    return TraceEntropy(
        estimates=estimates,
        errors=errors,
        intervals=intervals,
        counts=_counts(found),
        free=found.free,
        repeats=found.repeats,
        replicates=0 if drawn is None else replicates,
    )


def _chunks(weights: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(weights), _CHUNK):
        yield weights[start : start + _CHUNK]


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
    drawn: np.ndarray | None, parts: Parts, found: Tallies, progress: Progress | None
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return standard errors and percentile intervals of every series."""
    steps = found.agents.shape[1]
    if drawn is None:
        return dict.fromkeys(SERIES, np.full(steps, np.nan)), dict.fromkeys(SERIES, np.full((steps, 2), np.nan))
    done, pieces = 0, []
    for chunk in _chunks(drawn):
        # The last chunk is filled up, so that one shape is compiled.
        full = np.vstack([chunk, np.ones((_CHUNK - len(chunk), chunk.shape[1]))])
        pieces.append({name: values[: len(chunk)] for name, values in _estimate(full, parts, found).items()})
        done += len(chunk)
        if progress is not None:
            progress(done, len(drawn), "bootstrap")
    samples = {name: np.concatenate([piece[name] for piece in pieces]) for name in SERIES}
    of = {name: spread(values) for name, values in samples.items()}
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
