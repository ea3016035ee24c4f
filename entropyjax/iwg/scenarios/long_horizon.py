"""A task of many steps."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

from entropyjax.iwg.scenarios.base import BASE, AbstractScenario, Setting, register


@register("long_horizon")
class LongHorizon(AbstractScenario):
    """30 steps in place of 5, with as many turns for each step, and the whole history in the context."""

    title: ClassVar[str] = "six times as many steps"
    hard: ClassVar[Setting] = dataclasses.replace(
        BASE, difficulty=dataclasses.replace(BASE.difficulty, depth=30), turns=120
    )
    thresholds: ClassVar[Mapping[str, float]] = {
        "success": 0.6,
        "reached": 0.8,
        "entropy_rise": 0.3,
        "dispatches": 2.0,
        "loops": 0.05,
    }
