"""Which model the data support: by what was held out, and by AICc and BIC where the likelihood is a full one."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from entropyjax.inference.errors import InferenceError

DECIDED = 2.0
"""Standard errors by which a difference must pass 0 to count."""


class Contender(NamedTuple):
    """A fitted model as a comparison sees it.

    **Attributes:**

    - `name`; `null`: whether it has no dynamics of its own; `parameters`: free ones.
    - `log_likelihood`: at the maximum, in nat; `full`: whether it is a full likelihood; `entries`: independent ones.
    - `tasks`, `steps`: scores of entries when held out, in nat, NaN where they were not; `decisions`: of each of both.
    - `cluster`: the task of each entry.
    """

    name: str
    null: bool
    parameters: int
    log_likelihood: float
    full: bool
    entries: int
    tasks: Float[np.ndarray, " entries"]
    tasks_decisions: Float[np.ndarray, " entries"]
    steps: Float[np.ndarray, " entries"]
    steps_decisions: Float[np.ndarray, " entries"]
    cluster: np.ndarray

    @property
    def aicc(self) -> float:
        """Akaike's criterion with the correction for few entries, or NaN where it does not apply."""
        k, n = self.parameters, self.entries
        if not self.full or n <= k + 1:
            return math.nan
        return 2.0 * k - 2.0 * self.log_likelihood + 2.0 * k * (k + 1.0) / (n - k - 1.0)

    @property
    def bic(self) -> float:
        """Schwarz's criterion, the entries as the sample, or NaN where it does not apply."""
        return self.parameters * math.log(self.entries) - 2.0 * self.log_likelihood if self.full else math.nan


class Difference(NamedTuple):
    """A mean difference of scores in nat per decision, with its standard error over tasks."""

    mean: float
    error: float

    @property
    def decided(self) -> bool:
        """Whether it passes 0 by more than `DECIDED` standard errors."""
        return bool(abs(self.mean) > DECIDED * self.error)

    def __str__(self) -> str:
        return f"{self.mean:+.4f} ± {self.error:.4f}"


def difference(one: Contender, other: Contender, what: str = "tasks") -> Difference:
    """Return how much better `one` foretells than `other`, on what both were scored on.

    The error is that of a sum over tasks, which are taken as independent: sqrt(K) times the deviation of their sums.
    """
    a, b, n = getattr(one, what), getattr(other, what), getattr(one, f"{what}_decisions")
    both = np.isfinite(a) & np.isfinite(b)
    if not both.any():
        return Difference(math.nan, math.nan)
    _, cluster = np.unique(one.cluster[both], return_inverse=True)
    sums = np.bincount(cluster, (a - b)[both])
    total = n[both].sum()
    error = math.sqrt(len(sums)) * sums.std(ddof=1) if len(sums) > 1 else math.nan
    return Difference(float(sums.sum() / total), float(error / total))


class Comparison(NamedTuple):
    """Models by what they foretell, the best first."""

    contenders: tuple[Contender, ...]
    what: str

    @property
    def means(self) -> tuple[float, ...]:
        """Mean score of each in nat per decision."""
        return tuple(_mean(one, self.what) for one in self.contenders)

    @property
    def differences(self) -> tuple[Difference, ...]:
        """How much the best is ahead of each."""
        return tuple(difference(self.contenders[0], one, self.what) for one in self.contenders)

    def sentence(self) -> str:
        """Return in words what the comparison says, also where a null model wins."""
        best, *others = self.contenders
        words = {"tasks": "tasks that were held out", "steps": "later steps that were held out"}[self.what]
        if not others:
            return f"{best.name} scores {self.means[0]:.4f} nat per decision on {words}; there is nothing to compare."
        beside = [one.name for one, gap in zip(others, self.differences[1:], strict=True) if not gap.decided]
        text = f"On {words} {best.name} is the best with {self.means[0]:.4f} nat per decision"
        text += f", not told from {_listed(beside)}" if beside else ", ahead of every other"
        nulls = [one for one in self.contenders if one.null]
        mechanistic = [one for one in self.contenders if not one.null]
        if not nulls or not mechanistic:
            return text + "."
        gap = difference(mechanistic[0], nulls[0], self.what)
        if gap.decided and gap.mean > 0.0:
            return f"{text}. {mechanistic[0].name} beats the best null, {nulls[0].name}, by {gap} nat per decision."
        if gap.decided:
            return f"{text}. The null {nulls[0].name} wins: {mechanistic[0].name} is behind it by {gap}."
        return (
            f"{text}. The dynamics add nothing that these data show: {mechanistic[0].name} less the null "
            f"{nulls[0].name} is {gap} nat per decision."
        )

    def __str__(self) -> str:
        width = max(len(one.name) for one in self.contenders)
        lines = [f"{'model':{width}}  free  nat/decision  best less it     AICc     BIC"]
        for one, mean, gap in zip(self.contenders, self.means, self.differences, strict=True):
            behind = f"{gap.mean:.4f} ± {gap.error:.4f}" if one is not self.contenders[0] else ""
            cells = f"{one.parameters:4d}  {mean:12.4f}  {behind:15}  {_cell(one.aicc)}  {_cell(one.bic)}"
            lines.append(f"{one.name:{width}}  {cells}")
        return "\n".join([*lines, self.sentence()])


def compare(contenders: Sequence[Contender], what: str = "tasks") -> Comparison:
    """Return the models in the order of their scores on held-out `tasks` or later `steps`.

    **Raises:** `InferenceError` if they do not speak of the same entries, or have no such scores.
    """
    first = contenders[0]
    for one in contenders:
        if len(one.cluster) != len(first.cluster) or np.any(one.cluster != first.cluster):
            raise InferenceError(
                f"{one.name} and {first.name} were fitted to different runs or observations; fit both to the same."
            )
        if not np.isfinite(getattr(one, what)).any():
            raise InferenceError(f"{one.name} has no scores on held-out {what}; fit it with some held out.")
    return Comparison(tuple(sorted(contenders, key=lambda one: -_mean(one, what))), what)


def _mean(one: Contender, what: str) -> float:
    scores = getattr(one, what)
    held = np.isfinite(scores)
    return float(scores[held].sum() / getattr(one, f"{what}_decisions")[held].sum())


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _cell(value: float) -> str:
    return f"{value:7.1f}" if math.isfinite(value) else f"{'-':>7}"
