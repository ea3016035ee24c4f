"""The data of a workflow: a seed, the plan made from it backwards, and the environment around each step."""

import dataclasses
from collections.abc import Mapping
from functools import cached_property
from typing import Literal

ExceptionKind = Literal["timeout", "missing_information", "wrong_format", "tool_error", "hallucination"]
Strategy = Literal["retry", "switch", "abort", "decompose", "other"]


@dataclasses.dataclass(frozen=True)
class Fact:
    """One thing that is known: the `value` that `relation` has for `inputs`.

    An input is a text of the query or the value of another fact.
    """

    inputs: tuple[str, ...]
    relation: str
    value: str


@dataclasses.dataclass(frozen=True)
class Seed:
    """A verified question and answer, and the facts that lead from one to the other if they are known."""

    query: str
    answer: str
    facts: tuple[Fact, ...] = ()
    domain: str = "general"


@dataclasses.dataclass(frozen=True)
class Executor:
    """One whom the orchestrator can dispatch; `capabilities` are what marks require."""

    name: str
    capabilities: tuple[str, ...]
    description: str


@dataclasses.dataclass(frozen=True)
class TaskMark:
    """One step of the plan: who has to do what, after which steps, and what tells that it is done.

    `extension` marks steps beyond the seed's answer.
    """

    id: str
    description: str
    executor: str
    capability: str
    dependencies: tuple[str, ...] = ()
    hint: str = ""
    extension: bool = False


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """What tells that a mark is done.

    **Attributes:**

    - `kind`: `exact` compares with `value`, `api` looks for the call `value` in what was found, `predicate` asks the
      function named `predicate`, with `parameters`, about it.
    - `value`: the result that was hidden in the environment.
    """

    kind: Literal["exact", "api", "predicate"]
    value: str
    predicate: str = ""
    parameters: Mapping[str, str | float] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Stage:
    """The environment of a mark: the executor's prompt, its output, which holds the value, and the checkpoint."""

    mark: str
    prompt: str
    output: str
    checkpoint: Checkpoint


@dataclasses.dataclass(frozen=True)
class ExceptionScenario:
    """What goes wrong at the first dispatch of a mark, and how it is mended.

    **Attributes:**

    - `output`: what the executor says instead.
    - `strategy`, `plan`: the gold recovery, as a class and in words. `retry`: the same executor again; `switch`: the
      executor `backup`; `decompose`: the same executor twice, in two parts; after `abort` and `other` nothing helps.
    """

    mark: str
    kind: ExceptionKind
    output: str
    strategy: Strategy
    plan: str
    backup: str = ""


@dataclasses.dataclass(frozen=True)
class Instance:
    """A workflow that orchestrators can be run on.

    **Attributes:**

    - `id`: name of the instance; `seed`: where it comes from; `executors`: the roster.
    - `marks`: the gold plan, a directed acyclic graph in an order in which it can be done.
    - `stages`: the environment of each mark, in the order of the marks.
    - `exceptions`: at most one for each mark; `distractors`: what executors say that were wrongly asked.
    """

    id: str
    seed: Seed
    executors: tuple[Executor, ...]
    marks: tuple[TaskMark, ...]
    stages: tuple[Stage, ...]
    exceptions: tuple[ExceptionScenario, ...] = ()
    distractors: tuple[str, ...] = ()

    @cached_property
    def roster(self) -> dict[str, Executor]:
        """Executors by name."""
        return {one.name: one for one in self.executors}

    @cached_property
    def mark(self) -> dict[str, TaskMark]:
        """Marks by id."""
        return {one.id: one for one in self.marks}

    @cached_property
    def stage(self) -> dict[str, Stage]:
        """Stages by the id of their mark."""
        return {one.mark: one for one in self.stages}

    @cached_property
    def fact(self) -> dict[str, Fact]:
        """Facts of the seed by their value."""
        return {one.value: one for one in self.seed.facts}

    @cached_property
    def exception(self) -> dict[str, ExceptionScenario]:
        """Exception scenarios by the id of their mark."""
        return {one.mark: one for one in self.exceptions}

    @property
    def gold_executors(self) -> tuple[str, ...]:
        """Executors of the gold plan, in its order."""
        return tuple(one.executor for one in self.marks)

    @property
    def gold_checkpoints(self) -> tuple[Checkpoint, ...]:
        """Checkpoints of the gold plan, in its order."""
        return tuple(one.checkpoint for one in self.stages)
