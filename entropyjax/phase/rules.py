"""Rules: what is known of a point after some batches, and on which side of the boundary that puts it."""

import abc
import dataclasses
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

FAILED = -1
"""Label of a point of which nothing could be computed."""


class Verdict(NamedTuple):
    """What a rule says of n points.

    **Attributes:** `label`: side or class of each, `FAILED` where there are no data; `decided`: whether noise leaves
    no doubt; `value`: what the boundary is a level of, NaN if there is no such thing; `error`: its standard error;
    `weight`: trials that it rests on.
    """

    label: Int[np.ndarray, " n"]
    decided: Bool[np.ndarray, " n"]
    value: Float[np.ndarray, " n"]
    error: Float[np.ndarray, " n"]
    weight: Float[np.ndarray, " n"]


@dataclasses.dataclass(frozen=True)
class AbstractRule(abc.ABC):
    """How sums over the batches of a point are read.

    **Attributes:** `batches`: most batches of a point; 1 where a field has no noise.
    """

    batches: int = dataclasses.field(default=1, kw_only=True)

    @property
    def level(self) -> float:
        """Value that the boundary is at; NaN between classes."""
        return float("nan")

    @abc.abstractmethod
    def judge(self, sums: Float[np.ndarray, "n k"]) -> Verdict:
        """Return the verdict on points whose batches add up to `sums`."""


@dataclasses.dataclass(frozen=True)
class Labels(AbstractRule):
    """A field of integer labels without noise: sums hold the label; NaN or `FAILED` where there is none."""

    def judge(self, sums: Float[np.ndarray, "n k"]) -> Verdict:
        label = np.where(np.isfinite(sums[:, 0]), sums[:, 0], FAILED).astype(int)
        blank = np.full(len(label), np.nan)
        return Verdict(label, np.ones(len(label), bool), blank, blank, np.ones(len(label)))


@dataclasses.dataclass(frozen=True)
class Crossing(AbstractRule):
    """A field of real numbers without noise, whose boundary is where it equals a level: label 0 below, 1 from it on."""

    at: float = 0.0

    @property
    def level(self) -> float:
        return self.at

    def judge(self, sums: Float[np.ndarray, "n k"]) -> Verdict:
        value = sums[:, 0]
        label = np.where(np.isnan(value), FAILED, value >= self.at).astype(int)
        return Verdict(label, np.ones(len(value), bool), value, np.zeros(len(value)), np.ones(len(value)))


@dataclasses.dataclass(frozen=True)
class Share(AbstractRule):
    """A probability from counts (successes, trials): label 0 below the level, 1 from it on.

    A point is decided where the level lies outside Wilson's score interval of z standard errors,

        |k/n - level| >= z sqrt(level (1 - level) / n),

    the error at the level itself, so that no run of alike trials looks certain.
    """

    at: float = 0.5
    z: float = 3.0

    @property
    def level(self) -> float:
        return self.at

    def judge(self, sums: Float[np.ndarray, "n k"]) -> Verdict:
        successes, trials = sums[:, 0], sums[:, 1]
        known = trials > 0
        n = np.maximum(trials, 1.0)
        share = np.where(known, successes / n, np.nan)
        decided = np.abs(successes / n - self.at) >= self.z * np.sqrt(self.at * (1.0 - self.at) / n)
        label = np.where(known, successes / n >= self.at, FAILED).astype(int)
        error = np.where(known, np.sqrt(share * (1.0 - share) / n), np.nan)
        # More batches of a point that fails would fail too.
        return Verdict(label, decided | ~known, share, error, trials)


@dataclasses.dataclass(frozen=True)
class Plurality(AbstractRule):
    """The most frequent of several classes, from counts of each.

    A point is decided where the two most frequent classes differ by z standard errors were they equally likely,

        n_1 - n_2 >= z sqrt(n_1 + n_2).
    """

    z: float = 3.0

    def judge(self, sums: Float[np.ndarray, "n k"]) -> Verdict:
        rank = np.sort(sums, axis=1)
        first, second = rank[:, -1], rank[:, -2]
        known = first > 0
        label = np.where(known, np.argmax(sums, axis=1), FAILED).astype(int)
        decided = (first - second >= self.z * np.sqrt(first + second)) | ~known
        blank = np.full(len(sums), np.nan)
        return Verdict(label, decided, blank, blank, sums.sum(axis=1))
