"""The same task with four times as many executors."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

from entropyjax.iwg.instance import Executor, Instance
from entropyjax.iwg.scenarios.base import BASE, AbstractScenario, Setting, register

TIMES = 4
"""How many times as many executors there are."""


def grown(instance: Instance) -> Instance:
    """Return an instance with three further desks beside each executor, who keep other records of the same kinds."""
    desks = 1 + max(_desk(one) for one in instance.executors)
    rounds = [[_moved(one, desks * k) for one in instance.executors] for k in range(1, TIMES)]
    return dataclasses.replace(instance, executors=(*instance.executors, *(one for row in rounds for one in row)))


def _desk(executor: Executor) -> int:
    return int(executor.name.rsplit("_", 1)[1])


def _moved(executor: Executor, by: int) -> Executor:
    house, desk = executor.name.rsplit("_", 1)[0], _desk(executor)
    words = executor.description.replace(f"desk {desk}:", f"desk {desk + by}:")
    return Executor(f"{house}_{desk + by}", executor.capabilities, words)


@register("roster_growth")
class RosterGrowth(AbstractScenario):
    """32 executors in place of 8; question, plan and environment stay the same to the letter."""

    title: ClassVar[str] = "four times as many executors for the same tasks"
    hard: ClassVar[Setting] = dataclasses.replace(BASE, alter=grown)
    thresholds: ClassVar[Mapping[str, float]] = {
        "success": 0.8,
        "success_drop": 0.2,
        "entropy_rise": 0.5,
        "valid_mass": 0.8,
        "loops": 0.05,
    }
