"""Errors of chat endpoints: sentences, with the kind beside them for programs."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from entropyjax.iwg.chat import ChatError, ContextError, ReplyError

_EVERYWHERE = ("setting", "key", "model", "quota", "unreachable", "left", "log")
_TOO_LONG = ("context_length_exceeded", "exceed_context_size_error")
_LISTED = 300
"""So many characters of an endpoint's own message are told."""


class EndpointError(ChatError):
    """An endpoint that did not answer, or settings that cannot be used; the message says what to do.

    **Attributes:** `kind`: "setting", "key", "model", "request", "quota", "busy", "unreachable", "hang", "cut",
    "malformed", "empty", "context", "left", "log" or "unknown reply".
    """

    def __init__(self, kind: str, sentence: str):
        self.kind = kind
        self.everywhere = kind in _EVERYWHERE
        super().__init__(sentence)


class NoTextError(EndpointError, ReplyError):
    """A reply without text."""

    def __init__(self, sentence: str):
        super().__init__("empty", sentence)


class TooLongError(EndpointError, ContextError):
    """A conversation that the endpoint says is longer than the model's context."""

    def __init__(self, sentence: str):
        super().__init__("context", sentence)


class Failure(NamedTuple):
    """An attempt that brought no answer.

    **Attributes:** `kind`, `sentence`: see `EndpointError`; `again`: whether the next attempt may succeed; `wait`: the
    shortest time before it that the endpoint asks for, s; `text`: what was received.
    """

    kind: str
    sentence: str
    again: bool = False
    wait: float = 0.0
    text: str = ""


def told(document: Any) -> str:
    """Return what an endpoint says about an error, in the shapes that are in use; empty if nothing."""
    error = document.get("error", document) if isinstance(document, Mapping) else document
    if isinstance(error, Mapping):
        error = error.get("message") or error.get("detail") or error.get("code")
    text = " ".join(error.split()) if isinstance(error, str) else ""
    if len(text) > _LISTED:
        text = f"{text[:_LISTED]}..."
    return f'; it says: "{text}"' if text else ""


def too_long(document: Any) -> bool:
    """Return whether a document says that a conversation is longer than the model's context."""
    error = document.get("error") if isinstance(document, Mapping) else None
    if not isinstance(error, Mapping):
        return False
    says = str(error.get("message") or "").lower()
    named = any(error.get(name) in _TOO_LONG for name in ("code", "type"))
    return named or "maximum context length" in says or "context size" in says


def by_status(status: int, document: Any, place: str, model: str, key: str | None) -> Failure:
    """Return the failure that an HTTP status stands for.

    **Arguments:** `document`: the decoded body; `place`: URL of the request; `key`: name of the variable with the key.
    """
    says = told(document)
    code = _code(document)
    if status in (401, 403):
        remedy = f"mend the key in the environment variable {key}" if key else "set key_variable to the name of one"
        return Failure("key", f"{place} refuses access with status {status}{says}; {remedy}.")
    if code == "model_not_found" or (status == 404 and "model" in says.lower()):
        return Failure("model", f"{place} knows no model '{model}'{says}; choose one that it serves.")
    if status == 404:
        return Failure("setting", f"{place} is not found{says}; the URL of an endpoint usually ends in /v1.")
    if status == 429 and code == "insufficient_quota":
        return Failure("quota", f"{place} has no quota left{says}; raise it and run again.")
    if status == 429:
        return Failure("busy", f"{place} takes no more requests for now (status 429){says}; lower concurrency.", True)
    if 300 <= status < 400:
        return Failure("setting", f"{place} redirects (status {status}), and keys are not sent on; set the final URL.")
    if status == 408 or (status >= 500 and status not in (501, 505)):
        return Failure("busy", f"{place} failed with status {status}{says}; look at its logs or run again later.", True)
    return Failure("request", f"{place} refuses the request with status {status}{says}; change the request or `extra`.")


def _code(document: Any) -> str:
    error = document.get("error") if isinstance(document, Mapping) else None
    return str(error.get("code") or error.get("type") or "") if isinstance(error, Mapping) else ""
