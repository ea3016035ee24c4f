"""The jobs of the validation committee: what solvers agree on is accepted, what they do not waits for a person."""

import asyncio
import collections
import contextlib
import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from entropyjax.io.lines import read_lines, write_lines
from entropyjax.iwg import (
    Case,
    ChatSolver,
    Decision,
    Extraction,
    Instance,
    Options,
    Report,
    Solver,
    WorkflowError,
    encode,
    validate,
)
from entropyjax.jobs.asked import Asked
from entropyjax.jobs.errors import JobError
from entropyjax.jobs.iwg_files import Progress, read_objects
from entropyjax.jobs.pool import Failures, each

Status = Literal["accepted", "waiting", "rejected"]
"""How it stands with an instance."""

_WARM = 0.7
"""Temperature of a second reply of the same model."""


def validate_workflows(
    instances: str | os.PathLike,
    out: str | os.PathLike,
    queue: str | os.PathLike,
    first: Asked | None = None,
    second: Asked | None = None,
    *,
    options: Options = Options(max_tokens=2048),
    review: Literal["disputed", "all"] = "disputed",
    progress: Progress | None = None,
) -> collections.Counter[str]:
    """Let the committee judge the instances of a file: write those that pass, and a queue of the others.

    What a solver misses, or the two answer in different words, waits for a person; what fails the structural checks is
    rejected, and stands in the queue with the reason.

    **Arguments:**

    - `first`, `second`: models of the two solvers; without the first both read the outputs without a model, without the
      second the first model is drawn again.
    - `options`: of the solvers' replies.
    - `review`: whether what the solvers agree on waits for a person too.

    **Returns:** how many were accepted, wait, and were rejected.

    **Raises:** `JobError` if an endpoint failed; nothing is written then but the log, with which the same command goes
    on.
    """
    known = read_objects(Instance, instances)
    for path in (out, queue):
        if Path(path).exists():
            raise WorkflowError(f"{path} exists already; choose another name, or delete it.")
    cases: dict[int, Case] = {}

    async def all_of_them() -> Failures:
        async with contextlib.AsyncExitStack() as stack:
            solvers = await _solvers(stack, first, second, options)

            async def one(item: tuple[int, Instance]) -> None:
                number, instance = item
                cases[number] = Case(instance, await validate(instance, *solvers))
                if progress is not None:
                    progress(len(cases), len(known), "instances")

            return await each(enumerate(known), one, 1 if first is None else first.endpoint.concurrency)

    failures = asyncio.run(all_of_them())
    if failures:
        kept = " ".join(one.kept for one in (first, second) if one)
        raise JobError(f"{failures.told(len(known), 'instances')} {kept} The same command goes on from there.")
    accepted, others = [], []
    for _, one in sorted(cases.items()):
        passed = one.report.agreed and review == "disputed"
        (accepted if passed else others).append(dataclasses.replace(one, report=one.report.appealed()))
    write_lines(queue, map(encode, others))
    write_lines(out, [encode(one.instance) for one in accepted])
    counts = collections.Counter(status(one.report) for one in others)
    return collections.Counter({"accepted": len(accepted), **counts})


def review_workflows(
    queue: str | os.PathLike,
    accept: Sequence[str] = (),
    reject: Sequence[str] = (),
    *,
    by: str = "a person",
    why: str = "",
    out: str | os.PathLike | None = None,
) -> list[Case]:
    """Record a person's decisions in a queue, and return its cases.

    **Arguments:**

    - `accept`, `reject`: ids of instances; `by`, `why`: who decides, and the reason.
    - `out`: file that all accepted instances of the queue go on to; those that it holds already stay.

    **Raises:** `WorkflowError` for an id that is not in the queue, or does not wait; nothing is recorded then.
    """
    decisions: dict[str, Decision] = {**dict.fromkeys(accept, "approve"), **dict.fromkeys(reject, "reject")}
    if len(decisions) < len({*accept}) + len({*reject}):
        both = next(one for one in accept if one in reject)
        raise WorkflowError(f"{both} is to be accepted and rejected; decide.")
    cases = read_objects(Case, queue)
    unknown = decisions.keys() - {one.instance.id for one in cases}
    if unknown:
        raise WorkflowError(f"{queue} holds no instance {min(unknown)}; --list tells which it holds.")
    for number, one in enumerate(cases):
        if one.instance.id in decisions:
            report = one.report.reviewed(decisions[one.instance.id], by, why)
            cases[number] = dataclasses.replace(one, report=report)
    if decisions:
        write_lines(queue, map(encode, cases), replace=True)
    if out is not None:
        kept = [line for _, line in read_lines(out)] if Path(out).exists() else []
        passed = [encode(one.instance) for one in cases if one.report.passed]
        write_lines(out, dict.fromkeys([*kept, *passed]), replace=True)
    return cases


def status(report: Report) -> Status:
    """Return how it stands with an instance in the queue."""
    return "waiting" if report.passed is None else "accepted" if report.passed else "rejected"


async def _solvers(
    stack: contextlib.AsyncExitStack, first: Asked | None, second: Asked | None, options: Options
) -> tuple[Solver, Solver]:
    """Return the two solvers, with their models open."""
    if first is None:
        return Extraction(), Extraction()
    chat = await stack.enter_async_context(first.chat())
    name = first.endpoint.model
    if second is None:
        # The same model may agree with itself by chance alone, so its second reply is a draw.
        again = dataclasses.replace(options, seed=1, temperature=options.temperature or _WARM)
        return ChatSolver(chat, name, options), ChatSolver(chat, f"{name}, drawn again", again)
    other = await stack.enter_async_context(second.chat())
    return ChatSolver(chat, name, options), ChatSolver(other, second.endpoint.model, options)
