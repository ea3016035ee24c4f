"""Outputs that say whom to ask next, and are wrong."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

from entropyjax.iwg.instance import Instance
from entropyjax.iwg.scenarios.base import BASE, AbstractScenario, Setting, register


def misleading(instance: Instance) -> Instance:
    """Return an instance whose outputs and distractors name an executor for what comes next, and never the right one.

    It is the first behind the right executors on the roster; the values in the outputs stay as they are.
    """
    after = {
        mark.id: {one.executor for one in instance.marks if mark.id in one.dependencies} for mark in instance.marks
    }
    stages = tuple(
        dataclasses.replace(one, output=f"{one.output}\n{_advice(instance, after[one.mark])}")
        for one in instance.stages
    )
    # A distractor may be read at any step, so it names one who is right at none if there is such a one.
    advice = _advice(instance, set(instance.gold_executors))
    distractors = tuple(f"{text}\n{advice}" for text in instance.distractors)
    return dataclasses.replace(instance, stages=stages, distractors=distractors)


def _advice(instance: Instance, right: set[str]) -> str:
    names = list(instance.roster)
    start = 1 + max((names.index(one) for one in right), default=-1)
    others = [name for name in (*names[start:], *names[:start]) if name not in right] or names
    return f"Reasoning: every record for the next step is kept by {others[0]}, so ask {others[0]} next."


@register("misleading_reasoning")
class MisleadingReasoning(AbstractScenario):
    """Every output ends with the advice to ask a wrong executor next; what it found stays true."""

    title: ClassVar[str] = "outputs that name a wrong executor for the next step"
    hard: ClassVar[Setting] = dataclasses.replace(BASE, alter=misleading)
    thresholds: ClassVar[Mapping[str, float]] = {
        "success": 0.8,
        "success_drop": 0.2,
        "faults": 0.3,
        "entropy_rise": 0.3,
        "loops": 0.05,
    }
