"""Where a chat model is served, and how it is asked."""

import dataclasses
import difflib
import re
import typing
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any, Self

from entropyjax.endpoints.errors import EndpointError

_KINDS = {
    str: "text",
    str | None: "text, or left out",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    Mapping[str, Any]: "a table",
}


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
    - `schemas`, `grammars`: whether it knows `response_format` with a JSON schema, and llama.cpp's `grammar`; `seeds`:
      whether it takes a `seed`.
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
    seeds: bool = True
    max_tokens_name: str = "max_tokens"
    extra: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Self:
        """Return the endpoint that a table of a configuration describes, by the names above.

        **Raises:** `EndpointError` on a name that is unknown or missing, and as the class does.
        """
        names = [field.name for field in dataclasses.fields(cls)]
        for name in table:
            if name not in names:
                raise EndpointError("setting", f"'{name}' is no setting of an endpoint; {_remedy(name, names)}.")
        for name in ("url", "model"):
            if name not in table:
                raise EndpointError("setting", f"The endpoint has no {name}; set it.")
        return cls(**table)

    def __post_init__(self):
        for name, hint in typing.get_type_hints(type(self)).items():
            if not _fits(getattr(self, name), hint):
                kind = type(getattr(self, name)).__name__
                raise EndpointError("setting", f"{name} is of the type {kind}; it must be {_KINDS[hint]}.")
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


def _fits(value: Any, hint: Any) -> bool:
    """Return whether a value is of a kind; a whole number is a number, and a truth is none."""
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, typing.get_origin(hint) or hint) if hint != str | None else isinstance(value, str | None)


def _remedy(name: str, names: Sequence[str]) -> str:
    # Values are not repeated: this one may be a key.
    if "key" in name.lower():
        return "put the key into an environment variable, and the variable's name into key_variable"
    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {close[0]}" if close else f"known are {', '.join(names)}"
