"""Runs of orchestrators on generated workflows, as trajectories of `entropyjax.iwg` say them."""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar

from entropyjax.iwg import Trajectory, WorkflowError, from_json
from entropyjax.records import TraceSet
from entropyjax.traces.problems import Problems
from entropyjax.traces.read import AbstractFormat, json_lines, register
from entropyjax.traces.runs import RunRecord, StepRecord, trace_set


@register("workflow")
class Workflow(AbstractFormat):
    """JSON lines of trajectories, one a line, as `entropyjax iwg run` writes them."""

    title: ClassVar[str] = "trajectories on generated workflows, one JSON object a line"
    suffixes: ClassVar[tuple[str, ...]] = (".jsonl",)

    @classmethod
    def sniff(cls, head: str) -> bool:
        first = next((line for line in head.split("\n") if line.strip()), "")
        start = "".join(first.split())
        return start.startswith('{"answer":') and '"end":' in start and '"instance":' in start

    @classmethod
    def read(cls, path: Path, problems: Problems) -> Iterator[RunRecord]:
        for line, item in json_lines(path, problems):
            try:
                yield run_record(from_json(Trajectory, item))
            except WorkflowError as error:
                problems.skip(path, line, f"this is no trajectory: {error}")


def trajectory_traces(trajectories: Iterable[Trajectory]) -> TraceSet:
    """Return trajectories as a set of runs, whose tasks are the instances."""
    return trace_set(map(run_record, trajectories))


def run_record(run: Trajectory) -> RunRecord:
    """Return a trajectory as a run.

    Dispatches of a turn share its tokens and its reasoning equally. An error is a dispatch that reached nothing,
    whoever is to blame. Log-probabilities are those of the decision, unless they only say who was dispatched; their sum
    is the valid mass.
    """
    steps, place = [], 0
    for number, turn in enumerate(run.turns):
        made = turn.plan.scheduling
        known = made is not None and made.source not in ("parallel", "nothing")
        mass = {name: p * made.valid_mass for name, p in made.probability.items()} if made and known else {}
        table = {name: math.log(p) for name, p in mass.items() if p > 0.0} or None
        for step in turn.steps:
            steps.append(
                StepRecord(
                    agent=step.dispatch.executor,
                    step=place,
                    turn=number,
                    context=turn.context,
                    tokens=turn.tokens / len(turn.steps),
                    reasoning=turn.reasoning / len(turn.steps),
                    error=step.observation.outcome not in ("reached", "partial"),
                    log_probability=table,
                )
            )
            place += 1
    run_id = f"{run.instance}/{run.orchestrator}/{run.trial}"
    return RunRecord(
        run_id, run.instance, run.system, run.orchestrator, steps, run.roster, run.trial, run.success, None
    )
