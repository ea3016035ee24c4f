"""A chat model that answers from a log alone."""

import os
from collections.abc import Sequence
from typing import Self

from entropyjax.endpoints import wire
from entropyjax.endpoints.endpoint import Endpoint
from entropyjax.endpoints.errors import EndpointError
from entropyjax.endpoints.log import ReplyLog
from entropyjax.endpoints.numbering import Numbering
from entropyjax.iwg.chat import Message, Options, Reply


class Recorded:
    """Gives the replies that an `OpenAIChat` kept, without a network or a key; satisfies `entropyjax.iwg.chat.Chat`.

    Used as `async with Recorded(endpoint, log) as chat`.

    **Arguments:** `endpoint`: as it was when the log was written, though URL and key play no part; `log`: its path.

    **Raises:** `EndpointError` if the log cannot be read, and at a request that it does not answer.
    """

    def __init__(self, endpoint: Endpoint, log: str | os.PathLike):
        self.endpoint = endpoint
        self._path = log
        self._log: ReplyLog | None = None

    async def __aenter__(self) -> Self:
        self._numbering = Numbering()
        self._log = ReplyLog(self._path, writing=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._log is not None:
            self._log.close()
            self._log = None

    async def reply(self, messages: Sequence[Message], options: Options) -> Reply:
        body = wire.request(self.endpoint, messages, options)
        content = wire.encoded(body)
        if self._log is None:
            raise EndpointError("setting", "This chat is not open; use it as `async with Recorded(...) as chat`.")
        question, number = self._numbering.name(body, content, options.seed)
        found = self._log.find(question, number)
        if found is None:
            raise EndpointError(
                "unknown reply",
                f"{self._path} has no reply number {number} to the request {question[:12]} of the model "
                f"'{self.endpoint.model}'; run against the endpoint first, or use the model, options and `extra` of "
                "the run that wrote it.",
            )
        return wire.reply(found)
