"""What runs do turn by turn: scheduling entropy, valid mass, tokens; one row a run, NaN behind its end."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from entropyjax.ensemble import cognitive_horizon
from entropyjax.entropy import plug_in
from entropyjax.iwg.trajectory import Trajectory, Turn

_PER_KTOK = 1e-3


class Series(NamedTuple):
    """Scheduling entropy H in nat, valid mass, and context, tokens and reasoning in ktok, of each turn."""

    entropy: Float[np.ndarray, "runs turns"]
    valid_mass: Float[np.ndarray, "runs turns"]
    context: Float[np.ndarray, "runs turns"]
    tokens: Float[np.ndarray, "runs turns"]
    reasoning: Float[np.ndarray, "runs turns"]

    @property
    def at_risk(self) -> Int[np.ndarray, " turns"]:
        """Number of runs that are still going at each turn."""
        return np.sum(np.isfinite(self.context), axis=0)

    def cognitive_horizon(self) -> float:
        """Return the turn of the first local minimum of the mean H over the runs still going, as for any ensemble.

        Turns at which fewer than two runs are going tell nothing of the noise and are left out. NaN if there are none.
        """
        known = np.isfinite(self.entropy)
        counts = known.sum(axis=0)
        kept = np.flatnonzero(np.cumprod(counts >= 2))
        if len(kept) == 0:
            return float("nan")
        values = self.entropy[:, kept]
        mean = np.nanmean(values, axis=0)
        error = np.nanstd(values, axis=0, ddof=1) / np.sqrt(counts[kept])
        return float(cognitive_horizon(kept.astype(float), mean, error))


def series(runs: Sequence[Trajectory]) -> Series:
    """Return the series of runs."""
    return Series(
        entropy=_rows(runs, _Entropies(runs)),
        valid_mass=_rows(runs, lambda turn: turn.plan.scheduling.valid_mass if turn.plan.scheduling else np.nan),
        context=_rows(runs, lambda turn: _PER_KTOK * turn.context),
        tokens=_rows(runs, lambda turn: _PER_KTOK * turn.tokens),
        reasoning=_rows(runs, lambda turn: _PER_KTOK * turn.reasoning),
    )


def _rows(runs: Sequence[Trajectory], value: Callable[[Turn], float]) -> Float[np.ndarray, "runs turns"]:
    out = np.full((len(runs), max((len(run.turns) for run in runs), default=0)), np.nan)
    for number, run in enumerate(runs):
        out[number, : len(run.turns)] = [value(turn) for turn in run.turns]
    return out


class _Entropies:
    """Entropies of scheduling vectors, each worked out once and looked up by the vector's values."""

    def __init__(self, runs: Sequence[Trajectory]):
        self.known: dict[tuple[float, ...], float] = {(): float("nan")}
        vectors = sorted({self._key(turn) for run in runs for turn in run.turns} - {()})
        if vectors:
            width = max(map(len, vectors))
            padded = np.array([(*one, *(0.0,) * (width - len(one))) for one in vectors])
            found = np.asarray(plug_in(jnp.asarray(padded, jnp.result_type(float))), float)
            self.known |= dict(zip(vectors, found.tolist(), strict=True))

    def __call__(self, turn: Turn) -> float:
        return self.known[self._key(turn)]

    def _key(self, turn: Turn) -> tuple[float, ...]:
        found = turn.plan.scheduling.probability if turn.plan.scheduling else {}
        return tuple(sorted((value for value in found.values() if value > 0.0), reverse=True))
