"""Executors that differ in the number of their desk alone."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

from entropyjax.iwg.scenarios.base import BASE, AbstractScenario, Setting, register


def _alike(similarity: float) -> Setting:
    return dataclasses.replace(BASE, difficulty=dataclasses.replace(BASE.difficulty, similarity=similarity))


@register("similar_executors")
class SimilarExecutors(AbstractScenario):
    """All eight executors keep the same kinds of records; beside it eight who keep different ones."""

    title: ClassVar[str] = "executors that differ in a number alone"
    plain: ClassVar[Setting] = _alike(0.0)
    hard: ClassVar[Setting] = _alike(1.0)
    thresholds: ClassVar[Mapping[str, float]] = {
        "success": 0.8,
        "success_drop": 0.2,
        "entropy_rise": 0.5,
        "faults": 0.3,
        "valid_mass": 0.8,
    }
