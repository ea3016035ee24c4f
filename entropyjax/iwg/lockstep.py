"""Coroutines without an event loop: runs that never wait, and runs that wait for each other in step."""

from collections.abc import Callable, Coroutine, Generator, Sequence
from typing import Any, Generic, TypeVar

T = TypeVar("T")
Q = TypeVar("Q")


class Ask(Generic[Q]):
    """What a coroutine awaits to have a question answered together with those of all others."""

    def __init__(self, question: Q):
        self.question = question

    def __await__(self) -> Generator["Ask[Q]", Any, Any]:
        return (yield self)


Answer = Callable[[list[Any]], Sequence[Any]]
"""Called as answer(questions): one answer for each, in order."""


def drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never waits, and return its result.

    **Raises:** `RuntimeError` if it waits: it then needs an event loop, or `lockstep`.
    """
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    coroutine.close()
    raise RuntimeError("This run waits for something outside; run it with asyncio, or its whole fleet with lockstep.")


def lockstep(coroutines: Sequence[Coroutine[Any, Any, T]], answer: Answer) -> list[T]:
    """Run coroutines that await `Ask` alone: all are led to their next question, and `answer` answers these at once."""
    results: dict[int, T] = {}
    asked: dict[int, Any] = {}

    def advance(number: int, value: Any) -> None:
        try:
            asked[number] = coroutines[number].send(value).question
        except StopIteration as done:
            results[number] = done.value

    for number in range(len(coroutines)):
        advance(number, None)
    while asked:
        waiting = list(asked)
        answers = answer([asked.pop(number) for number in waiting])
        for number, value in zip(waiting, answers, strict=True):
            advance(number, value)
    return [results[number] for number in range(len(coroutines))]
