"""From the runs that readers give to a set of columns."""

import array
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from entropyjax.records import UNKNOWN, TraceSet

_PER_KTOK = 1e-3
NAN = float("nan")
_WIDTH = 7


class StepRecord(NamedTuple):
    """One dispatch; `None` is what the log does not say. Tokens are single tokens, log-probabilities natural."""

    agent: str | None
    step: int
    turn: int
    context: float | None = None
    tokens: float | None = None
    reasoning: float | None = None
    error: bool | None = None
    log_probability: Mapping[str, float] | None = None


class RunRecord(NamedTuple):
    """One run; `roster` empty where the log does not name it."""

    run_id: str
    task: str
    system: str
    orchestrator: str
    steps: Sequence[StepRecord]
    roster: tuple[str, ...] = ()
    trial: int | None = None
    success: bool | None = None
    failure_step: int | None = None


class _Names(dict[str, int]):
    def __missing__(self, name: str) -> int:
        self[name] = len(self)
        return self[name]


def trace_set(runs: Iterable[RunRecord]) -> TraceSet:
    """Return runs as columns.

    A run without a roster gets every executor that its system was seen to dispatch. An executor that is dispatched and
    not on its run's roster is added to it.
    """
    agents, tasks, systems, orchestrators = _Names(), _Names(), _Names(), _Names()
    rows: list[RunRecord] = []
    members: list[frozenset[int]] = []
    # Seven numbers a step, in a row: a tuple of each would take ten times the memory.
    steps = array.array("d")
    tables: dict[int, Mapping[str, float]] = {}
    offsets = [0]
    for run in runs:
        roster = {agents[name] for name in run.roster}
        for one in run.steps:
            if one.log_probability is not None:
                tables[len(steps) // _WIDTH] = one.log_probability
                roster.update(agents[name] for name in one.log_probability)
            steps.extend(_row(one, agents))
        offsets.append(len(steps) // _WIDTH)
        members.append(frozenset(roster))
        # Codes in the order of the logs, and no steps kept twice.
        _ = tasks[run.task], systems[run.system], orchestrators[run.orchestrator]
        rows.append(run._replace(steps=()))
    columns = np.array(steps, float).reshape(-1, _WIDTH)
    whole = [
        (number, members[number] | {int(a) for a in np.unique(columns[start:stop, 2]) if a >= 0}, not run.roster)
        for number, (start, stop, run) in enumerate(zip(offsets[:-1], offsets[1:], rows, strict=True))
    ]
    system = np.array([systems[run.system] for run in rows], np.int32)
    rosters, roster_of = _rosters(whole, system, len(agents))
    return TraceSet(
        agents=tuple(agents),
        tasks=tuple(tasks),
        systems=tuple(systems),
        orchestrators=tuple(orchestrators),
        rosters=rosters,
        run_id=np.array([run.run_id for run in rows], dtype=object),
        task=np.array([tasks[run.task] for run in rows], np.int32),
        system=system,
        orchestrator=np.array([orchestrators[run.orchestrator] for run in rows], np.int32),
        roster=roster_of,
        trial=np.array([_code(run.trial) for run in rows], np.int32),
        success=np.array([_code(run.success) for run in rows], np.int8),
        failure_step=np.array([_code(run.failure_step) for run in rows], np.int32),
        offsets=np.array(offsets, np.int64),
        step=columns[:, 0].astype(np.int32),
        turn=columns[:, 1].astype(np.int32),
        agent=columns[:, 2].astype(np.int32),
        error=columns[:, 3].astype(np.int8),
        context=columns[:, 4] * _PER_KTOK,
        tokens=columns[:, 5] * _PER_KTOK,
        reasoning=columns[:, 6] * _PER_KTOK,
        log_probability=_log_probabilities(tables, len(columns), agents) if tables else None,
    )


def _row(one: StepRecord, agents: _Names) -> tuple[float, ...]:
    agent = UNKNOWN if one.agent is None else agents[one.agent]
    tokens = (NAN if value is None else value for value in (one.context, one.tokens, one.reasoning))
    return (one.step, one.turn, agent, _code(one.error), *tokens)


def _code(value: int | bool | None) -> int:
    return UNKNOWN if value is None else int(value)


def _rosters(
    members: Sequence[tuple[int, frozenset[int] | set[int], bool]], system: np.ndarray, agents: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the different rosters and that of each run."""
    seen: dict[int, set[int]] = {}
    for number, roster, _ in members:
        seen.setdefault(int(system[number]), set()).update(roster)
    found: dict[frozenset[int], int] = {}
    codes = [
        found.setdefault(frozenset(seen[int(system[number])] if unnamed else roster), len(found))
        for number, roster, unnamed in members
    ]
    table = np.zeros((len(found), agents), bool)
    for roster, code in found.items():
        table[code, list(roster)] = True
    return table, np.array(codes, np.int32)


def _log_probabilities(tables: Mapping[int, Mapping[str, float]], steps: int, agents: _Names) -> np.ndarray:
    out = np.full((steps, len(agents)), np.nan)
    for step, table in tables.items():
        for name, value in table.items():
            out[step, agents[name]] = value
    return out
