"""Measures of a contrast: each a number for the hard setting, or for how far it is from the plain one."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import ndtri

from entropyjax.ensemble import wilson_interval
from entropyjax.iwg.instance import Instance
from entropyjax.iwg.lockstep import drive
from entropyjax.iwg.loop import run
from entropyjax.iwg.metrics import Scores, score
from entropyjax.iwg.metrics.loops import loops
from entropyjax.iwg.orchestrators import scripted
from entropyjax.iwg.trajectory import Trajectory

LEVEL = 0.9
"""What intervals hold."""


class Estimate(NamedTuple):
    """A value with its 90% interval by the number of runs; NaN where it, or its interval, is not known."""

    value: float
    low: float
    high: float

    @property
    def bounded(self) -> bool:
        """Whether it has an interval."""
        return not np.isnan(self.low)

    @property
    def texts(self) -> tuple[str, str, str]:
        """Value and ends as text."""
        value, low, high = (f"{one:,.0f}" if abs(one) >= 1000.0 else f"{one:.3g}" for one in self)
        return value, low, high


_NOTHING = Estimate(float("nan"), float("nan"), float("nan"))


class Side(NamedTuple):
    """The runs of one setting: with their scores, and the number of dispatches of the gold plan of each run."""

    instances: Sequence[Instance]
    runs: Sequence[Trajectory]
    scores: Scores
    gold: Float[np.ndarray, " runs"]

    @classmethod
    def of(cls, instances: Sequence[Instance], runs: Sequence[Trajectory]) -> "Side":
        """Return the side of a setting's instances and runs."""
        perfect = scripted("perfect")
        gold = {one.id: float(len(drive(run(perfect(one, 0), one)).turns)) for one in instances}
        return cls(instances, runs, score(instances, runs), np.array([gold[one.instance] for one in runs]))

    @property
    def dispatches(self) -> Float[np.ndarray, " runs"]:
        """Number of dispatches of each run."""
        return np.array([sum(len(turn.steps) for turn in one.turns) for one in self.runs], float)

    @property
    def entropy(self) -> Float[np.ndarray, " runs"]:
        """Mean H of each run over turns whose scheduling vector says more than who was dispatched; NaN without any."""
        return _means(self, self.scores.series.entropy)

    @property
    def valid_mass(self) -> Float[np.ndarray, " runs"]:
        """Mean valid mass of each run over the same turns."""
        return _means(self, self.scores.series.valid_mass)


class Measure(NamedTuple):
    """A measure.

    **Attributes:** `unit`, `doc`; `at_least`: whether a threshold is the least that is asked, and not the most; `of`:
    the estimate from the plain and the hard side.
    """

    unit: str
    doc: str
    at_least: bool
    of: Callable[[Side, Side], Estimate]


def _means(side: Side, values: Float[np.ndarray, "runs turns"]) -> Float[np.ndarray, " runs"]:
    known = np.zeros(values.shape, bool)
    for row, one in zip(known, side.runs, strict=True):
        made = [turn.plan.scheduling for turn in one.turns]
        row[: len(made)] = [one is not None and one.source != "parallel" for one in made]
    known &= np.isfinite(values)
    count = known.sum(axis=1)
    return np.where(count > 0, np.where(known, values, 0.0).sum(axis=1) / np.maximum(count, 1), np.nan)


def _share(values: Float[np.ndarray, " runs"]) -> Estimate:
    """Return the share of runs with Wilson's interval."""
    low, high = wilson_interval(np.array(values.sum()), np.array(len(values)), LEVEL)
    return Estimate(float(values.mean()), float(low), float(high))


def _mean(values: Float[np.ndarray, " runs"]) -> Estimate:
    """Return the mean over runs in which it is known, with its normal interval."""
    known = values[np.isfinite(values)]
    if not len(known):
        return _NOTHING
    half = _half(known)
    return Estimate(float(known.mean()), float(known.mean() - half), float(known.mean() + half))


def _half(known: Float[np.ndarray, " runs"]) -> float:
    if len(known) < 2:
        return float("nan")
    return float(ndtri(0.5 * (1.0 + LEVEL)) * known.std(ddof=1) / np.sqrt(len(known)))


def _drop(plain: Estimate, hard: Estimate) -> Estimate:
    """Return the difference of two shares with Newcombe's interval (Stat. Med. 17, 1998, method 10)."""
    value = plain.value - hard.value
    down = np.hypot(plain.value - plain.low, hard.high - hard.value)
    up = np.hypot(plain.high - plain.value, hard.value - hard.low)
    return Estimate(value, float(value - down), float(value + up))


def _rise(plain: Float[np.ndarray, " runs"], hard: Float[np.ndarray, " runs"]) -> Estimate:
    """Return the difference of two means with its normal interval."""
    before, after = (side[np.isfinite(side)] for side in (plain, hard))
    if not len(before) or not len(after):
        return _NOTHING
    value, half = float(after.mean() - before.mean()), float(np.hypot(_half(before), _half(after)))
    return Estimate(value, value - half, value + half)


def _success(side: Side) -> Estimate:
    return _share(side.scores.columns["success"])


MEASURES: Mapping[str, Measure] = {
    "success": Measure("-", "Share of runs that reach every checkpoint.", True, lambda plain, hard: _success(hard)),
    "success_drop": Measure(
        "-",
        "How much of that the hard setting takes away.",
        False,
        lambda plain, hard: _drop(_success(plain), _success(hard)),
    ),
    "reached": Measure(
        "-",
        "Share of the checkpoints that a run reaches.",
        True,
        lambda plain, hard: _mean(hard.scores.columns["reached"]),
    ),
    "entropy_rise": Measure(
        "nat",
        "By how much the hard setting raises the mean scheduling entropy.",
        False,
        lambda plain, hard: _rise(plain.entropy, hard.entropy),
    ),
    "valid_mass": Measure(
        "-", "Probability that falls on names of the roster.", True, lambda plain, hard: _mean(hard.valid_mass)
    ),
    "loops": Measure(
        "-",
        "Share of runs that loop: the same dispatches four times in a row, and nothing reached.",
        False,
        lambda plain, hard: _share(np.array([loops(one) for one in hard.runs], float)),
    ),
    "faults": Measure(
        "-",
        "Share of a run's dispatches that fail by the orchestrator.",
        False,
        lambda plain, hard: _mean(hard.scores.columns["orchestrator_faults"] / np.maximum(hard.dispatches, 1.0)),
    ),
    "recovery": Measure(
        "-",
        "Macro-averaged F1 of the strategies declared at exceptions.",
        True,
        lambda plain, hard: Estimate(hard.scores.recovery_macro_f1, float("nan"), float("nan")),
    ),
    "dispatches": Measure(
        "-",
        "Dispatches of a run over those of the gold plan.",
        False,
        lambda plain, hard: _mean(hard.dispatches / hard.gold),
    ),
    "tokens": Measure(
        "ktok",
        "Tokens that all calls of a run read and write.",
        False,
        lambda plain, hard: _mean(hard.scores.columns["spent"]),
    ),
}
"""Measures by name."""
