"""Jobs of inverse workflow generation: instances into files, runs of orchestrators on them, and their scores."""

import asyncio
import dataclasses
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import jax
import numpy as np

from entropyjax.io.lines import GrowingLines, read_lines, write_lines
from entropyjax.iwg import (
    SCRIPTED,
    Difficulty,
    Instance,
    Maker,
    Rules,
    Scores,
    Trajectory,
    WorkflowError,
    decode,
    encode,
    generate,
    run,
    score,
    scripted,
    simulate,
)
from entropyjax.models import Star

SIMULATED = "simulated"
"""Name of the orchestrator that the agent-level model drives."""

T = TypeVar("T")

Progress = Callable[[int, int, str], None]
"""Called as progress(done, total, what)."""


def read_objects(kind: type[T], path: str | os.PathLike) -> list[T]:
    """Return the instances or the trajectories of a file, one a line.

    **Raises:** `WorkflowError` with file and line if one cannot be read or the file has none.
    """
    found = []
    for number, line in read_lines(path):
        try:
            found.append(decode(kind, line))
        except WorkflowError as error:
            raise WorkflowError(f"{path}:{number}: {error}") from None
    if not found:
        raise WorkflowError(f"{path} holds no {kind.__name__.lower()}; generate some, or check the path.")
    return found


def generate_workflows(
    family: str,
    out: str | os.PathLike,
    difficulty: Difficulty = Difficulty(),
    *,
    count: int = 100,
    seed: int = 0,
    start: int = 0,
    progress: Progress | None = None,
) -> int:
    """Write instances number `start`, `start` + 1, ... of a seed as JSON lines, and return their number."""
    made = generate(family, difficulty, seed=seed, start=start, count=count)
    return write_lines(out, map(encode, _told(made, count, "instances", progress)))


def run_workflows(
    instances: str | os.PathLike,
    out: str | os.PathLike,
    orchestrator: str | Maker = "perfect",
    *,
    runs: int = 1,
    rules: Rules = Rules(),
    seed: int = 0,
    params: Mapping[str, float] | None = None,
    measured: bool = False,
    concurrency: int = 8,
    resume: bool = False,
    progress: Progress | None = None,
) -> int:
    """Run an orchestrator on the instances of a file, write the trajectories as JSON lines, and return their number.

    **Arguments:**

    - `orchestrator`: the name of a scripted one, `simulated`, or what makes one for an instance and its run's number.
    - `runs`: of each instance; `seed`: of the random and the simulated one.
    - `params`, `measured`: of the simulated one: parameters of the star, whether it reads its context off the run. N is
      the size of the roster unless it is given.
    - `concurrency`: runs that are under way at once, where they wait for something.
    - `resume`: go on with runs of the same kind that were interrupted.

    **Raises:** `WorkflowError` for an unknown orchestrator, or parameters of one that has none.
    """
    known = read_objects(Instance, instances)
    make = _maker(orchestrator, seed, params)
    with GrowingLines(out, resume) as file:
        done = {(one.instance, one.trial) for one in (decode(Trajectory, line) for line in file.kept)}
        pairs = [(one, trial) for one in known for trial in range(runs)]
        if make is None:
            model, values = _star(known, params)
            made = simulate(model, values, known, jax.random.key(seed), runs=runs, rules=rules, measured=measured)
            for one in _told(made, len(made), "runs", progress):
                if (one.instance, one.trial) not in done:
                    file.write(encode(one))
        else:
            todo = [(n, *pair) for n, pair in enumerate(pairs) if (pair[0].id, pair[1]) not in done]
            asyncio.run(_run_all(make, todo, len(pairs), rules, concurrency, file, progress))
    return len(pairs)


def score_workflows(instances: str | os.PathLike, runs: str | os.PathLike) -> Scores:
    """Return the metrics of the trajectories in a file, whose instances are in another."""
    return score(read_objects(Instance, instances), read_objects(Trajectory, runs))


def score_record(scores: Scores) -> dict[str, Any]:
    """Return scores as JSON values; `null` where nothing is known."""
    found = scores.series
    mean = np.sum(np.nan_to_num(found.entropy), axis=0) / np.maximum(np.isfinite(found.entropy).sum(axis=0), 1)
    return {
        "runs": len(found.entropy),
        "means": scores.means,
        "failures": {name: _known(value) for name, value in scores.blame.items()},
        "recovery_macro_f1": _known(scores.recovery_macro_f1),
        "cognitive_horizon": _known(found.cognitive_horizon()),
        "entropy": mean.tolist(),
        "at_risk": found.at_risk.tolist(),
    }


def write_scores(scores: Scores, path: str | os.PathLike) -> Path:
    """Write the metrics of each run as a table, a row each, in the order of the runs."""
    rows = zip(*(column.tolist() for column in scores.columns.values()), strict=True)
    write_lines(path, [",".join(scores.columns), *(",".join(f"{value:.9g}" for value in row) for row in rows)])
    return Path(path)


def _maker(orchestrator: str | Maker, seed: int, params: Mapping[str, float] | None) -> Maker | None:
    """Return what makes orchestrators; `None` for the simulated ones, which are made together."""
    if orchestrator == SIMULATED:
        return None
    if params:
        raise WorkflowError(f"Parameters ({', '.join(params)}) are those of the orchestrator '{SIMULATED}'; choose it.")
    if not isinstance(orchestrator, str):
        return orchestrator
    if orchestrator not in SCRIPTED:
        raise WorkflowError(f"'{orchestrator}' is no orchestrator; take one of {', '.join((*SCRIPTED, SIMULATED))}.")
    return scripted(orchestrator, seed=seed)


def _star(instances: list[Instance], params: Mapping[str, float] | None) -> tuple[Star, Any]:
    model = Star()
    return model, model.params(**{"n_agents": float(len(instances[0].executors))} | dict(params or {}))


async def _run_all(
    make: Maker,
    todo: list[tuple[int, Instance, int]],
    total: int,
    rules: Rules,
    concurrency: int,
    file: GrowingLines,
    progress: Progress | None,
) -> None:
    gate = asyncio.Semaphore(concurrency)
    done = total - len(todo)

    async def one(number: int, instance: Instance, trial: int) -> None:
        nonlocal done
        async with gate:
            file.write(encode(await run(make(instance, number), instance, rules, trial=trial)))
        done += 1
        if progress is not None:
            progress(done, total, "runs")

    # The first error ends them all; what is written stays.
    await asyncio.gather(*(one(*item) for item in todo))


def _told(items: Iterable[T], total: int, what: str, progress: Progress | None) -> Iterable[T]:
    for number, item in enumerate(items, 1):
        yield item
        if progress is not None:
            progress(number, total, what)


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None


def difficulty_of(values: Mapping[str, Any]) -> Difficulty:
    """Return a difficulty from its knobs by name, the others at their defaults."""
    return dataclasses.replace(Difficulty(), **{name: value for name, value in values.items() if value is not None})
