"""The scout and the wrapper as a chat model: instances out of seeds that have no facts."""

import dataclasses
import hashlib
import typing
from collections.abc import Sequence
from typing import Any

from entropyjax.iwg.chat import Chat, Message, Options
from entropyjax.iwg.codec import encode, from_json
from entropyjax.iwg.errors import WorkflowError
from entropyjax.iwg.instance import (
    Checkpoint,
    ExceptionKind,
    ExceptionScenario,
    Executor,
    Instance,
    Seed,
    Stage,
    Strategy,
    TaskMark,
)
from entropyjax.iwg.prompts import SCOUT, WRAPPER, roster_lines
from entropyjax.iwg.replies import ask
from entropyjax.iwg.structure import findings, plan_findings

_STRATEGIES: dict[ExceptionKind, Strategy] = {"missing_information": "decompose"}
"""Strategy against each kind of failure, `retry` where none is named."""


@dataclasses.dataclass(frozen=True)
class ChatEngine:
    """Makes instances with a chat model.

    **Attributes:** `steps`: how many the plan should have, in words; `attempts`: how often a plan or an environment
    that fails the structural checks is made again, with what is wrong told to the model.
    """

    chat: Chat
    options: Options = Options(temperature=0.7, max_tokens=2048)
    steps: str = "3 to 6"
    attempts: int = 3

    async def generate(self, seed: Seed, executors: Sequence[Executor]) -> Instance:
        """Return an instance made backwards from a seed; it has passed the structural checks.

        **Raises:** `WorkflowError` for a seed without an answer, or if no attempt passed; `ChatError` from the model.
        """
        if not seed.answer.strip():
            raise WorkflowError(f"The seed '{seed.query[:60]}' has no answer to plan backwards from; add it.")
        problem = ""
        for attempt in range(self.attempts):
            again = self._drawn(attempt)
            marks = await again.scout(seed, executors, problem)
            made = Instance("chat", seed, tuple(executors), marks, ())
            # No environment is paid for around a plan that cannot be carried out.
            wrong = plan_findings(made)
            if not wrong:
                made = await again.wrap(seed, executors, marks, problem)
                wrong = findings(made)
            if not wrong:
                digest = hashlib.sha256(encode(made).encode()).hexdigest()[:12]
                return dataclasses.replace(made, id=f"chat-{digest}")
            problem = f"The last attempt cannot be used: {wrong[0]}"
        raise WorkflowError(f"No usable instance came of {self.attempts} attempts at '{seed.query[:60]}'. {problem}")

    def _drawn(self, attempt: int) -> "ChatEngine":
        """Return the engine with the seed of an attempt; under one seed the same words have the same answer."""
        if self.options.seed is None:
            return self
        return dataclasses.replace(self, options=dataclasses.replace(self.options, seed=self.options.seed + attempt))

    async def scout(self, seed: Seed, executors: Sequence[Executor], problem: str = "") -> tuple[TaskMark, ...]:
        """Return a plan, made backwards from the answer."""
        known = "".join(f"Known: the {f.relation} of {' and '.join(f.inputs)} is {f.value}.\n" for f in seed.facts)
        roster = roster_lines(executors)
        text = SCOUT.format(
            query=seed.query, answer=seed.answer, facts=known, roster=roster, steps=self.steps, problem=problem
        )
        return (await ask(self.chat, [Message("user", text)], self.options, _marks))[0]

    async def wrap(
        self, seed: Seed, executors: Sequence[Executor], marks: Sequence[TaskMark], problem: str = ""
    ) -> Instance:
        """Return an instance with an environment around each mark, one after the other."""
        lines = "\n".join(
            f"- {m.id}, by {m.executor}, after {', '.join(m.dependencies)}: {m.description}" for m in marks
        )
        stages: list[Stage] = []
        exceptions: list[ExceptionScenario] = []
        for mark in marks:
            results = "\n".join(f"- {one.mark}: {one.checkpoint.value}" for one in stages) or "(none)"
            text = WRAPPER.format(
                query=seed.query, answer=seed.answer, marks=lines, results=results, mark=mark.id, problem=problem
            )
            message = [Message("user", text)]
            (stage, exception), _ = await ask(self.chat, message, self.options, lambda found, m=mark: _stage(found, m))
            stages.append(stage)
            exceptions += exception
        return Instance("chat", seed, tuple(executors), tuple(marks), tuple(stages), tuple(exceptions))


def _marks(found: dict[str, Any]) -> tuple[TaskMark, ...]:
    marks = found.get("marks")
    if not isinstance(marks, list) or not marks:
        raise WorkflowError("The reply has no list 'marks' with a step in it.")
    return tuple(from_json(TaskMark, one) for one in marks)


def _stage(found: dict[str, Any], mark: TaskMark) -> tuple[Stage, list[ExceptionScenario]]:
    texts = {name: found.get(name) for name in ("prompt", "output", "value")}
    for name, value in texts.items():
        if not isinstance(value, str) or not value.strip():
            raise WorkflowError(f"The reply has no text '{name}'.")
    prompt, output, value = (str(one) for one in texts.values())
    stage = Stage(mark.id, prompt, output, Checkpoint("predicate", value, "says"))
    failure = found.get("failure") or {}
    kind = failure.get("kind") if isinstance(failure, dict) else None
    if not kind:
        return stage, []
    if kind not in typing.get_args(ExceptionKind):
        raise WorkflowError(f"'{kind}' is no kind of failure; take one of {', '.join(typing.get_args(ExceptionKind))}.")
    strategy = _STRATEGIES.get(kind, "retry")
    plan = f"{strategy.capitalize()} the request to {mark.executor}."
    return stage, [ExceptionScenario(mark.id, kind, str(failure.get("output") or kind), strategy, plan)]
