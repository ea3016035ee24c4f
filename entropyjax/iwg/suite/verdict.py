"""What is concluded from a contrast: each measure against its threshold."""

import math
from collections.abc import Mapping
from typing import NamedTuple

from entropyjax.iwg.errors import WorkflowError
from entropyjax.iwg.scenarios import SCENARIOS
from entropyjax.iwg.suite.measures import MEASURES, Estimate, Side
from entropyjax.params import nearest

Thresholds = Mapping[str, Mapping[str, float]]
"""By scenario and measure the least or the most that is asked."""


_ROUNDING = 1e-9
"""What differences of shares may miss a threshold by."""


class Check(NamedTuple):
    """A measure, and its threshold if there is one.

    `passed` is `None` without a threshold, and where the runs do not tell the measure.
    """

    measure: str
    estimate: Estimate
    threshold: float | None
    passed: bool | None

    @property
    def known(self) -> bool:
        """Whether the runs tell the measure."""
        return not math.isnan(self.estimate.value)

    @property
    def decided(self) -> bool:
        """Whether the interval lies on one side of the threshold; true without an interval or a threshold."""
        if self.threshold is None or not self.estimate.bounded:
            return True
        return not self.estimate.low < self.threshold < self.estimate.high

    def __str__(self) -> str:
        value, low, high = self.estimate.texts
        number = f"{self.measure} {value}" + (f" [{low}, {high}]" if self.estimate.bounded else "")
        if not self.known:
            number = f"{self.measure} is not known"
        if self.threshold is None:
            return number
        return f"{number} ({'at least' if MEASURES[self.measure].at_least else 'at most'} {self.threshold:g} is asked)"


class Verdict(NamedTuple):
    """A scenario's verdict.

    **Attributes:** `checks`: one for every measure; `runs`: of the hard setting; `silent`: those of them that ended
    because the model gave no reply that could be read, which count as failures.
    """

    scenario: str
    title: str
    checks: tuple[Check, ...]
    runs: int
    silent: int = 0

    @property
    def passed(self) -> bool:
        """Whether no threshold is missed."""
        return all(one.passed is not False for one in self.checks)

    @property
    def sentence(self) -> str:
        """The verdict in a sentence or two."""
        missed = [str(one) for one in self.checks if one.passed is False]
        asked = [one for one in self.checks if one.threshold is not None]
        told = "; ".join(missed) if missed else _kept(asked)
        open_ = [one.measure for one in asked if one.known and not one.decided]
        more = f" {self.runs} runs do not decide {', '.join(open_)}." if open_ else ""
        if self.silent:
            more += f" {self.silent} of them ended without a reply that could be read."
        return f"{'Failed' if missed else 'Passed'}, {self.title}: {told}.{more}"


def _kept(asked: list[Check]) -> str:
    kept, unknown = ([one.measure for one in asked if one.known is known] for known in (True, False))
    if not kept:
        return "nothing that is asked is known"
    return f"{', '.join(kept)} kept" + (f"; {', '.join(unknown)} not known" if unknown else "")


def judge(scenario: str, plain: Side, hard: Side, thresholds: Mapping[str, float] | None = None) -> Verdict:
    """Return the verdict on the runs of a scenario's two settings.

    **Arguments:** `thresholds`: by measure; those of the scenario by default.
    """
    found = SCENARIOS.get(scenario)
    asked = found.thresholds if thresholds is None else thresholds
    checks = []
    for name, measure in MEASURES.items():
        estimate, threshold = measure.of(plain, hard), asked.get(name)
        passed = None
        if threshold is not None and not math.isnan(estimate.value):
            over = estimate.value - threshold
            passed = over >= -_ROUNDING if measure.at_least else over <= _ROUNDING
        checks.append(Check(name, estimate, threshold, passed))
    silent = sum(one.end == "no_reply" for one in hard.runs)
    return Verdict(scenario, found.title, tuple(checks), len(hard.runs), silent)


def check_thresholds(asked: Mapping[str, Mapping[str, float | bool]]) -> Thresholds:
    """Return the thresholds of every scenario: its own, changed as asked; `False` asks nothing of a measure.

    **Raises:** `WorkflowError` for a scenario or a measure that is not known, with the nearest name, or a threshold
    that is no finite number.
    """
    for scenario, table in asked.items():
        if scenario not in SCENARIOS.names():
            raise WorkflowError(f"'{scenario}' is not a scenario; {nearest(scenario, SCENARIOS.names())}")
        if not isinstance(table, Mapping):
            raise WorkflowError(f"{scenario} is {table!r}, and a table of thresholds was expected: [{scenario}].")
        for name, value in table.items():
            if name not in MEASURES:
                raise WorkflowError(f"'{name}' in [{scenario}] is not a measure; {nearest(name, MEASURES)}")
            number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            if value is not False and not number:
                raise WorkflowError(
                    f"{name} in [{scenario}] is {value!r}; give a number, or false where nothing is asked."
                )
    out = {}
    for scenario in SCENARIOS.names():
        merged = {**SCENARIOS.get(scenario).thresholds, **asked.get(scenario, {})}
        out[scenario] = {name: float(value) for name, value in merged.items() if value is not False}
    return out
