"""Work that waits for a chat model: several pieces at once, where one that fails throws no other away."""

import asyncio
import collections
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from entropyjax.iwg.chat import ChatError

T = TypeVar("T")
_TOLD = 3


class Failures:
    """Pieces of work that failed, and those that were not begun after that.

    **Attributes:** `why`: how many failed with which sentence; `left`: how many were not begun.
    """

    def __init__(self) -> None:
        self.why: collections.Counter[str] = collections.Counter()
        self.left = 0

    def __len__(self) -> int:
        """Return how many pieces of work are missing."""
        return self.why.total() + self.left

    def told(self, total: int, what: str) -> str:
        """Return in a sentence how many of `total` pieces are missing and why; the commonest reasons come first."""
        counted = [f"{self.why.total()} failed", *([f"{self.left} were not begun"] if self.left else [])]
        reasons = [f"{text} ({count} times)" if count > 1 else text for text, count in self.why.most_common(_TOLD)]
        return f"{len(self)} of {total} {what} are missing: {', '.join(counted)}. {' '.join(reasons)}"


async def each(
    items: Iterable[T], work: Callable[[T], Awaitable[None]], concurrency: int, in_a_row: int | None = None
) -> Failures:
    """Await work(item) for each item, so many at once, and return what failed with a `ChatError`.

    After a failure that others would meet too, and after too many in a row, no more is begun; what is under way is
    finished. Any other exception ends everything.

    **Arguments:** `in_a_row`: how many failures without a success between them are too many; `None` for no end.
    """
    failures, left = Failures(), iter(items)
    row, stopped = 0, False

    async def worker() -> None:
        nonlocal row, stopped
        for item in left:
            if stopped:
                failures.left += 1
                continue
            try:
                await work(item)
                row = 0
            except ChatError as error:
                failures.why[str(error)] += 1
                row += 1
                stopped = stopped or error.everywhere or row == in_a_row

    tasks = [asyncio.create_task(worker()) for _ in range(concurrency)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return failures
