"""What the generation and the runs of workflows ask of a chat model."""

import dataclasses
from collections.abc import Sequence
from typing import Protocol


class ChatError(RuntimeError):
    """A chat model that did not answer; the message says why and what to do.

    **Attributes:** `everywhere`: whether other requests would meet the same.
    """

    everywhere: bool = False


class ReplyError(ChatError):
    """A chat model that answered with what is of no use, and would again: the model's doing."""


class ContextError(ChatError):
    """A conversation that is longer than the context of its model."""


@dataclasses.dataclass(frozen=True)
class Message:
    """One message of a conversation: `role` is system, user or assistant."""

    role: str
    content: str


@dataclasses.dataclass(frozen=True)
class Options:
    """How a reply is drawn.

    **Attributes:**

    - `temperature`, `max_tokens`, `seed`, `stop`: as chat endpoints have them.
    - `top_logprobs`: alternatives whose log-probability is asked for at each token; 0 for none.
    - `schema`: JSON schema of the reply as JSON text; `grammar`: GBNF grammar; endpoints that know neither ignore them.
    """

    temperature: float = 0.0
    max_tokens: int = 512
    seed: int | None = None
    stop: tuple[str, ...] = ()
    top_logprobs: int = 0
    schema: str | None = None
    grammar: str | None = None


@dataclasses.dataclass(frozen=True)
class Reply:
    """What a chat model answered.

    **Attributes:**

    - `text`: the answer; `finish`: why it ended ("stop", "length", ...).
    - `input_tokens`, `output_tokens`, `reasoning_tokens`: as counted by the endpoint, `None` where it does not say.
    - `logprobs`: for each token of the answer the alternatives as (token, natural log-probability), or `None`.
    """

    text: str
    finish: str = "stop"
    input_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    logprobs: tuple[tuple[tuple[str, float], ...], ...] | None = None


class Chat(Protocol):
    """A chat model.

    **Raises:** `ReplyError` or `ContextError` where that is the model's last word, another `ChatError` when there is no
    answer to be had.
    """

    async def reply(self, messages: Sequence[Message], options: Options) -> Reply:
        """Return the answer to a conversation."""
        ...
