"""Requests and replies as OpenAI-compatible endpoints write them."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from entropyjax.endpoints.endpoint import Endpoint
from entropyjax.endpoints.errors import EndpointError, NoTextError, TooLongError, told, too_long
from entropyjax.iwg.chat import Message, Options, Reply

Alternatives = tuple[tuple[str, float], ...]


def request(endpoint: Endpoint, messages: Sequence[Message], options: Options) -> dict[str, Any]:
    """Return the body of a request; what the endpoint is not said to know is left out."""
    body: dict[str, Any] = {
        "model": endpoint.model,
        "messages": [{"role": one.role, "content": one.content} for one in messages],
        "temperature": options.temperature,
        endpoint.max_tokens_name: options.max_tokens,
    }
    if options.seed is not None and endpoint.seeds:
        body["seed"] = options.seed
    if options.stop:
        body["stop"] = list(options.stop)
    if options.top_logprobs:
        body |= {"logprobs": True, "top_logprobs": options.top_logprobs}
    if options.schema is not None and endpoint.schemas:
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "reply", "schema": _schema(options.schema)},
        }
    if options.grammar is not None and endpoint.grammars:
        body["grammar"] = options.grammar
    return {name: value for name, value in {**body, **endpoint.extra}.items() if value is not None}


def encoded(body: Mapping[str, Any]) -> bytes:
    """Return a body as JSON text, names in their order: a model follows the order of a schema.

    **Raises:** `EndpointError` for what JSON cannot hold.
    """
    try:
        return json.dumps(body, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise EndpointError("setting", f"The request is no JSON ({error}); change the options or `extra`.") from None


def reply(document: Any) -> Reply:
    """Return the reply that a decoded body holds; the first of a token's alternatives is the one that was drawn.

    **Raises:** `NoTextError` for one without text, `TooLongError` for a refusal of the conversation's length,
    `EndpointError` if there is none.
    """
    if too_long(document):
        sentence = f"The conversation is longer than the model's context{told(document)}"
        raise TooLongError(f"{sentence}; give the run a budget of context, with a policy that keeps within it.")
    choice = _first(document)
    message = choice.get("message")
    if not isinstance(message, Mapping):
        raise EndpointError("malformed", f"The reply has no message{told(document)}; set the URL of a chat endpoint.")
    usage = _mapping(_mapping(document).get("usage"))
    finish = str(choice.get("finish_reason") or "unknown")
    text = message.get("content")
    # Some endpoints write content in parts.
    if isinstance(text, list):
        text = "".join(str(_mapping(part).get("text") or "") for part in text)
    if not isinstance(text, str) or not text.strip():
        raise NoTextError(_empty(finish, message))
    return Reply(
        text=text,
        finish=finish,
        input_tokens=_count(usage.get("prompt_tokens")),
        output_tokens=_count(usage.get("completion_tokens")),
        reasoning_tokens=_count(_mapping(usage.get("completion_tokens_details")).get("reasoning_tokens")),
        logprobs=_logprobs(choice.get("logprobs")),
    )


def _first(document: Any) -> Mapping[str, Any]:
    choices = _mapping(document).get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
        raise EndpointError("malformed", f"The reply has no choices{told(document)}; set the URL of a chat endpoint.")
    return choices[0]


def _empty(finish: str, message: Mapping[str, Any]) -> str:
    if finish == "length":
        return "The reply has no text before max_tokens was reached, as all went into reasoning; raise max_tokens."
    if finish == "content_filter" or message.get("refusal"):
        return f"The model declines to answer (finish '{finish}'); change the messages."
    return f"The reply has no text (finish '{finish}'); change the messages, or ask with another seed."


def _logprobs(value: Any) -> tuple[Alternatives, ...] | None:
    content = _mapping(value).get("content")
    if not isinstance(content, list) or not content:
        return None
    return tuple(_alternatives(_mapping(token)) for token in content)


def _alternatives(token: Mapping[str, Any]) -> Alternatives:
    """Return the drawn token and the others, each once, in the endpoint's order; what has no number is left out."""
    others = token.get("top_logprobs")
    found: dict[str, float] = {}
    for one in others if isinstance(others, list) else ():
        name, value = str(_mapping(one).get("token") or ""), _number(_mapping(one).get("logprob"))
        if value is not None:
            # Different tokens may be spelled alike.
            found[name] = _log_sum(found[name], value) if name in found else value
    drawn, value = str(token.get("token") or ""), _number(token.get("logprob"))
    value = found.pop(drawn, value)
    first = {} if value is None else {drawn: value}
    # Rounding may lift certainty above 0.
    return tuple((name, min(value, 0.0)) for name, value in (first | found).items())


def _log_sum(a: float, b: float) -> float:
    """Return ln(e^a + e^b)."""
    return max(a, b) + math.log1p(math.exp(-abs(a - b)))


def _schema(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise EndpointError("setting", f"Options.schema is no JSON ({error}); give the schema as JSON text.") from None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _number(value: Any) -> float | None:
    """Return a finite number, `None` for anything else."""
    try:
        number = float(value) if isinstance(value, (int, float)) else math.nan
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _count(value: Any) -> int | None:
    number = _number(value)
    return None if number is None or number < 0 else int(number)
