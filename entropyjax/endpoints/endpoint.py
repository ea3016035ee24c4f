"""Where a chat model is served, and how it is asked."""

import dataclasses
import re
import urllib.parse
from collections.abc import Mapping
from typing import Any

from entropyjax.endpoints.errors import EndpointError


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """An OpenAI-compatible chat endpoint.

    **Attributes:**

    - `url`: where it is, without `/chat/completions`: "https://host/v1".
    - `model`: name of the model.
    - `key_variable`: name of the environment variable that holds the key; `None` where none is needed.
    - `concurrency`: requests that are under way at once.
    - `timeout`: longest time of one attempt, s; `connect_timeout`: of its connection, s.
    - `attempts`: how often a request is tried; `first_wait`, `longest_wait`: scale of the random time before the second
      attempt, and the longest before any, s.
    - `largest_reply`: size above which a reply is given up, bytes.
    - `schemas`, `grammars`: whether it knows `response_format` with a JSON schema, and llama.cpp's `grammar`.
    - `max_tokens_name`: what it calls `max_tokens`; newer models of OpenAI want "max_completion_tokens".
    - `extra`: other fields of a request; a field whose value is `None` is left out of it.

    **Raises:** `EndpointError` on a setting that cannot be used.
    """

    url: str
    model: str
    key_variable: str | None = None
    concurrency: int = 8
    timeout: float = 120.0
    connect_timeout: float = 10.0
    attempts: int = 6
    first_wait: float = 0.5
    longest_wait: float = 60.0
    largest_reply: int = 64 << 20
    schemas: bool = True
    grammars: bool = False
    max_tokens_name: str = "max_tokens"
    extra: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        self._check_url()
        if not self.model:
            raise EndpointError("setting", "The model has no name; set model to one that the endpoint serves.")
        if self.key_variable is not None and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", self.key_variable):
            # What was put here instead of a name may be the key itself, so it is not repeated.
            raise EndpointError("setting", "key_variable is no name of an environment variable; the key goes into one.")
        for name in ("concurrency", "attempts", "timeout", "connect_timeout", "largest_reply"):
            value = getattr(self, name)
            if not value > 0:
                raise EndpointError("setting", f"{name} is {value}; it must be above 0.")
        if not 0.0 <= self.first_wait <= self.longest_wait:
            raise EndpointError(
                "setting",
                f"first_wait is {self.first_wait:g} s and longest_wait {self.longest_wait:g} s; they must not be "
                "below 0, and the longest not below the first.",
            )

    @property
    def place(self) -> str:
        """URL that requests go to."""
        return f"{self.url.rstrip('/')}/chat/completions"

    def _check_url(self) -> None:
        """Raise `EndpointError` for what is no URL, or may hold a key; the message does not repeat such a one."""
        try:
            parts = urllib.parse.urlsplit(self.url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            parts, host = urllib.parse.SplitResult("", "", "", "", ""), None
        if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
            raise EndpointError(
                "setting",
                "The endpoint's URL holds a user, a query or a fragment; keys go into an environment variable "
                "(key_variable), and URLs end with the path.",
            )
        if parts.scheme not in ("http", "https") or not host:
            raise EndpointError("setting", f"'{self.url}' is no URL of an endpoint; write https://host/v1.")
