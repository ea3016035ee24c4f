"""The environment of an instance as a pure state machine that answers dispatches."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from entropyjax.iwg.checkpoint import hidden
from entropyjax.iwg.instance import ExceptionScenario, Instance, TaskMark
from entropyjax.iwg.text import says, words
from entropyjax.iwg.trajectory import Dispatch, Observation

_PARTS = 2
"""Dispatches after the first that a mark takes whose request must be decomposed."""


class State(NamedTuple):
    """Where a run stands: the marks that are reached, and how often each mark's executor was asked in its turn."""

    reached: frozenset[str] = frozenset()
    attempts: Mapping[str, int] = {}


@dataclasses.dataclass(frozen=True)
class Environment:
    """Answers dispatches; `strict` asks that a query holds what it is about."""

    instance: Instance
    strict: bool = False

    def ready(self, state: State) -> list[TaskMark]:
        """Return the marks that can be done now, in the order of the gold plan."""
        marks = self.instance.marks
        return [one for one in marks if one.id not in state.reached and state.reached.issuperset(one.dependencies)]

    def done(self, state: State) -> bool:
        """Return whether every checkpoint is reached."""
        return len(state.reached) == len(self.instance.marks)

    def answer(self, state: State, dispatch: Dispatch, since: State | None = None) -> tuple[State, Observation]:
        """Return the state after a dispatch, and what it brought.

        Dispatches of one turn are parallel: what they build on must be reached in `since`, the state before the turn.

        A dispatch that names its mark is judged by that mark; any other by the ready mark of its executor whose inputs
        its query holds most of, the first of those in the plan, or else by what its executor did or will do.
        """
        if dispatch.executor not in self.instance.roster:
            return state, Observation(f"There is no executor '{dispatch.executor}'.", "unknown_executor")
        since = state if since is None else since
        mark = self._meant(state, since, dispatch)
        if mark is None or dispatch.executor not in self._entitled(state, mark):
            return state, Observation(
                self._distractor(state, dispatch), "wrong_executor", "" if mark is None else mark.id
            )
        if mark.id in state.reached:
            return state, Observation(self.instance.stage[mark.id].output, "repeated", mark.id)
        if not since.reached.issuperset(mark.dependencies):
            return state, Observation(
                "This cannot be looked up yet: an earlier result is missing.", "premature", mark.id
            )
        if self.strict and any(not says(dispatch.query, value) for value in self._inputs(mark)):
            return state, Observation("The request does not say what it is about.", "missing_input", mark.id)
        return self._asked(state, mark, dispatch.executor)

    def _asked(self, state: State, mark: TaskMark, executor: str) -> tuple[State, Observation]:
        before = state.attempts.get(mark.id, 0)
        after = State(state.reached, {**state.attempts, mark.id: before + 1})
        stage, scenario = self.instance.stage[mark.id], self.instance.exception.get(mark.id)
        if scenario is not None and _fails(scenario, before, executor):
            return after, Observation(scenario.output, "exception", mark.id, scenario.kind)
        if scenario is not None and scenario.strategy == "decompose" and before < _PARTS:
            value = hidden(stage.checkpoint).lower()
            # The first part ends before the value, the second is the whole.
            head = stage.output[: stage.output.lower().find(value)]
            return after, Observation(f"Part 1 of {_PARTS}:\n{head}", "partial", mark.id)
        return after._replace(reached=state.reached | {mark.id}), Observation(stage.output, "reached", mark.id)

    def _meant(self, state: State, since: State, dispatch: Dispatch) -> TaskMark | None:
        if dispatch.mark:
            return self.instance.mark.get(dispatch.mark)
        ready = [one for one in self.ready(since) if one.id not in state.reached]
        ready = [one for one in ready if dispatch.executor in self._entitled(state, one)]
        if ready:
            asked = set(words(dispatch.query))
            return max(ready, key=lambda one: len(asked.intersection(words(self.instance.stage[one.id].prompt))))
        own = [one for one in self.instance.marks if one.executor == dispatch.executor]
        waiting = [one for one in own if one.id not in state.reached]
        return next(iter([*waiting, *reversed(own)]), None)

    def _entitled(self, state: State, mark: TaskMark) -> tuple[str, ...]:
        """Return who may do a mark now: its executor, and the backup once something has gone wrong."""
        scenario = self.instance.exception.get(mark.id)
        if scenario is not None and scenario.strategy == "switch" and state.attempts.get(mark.id):
            return mark.executor, scenario.backup
        return (mark.executor,)

    def _inputs(self, mark: TaskMark) -> Sequence[str]:
        """Return what a request for a mark must hold: the inputs of its fact, or else the results before it."""
        fact = self.instance.fact.get(hidden(self.instance.stage[mark.id].checkpoint))
        if fact is not None:
            return fact.inputs
        return [hidden(self.instance.stage[one].checkpoint) for one in mark.dependencies]

    def _distractor(self, state: State, dispatch: Dispatch) -> str:
        texts = self.instance.distractors or ("Nothing on this request is kept here.",)
        place = list(self.instance.roster).index(dispatch.executor) + len(state.reached)
        return texts[place % len(texts)]


def _fails(scenario: ExceptionScenario, before: int, executor: str) -> bool:
    """Return whether an attempt fails that comes after `before` others."""
    if scenario.strategy == "switch":
        return executor != scenario.backup
    return before == 0 or scenario.strategy in ("abort", "other")
