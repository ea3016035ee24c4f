"""What came of a suite as data, and thresholds as text."""

import dataclasses
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from entropyjax.io.config.layers import read_toml
from entropyjax.iwg import WorkflowError
from entropyjax.iwg.scenarios import SCENARIOS
from entropyjax.iwg.suite import MEASURES, Verdict, check_thresholds


@dataclasses.dataclass(frozen=True)
class Suite:
    """The verdicts on an orchestrator, and what they rest on: instances of each setting, runs of each, and the seed."""

    orchestrator: str
    verdicts: tuple[Verdict, ...]
    count: int
    runs: int
    seed: int

    @property
    def passed(self) -> bool:
        """Whether every scenario is passed."""
        return all(one.passed for one in self.verdicts)

    def __str__(self) -> str:
        passed = sum(one.passed for one in self.verdicts)
        first = f"{self.orchestrator}: {passed} of {len(self.verdicts)} scenarios passed."
        return "\n".join([first, *(f"{one.scenario}: {one.sentence}" for one in self.verdicts)])


def read_thresholds(source: str | os.PathLike | Mapping[str, Mapping[str, Any]]) -> Mapping[str, Mapping[str, float]]:
    """Return the thresholds of every scenario from a TOML file or a mapping.

    **Raises:** `ConfigError` for a file that is no TOML; `WorkflowError` for what is not known, with file and sentence.
    """
    if isinstance(source, Mapping):
        return check_thresholds(source)
    try:
        return check_thresholds(read_toml(Path(source)).data)
    except WorkflowError as error:
        raise WorkflowError(f"{source}: {error}") from None


def thresholds_text() -> str:
    """Return the scenarios' own thresholds as the text of a TOML file, with what each measure means."""
    lines = ["# Thresholds of the failure-mode suite. What is left out stays as here; false asks nothing of a measure."]
    for name in SCENARIOS.names():
        scenario = SCENARIOS.get(name)
        lines += ["", f"[{name}]  # {scenario.title}"]
        for measure, value in scenario.thresholds.items():
            found = MEASURES[measure]
            lines.append(f"{measure} = {value}  # at {'least' if found.at_least else 'most'}: {found.doc}")
    return "\n".join(lines)


def suite_record(suite: Suite) -> dict[str, Any]:
    """Return a suite as JSON values; `null` where nothing is known or asked."""
    return {
        "passed": suite.passed,
        "orchestrator": suite.orchestrator,
        "count": suite.count,
        "runs": suite.runs,
        "seed": suite.seed,
        "scenarios": {
            one.scenario: {
                "passed": one.passed,
                "title": one.title,
                "sentence": one.sentence,
                "runs": one.runs,
                "without_reply": one.silent,
                "measures": {
                    check.measure: {
                        "value": _known(check.estimate.value),
                        "interval": [_known(check.estimate.low), _known(check.estimate.high)],
                        "threshold": check.threshold,
                        "at_least": MEASURES[check.measure].at_least,
                        "passed": check.passed,
                    }
                    for check in one.checks
                },
            }
            for one in suite.verdicts
        },
    }


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
