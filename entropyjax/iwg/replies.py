"""JSON objects out of a chat model's replies, and replies that are kept to be replayed."""

import dataclasses
import json
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from entropyjax.iwg.chat import Chat, ChatError, Message, Options, Reply, ReplyError
from entropyjax.iwg.codec import encode
from entropyjax.iwg.errors import WorkflowError

T = TypeVar("T")
_SHOWN = 200


def json_object(text: str) -> dict[str, Any]:
    """Return the first JSON object in a reply, whatever stands around it.

    **Raises:** `WorkflowError` if there is none.
    """
    start = text.find("{")
    while start >= 0:
        try:
            return json.JSONDecoder().raw_decode(text, start)[0]
        except (ValueError, RecursionError):
            start = text.find("{", start + 1)
    raise WorkflowError(f"There is no JSON object in the reply '{text[:_SHOWN]}'.")


async def ask(
    chat: Chat, messages: Sequence[Message], options: Options, read: Callable[[dict[str, Any]], T], attempts: int = 2
) -> tuple[T, Reply]:
    """Return what `read` makes of the JSON object in a reply, and the reply.

    A reply that cannot be read is put back to the model with what is wrong with it.

    **Raises:** `ReplyError` if no attempt gave a reply that could be read.
    """
    problem = ""
    conversation = list(messages)
    for _ in range(attempts):
        reply = await chat.reply(conversation, options)
        try:
            return read(json_object(reply.text)), reply
        except WorkflowError as error:
            problem = "It was cut off at max_tokens; be shorter." if reply.finish == "length" else str(error)
            again = Message("user", f"{problem} Reply with one JSON object of the form that was asked for.")
            conversation = [*messages, Message("assistant", reply.text), again]
    raise ReplyError(f"No reply of the model could be read in {attempts} attempts. The last problem: {problem}")


@dataclasses.dataclass(frozen=True)
class Exchange:
    """A conversation, how its reply was drawn, and the reply."""

    messages: tuple[Message, ...]
    options: Options
    reply: Reply


class Keeping:
    """A chat model whose exchanges are handed to `keep` as they come."""

    def __init__(self, chat: Chat, keep: Callable[[Exchange], None]):
        self._chat, self._keep = chat, keep

    async def reply(self, messages: Sequence[Message], options: Options) -> Reply:
        """Return the answer to a conversation."""
        found = await self._chat.reply(messages, options)
        self._keep(Exchange(tuple(messages), options, found))
        return found


class Replay:
    """A chat model that says again what was kept; of several replies to one conversation, the earliest first."""

    def __init__(self, exchanges: Iterable[Exchange]):
        self._kept: defaultdict[str, deque[Reply]] = defaultdict(deque)
        for one in exchanges:
            self._kept[_key(one.messages, one.options)].append(one.reply)

    async def reply(self, messages: Sequence[Message], options: Options) -> Reply:
        """Return the answer to a conversation that was kept."""
        kept = self._kept.get(_key(messages, options))
        if not kept:
            raise ChatError(
                f"No reply is kept for the conversation that ends in '{messages[-1].content[-_SHOWN:]}'; "
                "replay with the settings of the run that was kept, or ask the model itself."
            )
        return kept.popleft()


def _key(messages: Sequence[Message], options: Options) -> str:
    return encode(Exchange(tuple(messages), options, Reply("")))
