"""Long outputs in a small context."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

from entropyjax.iwg.scenarios.base import BASE, AbstractScenario, Setting, register


@register("context_squeezing")
class ContextSqueezing(AbstractScenario):
    """Outputs of 1,500 tokens in place of 120, in a context of 6,000 whose oldest entries are dropped.

    What was found stays in the context for about three turns.
    """

    title: ClassVar[str] = "outputs twelve times as long in a context of 6,000 tokens"
    hard: ClassVar[Setting] = dataclasses.replace(
        BASE, difficulty=dataclasses.replace(BASE.difficulty, output_tokens=1500), context=6000.0
    )
    thresholds: ClassVar[Mapping[str, float]] = {
        "success": 0.8,
        "success_drop": 0.2,
        "entropy_rise": 0.3,
        "valid_mass": 0.8,
        "loops": 0.05,
    }
