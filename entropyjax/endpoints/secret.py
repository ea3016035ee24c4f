"""Keys: read from the environment, sent to the endpoint, and taken out of everything that is written."""

import json
import logging
import os
import urllib.parse
from collections.abc import Mapping
from typing import Any

from entropyjax.endpoints.errors import EndpointError

_SHORTEST = 8
_MASK = "[key]"


class MaskingFilter(logging.Filter):
    """Takes a key out of what a logger is told."""

    def __init__(self, secret: "Secret"):
        super().__init__()
        self._secret = secret

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self._secret.masked(record.getMessage()), ()
        return True


class Secret:
    """A key that shows itself nowhere.

    **Attributes:** `variable`: name of the environment variable that holds it, `None` where no key is needed.
    """

    __slots__ = ("_forms", "_key", "variable")

    def __init__(self, variable: str | None, environment: Mapping[str, str] | None = None):
        """Read the key.

        **Arguments:** `environment`: by default that of the process.

        **Raises:** `EndpointError` if there is no key, or one that cannot be kept out of what is written.
        """
        self.variable = variable
        self._key = ""
        self._forms: tuple[str, ...] = ()
        if variable is None:
            return
        key = (os.environ if environment is None else environment).get(variable, "").strip()
        if not key:
            raise EndpointError("key", f"The environment variable {variable} is empty or not set; put the key there.")
        if not (key.isascii() and key.isprintable()) or " " in key:
            raise EndpointError("key", f"The key in {variable} holds a blank or another character that no key has.")
        if len(key) < _SHORTEST:
            raise EndpointError(
                "key",
                f"The key in {variable} has {len(key)} characters and could not be told from ordinary text; it needs "
                f"{_SHORTEST}. Leave key_variable out where no key is asked for.",
            )
        self._key = key
        plain = (key, json.dumps(key)[1:-1], repr(key.encode())[2:-1])
        forms = {*plain, key.replace("/", "\\/"), urllib.parse.quote(key, safe="")}
        # The longest first, so that no form leaves a rest of another.
        self._forms = tuple(sorted(forms, key=len, reverse=True))

    def __repr__(self) -> str:
        return f"Secret({self.variable!r})"

    def __reduce__(self) -> Any:
        raise TypeError("A key is not pickled; read it from the environment where it is needed.")

    def headers(self) -> dict[str, str]:
        """Return the headers that a request is authorised by."""
        return {"Authorization": f"Bearer {self._key}"} if self._key else {}

    def masked(self, value: Any) -> Any:
        """Return text, or a JSON document, without the key."""
        if not self._key:
            return value
        if isinstance(value, str):
            for form in self._forms:
                value = value.replace(form, _MASK)
            return value
        if isinstance(value, Mapping):
            return {self.masked(name): self.masked(one) for name, one in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.masked(one) for one in value]
        return value
