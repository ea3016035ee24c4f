"""The job that makes instances of seeds of one's own: offline where facts lead to the answer, else by a chat model."""

import asyncio
import collections
import os

from entropyjax.io.lines import write_lines
from entropyjax.iwg import (
    ChatEngine,
    ContextError,
    Difficulty,
    Executor,
    Instance,
    Options,
    ReplyError,
    Seed,
    WorkflowError,
    encode,
    from_seed,
)
from entropyjax.jobs.asked import Asked, draw
from entropyjax.jobs.errors import JobError
from entropyjax.jobs.iwg_files import Progress, read_objects
from entropyjax.jobs.pool import Failures, each


def workflows_of_seeds(
    seeds: str | os.PathLike,
    out: str | os.PathLike,
    difficulty: Difficulty = Difficulty(),
    *,
    seed: int = 0,
) -> int:
    """Write an instance of each seed in a file, whose facts lead to its answer, and return their number.

    **Arguments:** `difficulty`: its roster, lengths and error rate; `seed`: of what is drawn.

    **Raises:** `WorkflowError` for the first seed that gives none.
    """
    made = []
    for number, one in enumerate(_seeds(seeds), 1):
        try:
            made.append(encode(from_seed(one, difficulty, number=seed)))
        except WorkflowError as error:
            raise WorkflowError(f"{seeds}, seed {number}: {error}") from None
    return write_lines(out, made)


def workflows_by_chat(
    seeds: str | os.PathLike,
    out: str | os.PathLike,
    asked: Asked,
    roster: str | os.PathLike,
    *,
    options: Options = Options(temperature=0.7, max_tokens=2048),
    steps: str = "3 to 6",
    attempts: int = 3,
    seed: int = 0,
    progress: Progress | None = None,
) -> int:
    """Write the instances that a chat model plans and wraps of the seeds in a file, and return their number.

    Replies are kept in the log, so that the same command goes on where it failed, and replays to the same bytes.

    **Arguments:**

    - `roster`: file of the executors that plans may name.
    - `options`, `steps`, `attempts`: as `ChatEngine` has them.
    - `seed`: of the draws of the model.

    **Raises:** `WorkflowError` for a seed without an answer, before anything is asked; `JobError` if the endpoint
    failed, or if seeds gave no instance, and then the others are written.
    """
    known, executors = _seeds(seeds), read_objects(Executor, roster)
    made: dict[int, Instance] = {}
    unusable: collections.Counter[str] = collections.Counter()

    async def all_of_them() -> Failures:
        async with asked.chat() as chat:

            async def one(item: tuple[int, Seed]) -> None:
                number, found = item
                drawn = draw(options, seed, number, found.query)
                try:
                    made[number] = await ChatEngine(chat, drawn, steps, attempts).generate(found, executors)
                except (ReplyError, ContextError, WorkflowError) as error:
                    unusable[str(error)] += 1
                if progress is not None:
                    progress(len(made) + unusable.total(), len(known), "seeds")

            return await each(enumerate(known), one, asked.endpoint.concurrency)

    failures = asyncio.run(all_of_them())
    if failures:
        raise JobError(f"{failures.told(len(known), 'seeds')} {asked.kept} The same command goes on from there.")
    count = write_lines(out, [encode(made[number]) for number in sorted(made)])
    if unusable:
        raise JobError(_unusable(unusable, len(known), out))
    return count


def _seeds(path: str | os.PathLike) -> list[Seed]:
    found = read_objects(Seed, path)
    for number, one in enumerate(found, 1):
        if not one.answer.strip():
            raise WorkflowError(
                f"{path}, seed {number}: '{one.query[:60]}' has no answer to plan backwards from; add it."
            )
    return found


def _unusable(why: collections.Counter[str], total: int, out: str | os.PathLike) -> str:
    reasons = " ".join(text for text, _ in why.most_common(3))
    return f"{why.total()} of {total} seeds gave no instance, the others are in {out}. {reasons}"
