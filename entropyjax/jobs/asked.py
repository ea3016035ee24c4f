"""Chat models that jobs ask: behind an endpoint whose file names it, or out of the log of what it said."""

import dataclasses
import hashlib
import os
from pathlib import Path

from entropyjax.endpoints import Endpoint, EndpointError, OpenAIChat, Recorded
from entropyjax.io.config.layers import read_toml
from entropyjax.iwg.chat import Options


@dataclasses.dataclass(frozen=True)
class Asked:
    """A chat model behind an endpoint.

    **Attributes:** `log`: file that keeps each request and reply, and answers what was asked before; `replay`: it alone
    answers, without a network or a key.
    """

    endpoint: Endpoint
    log: str | os.PathLike
    replay: bool = False

    @property
    def kept(self) -> str:
        """Where replies are, in a sentence."""
        return f"What was answered is kept in {self.log}."

    def chat(self) -> OpenAIChat | Recorded:
        """Return the chat model, to be used with `async with`."""
        return Recorded(self.endpoint, self.log) if self.replay else OpenAIChat(self.endpoint, self.log)


def read_endpoint(path: str | os.PathLike, concurrency: int | None = None) -> Endpoint:
    """Return the endpoint that the table `[endpoint]` of a TOML file describes.

    **Arguments:** `concurrency`: requests under way at once, in place of the file's.

    **Raises:** `ConfigError` for what is no TOML; `EndpointError` for a table that is missing or cannot be used.
    """
    data = read_toml(Path(path)).data
    others = [name for name in data if name != "endpoint"]
    if others or not isinstance(data.get("endpoint"), dict):
        what = f"holds '{others[0]}'" if others else "has no table [endpoint]"
        raise EndpointError("setting", f"{path} {what}; write url, model and others into one table [endpoint].")
    try:
        endpoint = Endpoint.from_table(data["endpoint"])
        return endpoint if concurrency is None else dataclasses.replace(endpoint, concurrency=concurrency)
    except EndpointError as error:
        raise EndpointError(error.kind, f"{path}: {error}") from None


def draw(options: Options, *parts: object) -> Options:
    """Return options whose draw depends on these parts alone, so that it is the same whoever asks first.

    At temperature 0 nothing is drawn.
    """
    if options.temperature == 0.0:
        return options
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    # Endpoints take 31 bits.
    return dataclasses.replace(options, seed=int.from_bytes(digest[:4]) >> 1)


def log_beside(out: str | os.PathLike) -> Path:
    """Return where the log of what a job asks is kept unless it is told: beside what it writes."""
    target = Path(out)
    return target.with_name(f"{target.name.removesuffix('.gz').removesuffix('.jsonl')}.replies.jsonl")
