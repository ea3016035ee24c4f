"""The job that runs orchestrators on instances: scripted ones, simulated ones, and chat models."""

import asyncio
import collections
import contextlib
import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

import jax

from entropyjax.io.lines import GrowingLines
from entropyjax.iwg import (
    SCRIPTED,
    ChatOrchestrator,
    ChatSettings,
    Instance,
    Maker,
    Rules,
    Trajectory,
    WorkflowError,
    check,
    decode,
    encode,
    run,
    scripted,
    simulate,
    to_json,
)
from entropyjax.jobs.asked import Asked, draw
from entropyjax.jobs.errors import JobError
from entropyjax.jobs.iwg_files import Progress, read_objects
from entropyjax.jobs.pool import Failures, each
from entropyjax.models import Star

SIMULATED = "simulated"
"""Name of the orchestrator that the agent-level model drives."""

_IN_A_ROW = 4
"""Failures in a row, times the runs under way, after which no more runs are begun."""


def run_workflows(
    instances: str | os.PathLike,
    out: str | os.PathLike,
    orchestrator: str | Maker | Asked = "perfect",
    *,
    runs: int = 1,
    rules: Rules = Rules(),
    seed: int = 0,
    params: Mapping[str, float] | None = None,
    measured: bool = False,
    chat: ChatSettings = ChatSettings(),
    concurrency: int = 8,
    resume: bool = False,
    progress: Progress | None = None,
) -> collections.Counter[str]:
    """Run an orchestrator on the instances of a file, write the trajectories as JSON lines, and count how they end.

    The settings are kept beside the file; runs that were interrupted are gone on with under the same.

    **Arguments:**

    - `orchestrator`: the name of a scripted one, `simulated`, a chat model behind an endpoint, or what makes one for an
      instance and its run's number.
    - `runs`: of each instance; `seed`: of the random, the simulated and the chat model's draws.
    - `params`, `measured`: of the simulated one: parameters of the star, whether it reads its context off the run. N is
      the size of the roster unless it is given.
    - `chat`: how a chat model is asked; the seed of its draws is that of the run.
    - `concurrency`: runs that are under way at once, where they wait for something.
    - `resume`: go on with runs of the same kind that were interrupted.

    **Raises:** `WorkflowError` for an unknown orchestrator, or parameters of one that has none; `JobError` if runs are
    missing since the endpoint failed, or none of a chat model's named an executor.
    """
    known = read_objects(Instance, instances)
    make = _maker(orchestrator, seed, params)
    asked = orchestrator if isinstance(orchestrator, Asked) else None
    if asked is not None:
        _check_asked(known, runs, chat)
    pairs = [(one, trial) for one in known for trial in range(runs)]
    settings = _settings(known, orchestrator, runs, rules, seed, params, measured, chat)
    # Those by name never wait, and so come in order.
    order = None if isinstance(orchestrator, str) else _Places(pairs)
    with GrowingLines(out, resume, settings, order) as file:
        tally = _Tally(len(pairs), progress)
        for line in file.kept:
            tally.add(decode(Trajectory, line))
        todo = [(n, *pair) for n, pair in enumerate(pairs) if (pair[0].id, pair[1]) not in tally.done]
        if orchestrator == SIMULATED:
            model, values = _star(known, params)
            made = simulate(model, values, known, jax.random.key(seed), runs=runs, rules=rules, measured=measured)
            for number, *_ in todo:
                file.write(encode(made[number]))
                tally.add(made[number])
        else:
            failures = asyncio.run(_run_all(make, asked, todo, rules, chat, seed, concurrency, file, tally))
            if failures:
                raise JobError(_missing(failures, tally.total, file, asked))
    if asked is not None and not tally.named:
        raise JobError(_nobody(tally, out))
    return tally.ends


class _Places:
    """What runs are sorted by: their place among all."""

    def __init__(self, pairs: list[tuple[Instance, int]]):
        self._place = {(one.id, trial): number for number, (one, trial) in enumerate(pairs)}

    def __call__(self, line: str) -> int:
        found = json.loads(line)
        return self._place[found["instance"], found["trial"]]


class _Tally:
    """Runs that are done, how they ended, and whether any named an executor."""

    def __init__(self, total: int, progress: Progress | None):
        self.total, self.progress = total, progress
        self.done: set[tuple[str, int]] = set()
        self.ends: collections.Counter[str] = collections.Counter()
        self.problem, self.named = "", False

    def add(self, one: Trajectory) -> None:
        self.done.add((one.instance, one.trial))
        self.ends[one.end] += 1
        self.problem = self.problem or one.problem
        outcomes = (step.observation.outcome for turn in one.turns for step in turn.steps)
        self.named = self.named or any(outcome != "unknown_executor" for outcome in outcomes)
        if self.progress is not None:
            self.progress(len(self.done), self.total, "runs")


async def _run_all(
    make: Maker | None,
    asked: Asked | None,
    todo: list[tuple[int, Instance, int]],
    rules: Rules,
    settings: ChatSettings,
    seed: int,
    concurrency: int,
    file: GrowingLines,
    tally: _Tally,
) -> Failures:
    async with asked.chat() if asked else contextlib.nullcontext() as chat:

        async def one(item: tuple[int, Instance, int]) -> None:
            number, instance, trial = item
            if make is not None:
                orchestrator = make(instance, number)
            else:
                assert chat is not None and asked is not None
                drawn = dataclasses.replace(settings, options=draw(settings.options, seed, instance.id, trial))
                orchestrator = ChatOrchestrator(chat, asked.endpoint.model, drawn)
            done = await run(orchestrator, instance, rules, trial=trial)
            file.write(encode(done))
            tally.add(done)

        # A log answers at once, and what it lacks says nothing of what else it has.
        in_a_row = None if asked and asked.replay else _IN_A_ROW * concurrency
        return await each(todo, one, concurrency, in_a_row)


def _maker(orchestrator: str | Maker | Asked, seed: int, params: Mapping[str, float] | None) -> Maker | None:
    """Return what makes orchestrators; `None` for the simulated ones, which are made together, and for a chat model."""
    if orchestrator == SIMULATED:
        return None
    if params:
        raise WorkflowError(f"Parameters ({', '.join(params)}) are those of the orchestrator '{SIMULATED}'; choose it.")
    if isinstance(orchestrator, Asked):
        return None
    if not isinstance(orchestrator, str):
        return orchestrator
    if orchestrator not in SCRIPTED:
        raise WorkflowError(f"'{orchestrator}' is no orchestrator; take one of {', '.join((*SCRIPTED, SIMULATED))}.")
    return scripted(orchestrator, seed=seed)


def _check_asked(instances: list[Instance], runs: int, chat: ChatSettings) -> None:
    """Raise `WorkflowError` for what would be paid for in vain."""
    for one in instances:
        check(one)
    if runs > 1 and chat.options.temperature == 0.0:
        raise WorkflowError(
            f"At temperature 0 the {runs} runs of an instance are all alike; set a higher one, or 1 run."
        )


def _star(instances: list[Instance], params: Mapping[str, float] | None) -> tuple[Star, Any]:
    model = Star()
    return model, model.params(**{"n_agents": float(len(instances[0].executors))} | dict(params or {}))


def _settings(
    instances: list[Instance],
    orchestrator: str | Maker | Asked,
    runs: int,
    rules: Rules,
    seed: int,
    params: Mapping[str, float] | None,
    measured: bool,
    chat: ChatSettings,
) -> dict[str, Any]:
    """Return what decides about the runs, as JSON values."""
    found: dict[str, Any] = {
        "orchestrator": _name(orchestrator),
        "instances": hashlib.sha256("\n".join(one.id for one in instances).encode()).hexdigest(),
        "runs": runs,
        "seed": seed,
        "rules": {
            **dataclasses.asdict(rules.budget),
            "policy": _name(rules.policy),
            "counter": _name(rules.counter),
            "strict": rules.strict,
            "patience": rules.patience,
        },
    }
    if isinstance(orchestrator, Asked):
        return {**found, "extra": dict(orchestrator.endpoint.extra), "chat": to_json(chat)}
    if orchestrator == SIMULATED:
        return {**found, "params": dict(params or {}), "measured": measured}
    return found


def _name(one: Any) -> str:
    """Return what an orchestrator, a policy or a counter is called."""
    if isinstance(one, Asked):
        return one.endpoint.model
    return one if isinstance(one, str) else getattr(one, "__name__", type(one).__name__)


def _missing(failures: Failures, total: int, file: GrowingLines, asked: Asked | None) -> str:
    kept = "" if asked is None or asked.replay else f" {asked.kept}"
    done = f" Finished runs are in {file.partial}." if len(failures) < total else ""
    return f"{failures.told(total, 'runs')}{kept}{done} Go on with --resume."


def _nobody(tally: _Tally, out: str | os.PathLike) -> str:
    why = f" {tally.problem}" if tally.problem else ""
    return (
        f"None of the {tally.total} runs names an executor of its roster; they are kept in {out}.{why} Take a model "
        "that follows instructions, or constrain its plans."
    )
