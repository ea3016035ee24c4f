"""The chat model behind an OpenAI-compatible endpoint."""

import asyncio
import contextlib
import itertools
import json
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any, Self

from entropyjax.endpoints import wire
from entropyjax.endpoints.endpoint import Endpoint
from entropyjax.endpoints.errors import EndpointError, Failure
from entropyjax.endpoints.http import Http
from entropyjax.endpoints.log import ReplyLog
from entropyjax.endpoints.numbering import Name, Numbering
from entropyjax.endpoints.retry import retried
from entropyjax.endpoints.secret import Secret
from entropyjax.iwg.chat import Message, Options, Reply


class OpenAIChat:
    """A chat model asked over HTTP; satisfies `entropyjax.iwg.chat.Chat`.

    Used as `async with OpenAIChat(endpoint, log) as chat`. When it is left it waits for what is under way, so that what
    is paid for is kept, and tries nothing again. A caller that is cancelled does not cancel its request.

    **Arguments:**

    - `endpoint`: where, and how.
    - `log`: path of the log that keeps every request and reply; what it answers is not sent. `None` keeps nothing.
    - `environment`: variables in which the key is looked up, by default those of the process.

    **Raises:** `EndpointError` if the key is not set or the log cannot be used.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        log: str | os.PathLike | None = None,
        environment: Mapping[str, str] | None = None,
    ):
        self.endpoint = endpoint
        self._secret = Secret(endpoint.key_variable, environment)
        self._path = log
        self._log: ReplyLog | None = None
        self._http: Http | None = None

    async def __aenter__(self) -> Self:
        self._numbering = Numbering(distinct=self._path is None)
        self._slots = asyncio.Semaphore(self.endpoint.concurrency)
        self._leaving = asyncio.Event()
        self._under_way: dict[Name, asyncio.Task[Any]] = {}
        self._log = None if self._path is None else ReplyLog(self._path)
        try:
            self._http = Http(self.endpoint, self._secret)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._leaving.set()
        try:
            await asyncio.gather(*self._under_way.values(), return_exceptions=True)
        finally:
            if self._http is not None:
                await self._http.close()
                self._http = None
            if self._log is not None:
                self._log.close()
                self._log = None

    async def reply(self, messages: Sequence[Message], options: Options) -> Reply:
        body = wire.request(self.endpoint, messages, options)
        content = wire.encoded(body)
        if self._http is None:
            raise EndpointError("setting", "This chat is not open; use it as `async with OpenAIChat(...) as chat`.")
        name = self._numbering.name(body, content, options.seed)
        task = self._under_way.get(name)
        if task is None:
            task = asyncio.create_task(self._answer(name, body, content))
            self._under_way[name] = task
            task.add_done_callback(lambda done: self._done(name, done))
        return wire.reply(await asyncio.shield(task))

    def _done(self, name: Name, task: asyncio.Task[Any]) -> None:
        del self._under_way[name]
        # Whoever asked may be gone; an error that nobody reads is no surprise then.
        if not task.cancelled():
            task.exception()

    async def _answer(self, name: Name, body: Mapping[str, Any], content: bytes) -> Any:
        """Return the document that answers a request: the kept one, or the endpoint's."""
        if self._log is not None and (found := self._log.find(*name)) is not None:
            return found
        async with self._slots:
            if self._leaving.is_set():
                raise EndpointError("left", "The chat was left before this request was sent; run again to send it.")
            if self._log is not None:
                # While what was paid for cannot be written, no more is bought.
                self._log.save()
            numbers = itertools.count(1)

            async def attempt():
                return await self._attempt(name, body, content, next(numbers))

            result = await retried(attempt, self.endpoint, self._pause, self._leaving.is_set)
        if isinstance(result, Failure):
            raise EndpointError(result.kind, _after(result, next(numbers) - 1))
        return result

    async def _attempt(self, name: Name, body: Mapping[str, Any], content: bytes, number: int) -> Any | Failure:
        """Send a request once, and keep what comes of it."""
        assert self._http is not None
        began = time.monotonic()
        result = await self._http.post(content)
        if not isinstance(result, Failure):
            try:
                wire.reply(result)
            except EndpointError as error:
                # An answer without text is an answer; what is none may be one the next time.
                if error.kind == "malformed":
                    result = Failure(error.kind, str(error), text=json.dumps(result))
        if self._log is not None:
            entry = {
                "url": self._secret.masked(self.endpoint.place),
                "time": round(time.time(), 3),
                "seconds": round(time.monotonic() - began, 3),
                "attempt": number,
                "request": self._secret.masked(body),
            }
            if isinstance(result, Failure):
                entry |= {"failure": result.kind, "sentence": result.sentence, "text": result.text}
            else:
                entry["reply"] = result
            self._log.keep(*name, entry)
        return result

    async def _pause(self, seconds: float) -> None:
        """Wait before another attempt, but not for one that will not be made."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._leaving.wait(), seconds)


def _after(failure: Failure, attempts: int) -> str:
    return f"After {attempts} attempts: {failure.sentence}" if attempts > 1 else failure.sentence
