"""Executors that fail however often they are asked."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

from entropyjax.iwg.instance import Instance
from entropyjax.iwg.scenarios.base import BASE, AbstractScenario, Setting, register


def broken(instance: Instance) -> Instance:
    """Return an instance with those exceptions alone that no repetition mends."""
    lasting = tuple(one for one in instance.exceptions if one.strategy == "switch")
    return dataclasses.replace(instance, exceptions=lasting)


@register("retry_loop")
class RetryLoop(AbstractScenario):
    """Executors fail for ever at two of five steps, and another one holds a copy: whoever repeats the request loops."""

    title: ClassVar[str] = "executors that fail however often they are asked"
    hard: ClassVar[Setting] = dataclasses.replace(
        BASE, difficulty=dataclasses.replace(BASE.difficulty, error_rate=1.0), alter=broken, turns=30
    )
    thresholds: ClassVar[Mapping[str, float]] = {"success": 0.7, "loops": 0.1, "dispatches": 2.5, "recovery": 0.5}
