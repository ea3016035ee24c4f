"""Something goes wrong at most steps."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

from entropyjax.iwg.scenarios.base import BASE, AbstractScenario, Setting, register


@register("error_storm")
class ErrorStorm(AbstractScenario):
    """At four of five steps an executor fails first: timeouts, broken formats, tool errors, hallucinations."""

    title: ClassVar[str] = "an exception at four of five steps"
    hard: ClassVar[Setting] = dataclasses.replace(
        BASE, difficulty=dataclasses.replace(BASE.difficulty, error_rate=0.8), turns=30
    )
    thresholds: ClassVar[Mapping[str, float]] = {
        "success": 0.7,
        "success_drop": 0.3,
        "recovery": 0.5,
        "faults": 0.3,
        "loops": 0.05,
    }
