"""One attempt to send a request over HTTP: an answer, or a failure in a sentence."""

import asyncio
import functools
import json
import logging
from typing import TYPE_CHECKING, Any

from entropyjax.endpoints.endpoint import Endpoint
from entropyjax.endpoints.errors import EndpointError, Failure, by_status, too_long
from entropyjax.endpoints.retry import asked_wait
from entropyjax.endpoints.secret import MaskingFilter, Secret

if TYPE_CHECKING:
    import ssl

    import httpx


_LOGGERS = ("httpx", *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks")))


class Http:
    """Sends requests to an endpoint and answers with documents or failures; only cancellation is raised."""

    def __init__(self, endpoint: Endpoint, secret: Secret):
        import httpx

        self._endpoint = endpoint
        self._secret = secret
        slots = endpoint.concurrency
        try:
            self._client = httpx.AsyncClient(
                verify=_authorities(),
                timeout=httpx.Timeout(endpoint.timeout, connect=endpoint.connect_timeout),
                limits=httpx.Limits(max_connections=slots, max_keepalive_connections=slots),
                # A redirect may lead to a host that has no right to the key.
                follow_redirects=False,
            )
        except (OSError, ValueError, ImportError, httpx.InvalidURL) as error:
            # What it says may hold the password of a proxy.
            kind = type(error).__name__
            sentence = f"No connection can be set up ({kind}); look at HTTPS_PROXY, ALL_PROXY and SSL_CERT_FILE."
            raise EndpointError("setting", sentence) from None
        # They tell URLs and headers to whoever listens.
        self._filter = MaskingFilter(secret)
        for name in _LOGGERS:
            logging.getLogger(name).addFilter(self._filter)

    async def close(self) -> None:
        """Close the connections."""
        for name in _LOGGERS:
            logging.getLogger(name).removeFilter(self._filter)
        await self._client.aclose()

    async def post(self, content: bytes) -> Any | Failure:
        """Send a body of JSON; return the decoded answer, or a failure, without the key."""
        result = await self._exchange(content)
        if isinstance(result, Failure):
            return result._replace(sentence=self._secret.masked(result.sentence), text=self._secret.masked(result.text))
        return _consistent(result, self._secret.masked(result))

    async def _exchange(self, content: bytes) -> Any | Failure:
        import httpx

        headers = {"Content-Type": "application/json", **self._secret.headers()}
        sending = self._client.stream("POST", self._endpoint.place, content=content, headers=headers)
        try:
            # httpx limits the wait for each piece; an endpoint that trickles for ever is stopped here.
            async with asyncio.timeout(self._endpoint.timeout), sending as response:
                return self._judged(response, await self._read(response))
        except TimeoutError:
            return self._hang()
        except httpx.HTTPError as error:
            return self._failed(error)

    async def _read(self, response: "httpx.Response") -> bytes | None:
        """Return the body, or `None` if it is larger than allowed."""
        pieces, size = [], 0
        async for piece in response.aiter_bytes():
            size += len(piece)
            if size > self._endpoint.largest_reply:
                return None
            pieces.append(piece)
        return b"".join(pieces)

    def _judged(self, response: "httpx.Response", received: bytes | None) -> Any | Failure:
        endpoint, status = self._endpoint, response.status_code
        if received is None:
            size = f"{endpoint.largest_reply / (1 << 20):g} MiB"
            return Failure("malformed", f"{endpoint.place} sends a reply without end, over {size} (largest_reply).")
        text = received.decode("utf-8", errors="replace")
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            if status == 200:
                return Failure("malformed", self._garbled(response, text), text=text)
            document = text
        error = document.get("error") if isinstance(document, dict) and "choices" not in document else None
        # How long a conversation may be is an answer: it would be the same again.
        if (status == 200 and not error) or too_long(document):
            return document
        if status == 200:
            # Gateways tell a failure of the model behind them this way.
            code = error.get("code") if isinstance(error, dict) else None
            status = code if isinstance(code, int) and code >= 400 else 400
        masked = self._secret.masked(document)
        failure = by_status(status, masked, endpoint.place, endpoint.model, self._secret.variable)
        return self._waiting(failure._replace(text=text), asked_wait(response.headers))

    def _waiting(self, failure: Failure, wait: float) -> Failure:
        """Return a failure with the time that the endpoint asks for; one too long is not waited for."""
        longest = self._endpoint.longest_wait
        if not failure.again or wait <= longest:
            return failure._replace(wait=wait)
        sentence = f"{self._endpoint.place} asks to wait {wait:g} s, longer than longest_wait ({longest:g} s)"
        return failure._replace(sentence=f"{sentence}; run again later.", again=False)

    def _garbled(self, response: "httpx.Response", text: str) -> str:
        kind = response.headers.get("content-type", "nothing named").split(";")[0]
        # Masked before it is cut short.
        start = " ".join(self._secret.masked(text)[:60].split())
        return (
            f"{self._endpoint.place} answers with what is no JSON, or was cut ({len(text)} characters of {kind}, "
            f'"{start}"); check the URL, and what stands between here and the endpoint.'
        )

    def _hang(self) -> Failure:
        limit = self._endpoint.timeout
        sentence = f"{self._endpoint.place} did not answer within {limit:g} s; raise timeout, or lower max_tokens."
        return Failure("hang", sentence, again=True)

    def _failed(self, error: "httpx.HTTPError") -> Failure:
        import httpx

        place, reason = self._endpoint.place, str(error) or type(error).__name__
        if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
            # A certificate does not mend itself.
            again = "certificate" not in reason.lower()
            return Failure("unreachable", f"{place} cannot be reached ({reason}); start it, or mend the URL.", again)
        if isinstance(error, httpx.TimeoutException):
            return self._hang()
        if isinstance(error, httpx.DecodingError):
            return Failure("malformed", f"{place} answers in a compression that cannot be read ({reason}).")
        # To ask a model again has no effect but its price.
        return Failure("cut", f"{place} broke the connection off ({reason}); look at its logs.", True)


@functools.cache
def _authorities() -> "ssl.SSLContext":
    """Return who is trusted to vouch for a host; to read their certificates takes some 50 ms."""
    import httpx

    return httpx.create_ssl_context()


def _consistent(document: Any, masked: Any) -> Any:
    """Return the masked document; where text was masked, log-probabilities go, as their tokens would spell it."""
    choices = masked.get("choices") if masked != document and isinstance(masked, dict) else None
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict):
            choice.pop("logprobs", None)
    return masked
