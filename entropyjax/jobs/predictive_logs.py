"""Logs that a posterior foretells, as many and as long as those that were observed, and as much of them known."""

import dataclasses

import jax
import numpy as np
from jaxtyping import Bool

from entropyjax.inference.draws import ParameterDraws
from entropyjax.inference.effect import SPREAD
from entropyjax.inference.terms.tokens import SCALE
from entropyjax.jobs.forecast_runs import shifted
from entropyjax.records import UNKNOWN, TraceSet
from entropyjax.solve.events import Criteria
from entropyjax.traces import simulated_traces

_ENDLESS = Criteria(progress_tolerance=-1.0)
"""Criteria by which no run is resolved: their lengths are those of the logs."""


def foretold_logs(
    drawn: ParameterDraws, seen: TraceSet, free: int, seed: int
) -> tuple[TraceSet, Bool[np.ndarray, " steps"]]:
    """Return the logs of all draws as one set, and with which steps runs succeed.

    A right dispatch resolves its task with probability kappa, but runs go on, for their lengths are the observed ones.
    Tokens are as the log counts them.

    **Arguments:** `seen`: observed runs, those of a task together; `free`: all dispatch alike before this step.
    **Returns:** task k of draw d has the code d K + k.
    """
    code, first, repeats = np.unique(seen.task, return_index=True, return_counts=True)
    tasks, most = len(code), int(repeats.max())
    made = _simulated(drawn, seen, tasks, most, seed)
    # The simulated runs that stand for the observed ones, draw by draw.
    rank = np.searchsorted(code, seen.task)
    rows = rank * most + np.arange(len(seen)) - first[rank]
    made = made.select((rows + (np.arange(drawn.size) * tasks * most)[:, None]).ravel())
    made = _cut(made, np.tile(seen.lengths, drawn.size))
    draw = made.task[made.run] // tasks
    chance = np.random.default_rng(seed).random(len(draw)) < drawn.columns["resolution_rate"][draw]
    done = chance & (made.error == 0)
    scale = drawn.effects.get(SCALE.name, np.ones(drawn.size))[draw]
    return _masked(dataclasses.replace(made, tokens=made.tokens / scale), seen, free, drawn.size), done


def _simulated(drawn: ParameterDraws, seen: TraceSet, tasks: int, most: int, seed: int) -> TraceSet:
    noise = np.random.default_rng(seed).standard_normal((drawn.size, tasks))
    spread = np.asarray(drawn.effects.get(SPREAD.name, np.zeros(drawn.size)), float)
    columns = {name: np.repeat(column[:, None], tasks, axis=1) for name, column in drawn.columns.items()}
    columns |= {"roster_similarity": _whole(columns), "step_size": np.ones((drawn.size, tasks))}
    if np.any(spread):
        columns = shifted(columns, spread[:, None] * noise)
    return simulated_traces(
        drawn.model,  # pyright: ignore[reportArgumentType]
        type(drawn.params)(**{name: column.ravel() for name, column in columns.items()}),
        runs=most,
        tasks=tasks * drawn.size,
        steps=int(seen.lengths.max()),
        key=jax.random.key(seed),
        criteria=_ENDLESS,
    )


def _whole(columns: dict[str, np.ndarray]) -> np.ndarray:
    """Return the roster similarity with the nearest whole number of rivals, one at least."""
    others = columns["n_agents"] - 1.0
    return np.maximum(np.round(columns["roster_similarity"] * others), 1.0) / others


def _cut(made: TraceSet, lengths: np.ndarray) -> TraceSet:
    """Return runs without the steps behind these lengths."""
    kept = made.place < lengths[made.run]
    names = ("step", "turn", "agent", "error", "context", "tokens", "reasoning")
    columns = {name: getattr(made, name)[kept] for name in names}
    return dataclasses.replace(made, **columns, offsets=np.concatenate([[0], np.cumsum(lengths)]))


def _masked(made: TraceSet, seen: TraceSet, free: int, draws: int) -> TraceSet:
    """Return runs of which no more is known than of the observed ones."""

    def hidden(values: np.ndarray, unknown: np.ndarray, code: float) -> np.ndarray:
        return np.where(np.tile(unknown, draws), np.asarray(code, values.dtype), values)

    forced = np.where(made.place < free, np.zeros_like(made.agent), made.agent)
    return dataclasses.replace(
        made,
        agent=hidden(forced, seen.agent == UNKNOWN, UNKNOWN),
        error=hidden(made.error, seen.error == UNKNOWN, UNKNOWN),
        tokens=hidden(made.tokens, ~np.isfinite(seen.tokens), np.nan),
        success=hidden(made.success, seen.success == UNKNOWN, UNKNOWN),
    )
