"""The contract of a scenario: a plain and a hard setting of the same kind of task, and what is asked of the runs."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import ClassVar

from entropyjax.iwg.difficulty import Difficulty
from entropyjax.iwg.generate import generate
from entropyjax.iwg.history import keep, truncate
from entropyjax.iwg.instance import Instance
from entropyjax.iwg.loop import Rules
from entropyjax.iwg.tokens import Budget
from entropyjax.params import Registry

Alteration = Callable[[Instance], Instance]
"""Called as alter(instance): the instance with something about it changed."""


@dataclasses.dataclass(frozen=True)
class Setting:
    """What an orchestrator is run on, and within which budget.

    **Attributes:**

    - `difficulty`, `family`: of the instances; `alter`: what is changed about each of them.
    - `turns`: budget of a run.
    - `context`: budget of tokens in the context, whose oldest entries are dropped; `None` for no end.
    """

    difficulty: Difficulty
    turns: int
    family: str = "retrieval"
    context: float | None = None
    alter: Alteration | None = None

    def instances(self, count: int, seed: int) -> list[Instance]:
        """Return the first instances of a seed."""
        made = generate(self.family, self.difficulty, seed=seed, count=count)
        return [one if self.alter is None else self.alter(one) for one in made]

    @property
    def rules(self) -> Rules:
        """How runs are made."""
        return Rules(Budget(self.turns, None, self.context), policy=keep if self.context is None else truncate)


BASE = Setting(Difficulty(executors=8, depth=5), turns=20)
"""What most scenarios compare with: eight executors, five steps, four turns for each step."""


class AbstractScenario:
    """A way in which orchestrators fail: a contrast of two settings.

    **Attributes:**

    - `title`: what is made hard, in words.
    - `plain`, `hard`: the two settings. Scenarios with the same plain setting share its runs.
    - `thresholds`: by the name of a measure the least or the most that is asked, as the measure says.
    """

    title: ClassVar[str]
    plain: ClassVar[Setting] = BASE
    hard: ClassVar[Setting]
    thresholds: ClassVar[Mapping[str, float]]


SCENARIOS: Registry[AbstractScenario] = Registry("scenario", "entropyjax.iwg.scenarios")
register = SCENARIOS.register
