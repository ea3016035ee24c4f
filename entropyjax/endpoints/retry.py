"""When a failed request is tried again, and how long after."""

import datetime
import email.utils
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from entropyjax.endpoints.endpoint import Endpoint
from entropyjax.endpoints.errors import Failure

Answer = TypeVar("Answer")

Attempt = Callable[[], Awaitable[Answer | Failure]]
"""Called as `await attempt()`."""

Sleep = Callable[[float], Awaitable[None]]
"""Called as `await sleep(seconds)`."""


async def retried(
    attempt: Attempt[Answer], endpoint: Endpoint, sleep: Sleep, stopped: Callable[[], bool]
) -> Answer | Failure:
    """Return what an attempt brings, after others where it fails in a way that may pass.

    The wait is random in [0, min(first_wait 2^k, longest_wait)] after attempt k = 0, 1, ..., so that requests that
    failed together do not come back together, and begins after the time that the endpoint asks for.

    **Arguments:** `stopped`: whether to give up instead of waiting.
    """
    import tenacity

    spread = tenacity.wait_random_exponential(multiplier=endpoint.first_wait, max=endpoint.longest_wait)

    def wait(state: tenacity.RetryCallState) -> float:
        outcome = _outcome(state)
        return spread(state) + (outcome.wait if isinstance(outcome, Failure) else 0.0)

    policy = tenacity.AsyncRetrying(
        sleep=sleep,
        wait=wait,
        stop=lambda state: stopped() or state.attempt_number >= endpoint.attempts,
        retry=tenacity.retry_if_result(lambda result: isinstance(result, Failure) and result.again),
        retry_error_callback=_outcome,
    )
    return await policy(attempt)


def _outcome(state):
    return state.outcome.result()


def asked_wait(headers: Mapping[str, str], now: datetime.datetime | None = None) -> float:
    """Return the time that `Retry-After` asks for, in seconds; 0 where nothing can be read from it.

    **Arguments:** `now`: by default the clock's; a date is compared with it.
    """
    text = headers.get("retry-after", "").strip()
    try:
        return max(float(text), 0.0) if text.replace(".", "", 1).isdigit() else _until(text, now)
    except (ValueError, TypeError, OverflowError):
        return 0.0


def _until(date: str, now: datetime.datetime | None) -> float:
    then = email.utils.parsedate_to_datetime(date)
    if then.tzinfo is None:
        then = then.replace(tzinfo=datetime.UTC)
    return max((then - (now or datetime.datetime.now(datetime.UTC))).total_seconds(), 0.0)
