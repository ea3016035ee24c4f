"""Endpoints that fail: each failure is a sentence, and only what may pass is tried again."""

import asyncio
import datetime
import email.utils
import gzip
import socket
import time

import pytest
from fake_endpoint import Answer, FakeEndpoint, completion, error
from test_endpoints_client import ask, endpoint, said

from entropyjax.endpoints import Endpoint, EndpointError
from entropyjax.endpoints.errors import Failure
from entropyjax.endpoints.http import _authorities
from entropyjax.endpoints.retry import asked_wait, retried
from entropyjax.iwg.chat import Options

GOOD = Answer()
NO_CHOICES = {"choices": [], "usage": {}}

PASSING = {
    "429": Answer(error("slow down"), 429),
    "429 with Retry-After": Answer(error("slow down"), 429, {"Retry-After": "0.05"}),
    "408": Answer(b"", 408),
    "500": Answer(b"<html>oops</html>", 500),
    "503": Answer(error("loading model"), 503),
    "529": Answer(error("overloaded"), 529),
    "gateway's 200": Answer({"error": {"message": "upstream", "code": 502}}),
    "cut body": Answer(cut=10),
    "cut before the body": Answer(cut=0),
    "hang": Answer(delay=9.0),
}

LASTING = {
    "401": (
        Answer(error("bad key"), 401),
        "key",
        "refuses access with status 401; it says: .bad key.; set key_variable to the name",
    ),
    "403": (Answer(error("no"), 403), "key", "refuses access with status 403"),
    "model": (Answer(error("The model m does not exist", "model_not_found"), 404), "model", "knows no model 'm'"),
    "path": (Answer(b"404 page not found", 404), "setting", "is not found; .* usually ends in /v1"),
    "request": (Answer(error("no such field"), 400), "request", "status 400; it says: .no such field"),
    "context": (Answer(error("x", "context_length_exceeded"), 400), "context", "longer than the model's context"),
    "quota": (Answer(error("pay", "insufficient_quota"), 429), "quota", "has no quota left; it says: .pay."),
    "redirect": (Answer(b"", 308, {"Location": "http://elsewhere/"}), "setting", "redirects .status 308., and keys"),
    "not implemented": (Answer(b"", 501), "request", "refuses the request with status 501"),
    "long wait": (Answer(b"", 429, {"Retry-After": "3600"}), "busy", "asks to wait 3600 s, longer than longest_wait"),
    "HTML": (Answer("<html>", headers={"Content-Type": "text/html"}), "malformed", 'no JSON.* of text/html, "<html>"'),
    "half of a JSON": (Answer('{"choices": [{"mess'), "malformed", "no JSON, or was cut"),
    "deep JSON": (Answer("[" * 100_000), "malformed", "no JSON"),
    "no choices": (Answer(NO_CHOICES), "malformed", "has no choices; set the URL of a chat endpoint"),
    "no message": (Answer({"choices": [{"text": "a"}]}), "malformed", "has no message"),
    "a list": (Answer([1, 2]), "malformed", "has no choices"),
    "gateway's 200": (Answer({"error": "no such thing"}), "request", "status 400; it says: .no such thing"),
    "empty": (Answer(completion("")), "empty", "has no text .finish 'stop'."),
    "blank": (Answer(completion(" \n")), "empty", "has no text"),
    "null": (Answer(completion(None, "tool_calls")), "empty", "finish 'tool_calls'"),
    "all reasoning": (Answer(completion("", "length")), "empty", "raise max_tokens"),
    "filter": (Answer(completion(None, "content_filter")), "empty", "declines to answer"),
    "compression": (Answer(b"no gzip", headers={"Content-Encoding": "gzip"}), "malformed", "compression"),
    "endless": (Answer(b" " * 9999, endless=True), "malformed", "reply without end, over 0.0953674 MiB"),
}


def patient(fake: FakeEndpoint, fault: Answer, **changes) -> Endpoint:
    """Waits long where it need not, as machines are busy at times."""
    return endpoint(fake, timeout=0.5 if fault.delay else 5.0, **changes)


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_what_may_pass_is_tried_again(fault):
    with FakeEndpoint(fault, fault, GOOD) as fake:
        (reply,) = ask(patient(fake, fault), said("a"))
    assert reply.text == "search"
    assert len(fake.requests) == 3


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_what_does_not_pass_ends_in_a_sentence(fault):
    with FakeEndpoint(fault) as fake:
        (caught,) = ask(patient(fake, fault, attempts=2), said("a"))
    assert isinstance(caught, EndpointError)
    assert str(caught).startswith(f"After 2 attempts: {fake.url}/chat/completions ")
    assert str(caught).endswith(".")
    assert caught.kind in ("busy", "cut", "hang")
    assert len(fake.requests) == 2


@pytest.mark.parametrize(("fault", "kind", "sentence"), LASTING.values(), ids=LASTING)
def test_what_lasts_is_tried_once(fault, kind, sentence):
    with FakeEndpoint(fault) as fake:
        (caught,) = ask(endpoint(fake, largest_reply=100_000), said("a"))
    assert isinstance(caught, EndpointError)
    assert (caught.kind, len(fake.requests)) == (kind, 1)
    with pytest.raises(EndpointError, match=sentence):
        raise caught
    assert str(caught).endswith(".")


def test_a_reply_that_trickles_for_ever_is_stopped():
    with FakeEndpoint(Answer(b" ", endless=True)) as fake:
        began = time.monotonic()
        (caught,) = ask(endpoint(fake, timeout=0.2, attempts=1), said("a"))
    assert isinstance(caught, EndpointError) and caught.kind == "hang"
    assert "did not answer within 0.2 s; raise timeout" in str(caught)
    assert time.monotonic() - began < 5.0


def test_a_compressed_reply_is_read():
    content = gzip.compress(Answer().content())
    with FakeEndpoint(Answer(content, headers={"Content-Encoding": "gzip"})) as fake:
        (reply,) = ask(endpoint(fake), said("a"))
    assert reply.text == "search"


def test_nobody_listens():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        place = Endpoint(f"http://127.0.0.1:{taken.getsockname()[1]}/v1", "m", attempts=2, first_wait=0.001)
        (caught,) = ask(place, said("a"))
    assert isinstance(caught, EndpointError) and caught.kind == "unreachable"
    assert "After 2 attempts: http://127.0.0.1:" in str(caught) and "cannot be reached" in str(caught)


def test_no_such_host():
    (caught,) = ask(Endpoint("http://host.invalid/v1", "m", attempts=1), said("a"))
    assert isinstance(caught, EndpointError) and caught.kind == "unreachable"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ALL_PROXY", "socks9://user:password@host"),
        ("HTTPS_PROXY", "http://user:password@host:port"),
        ("SSL_CERT_FILE", "none"),
    ],
)
def test_an_environment_that_allows_no_connection(monkeypatch, tmp_path, variable, value):
    monkeypatch.setenv(variable, value)
    _authorities.cache_clear()
    with FakeEndpoint() as fake:
        for _ in range(2):
            with pytest.raises(EndpointError, match=r"No connection can be set up .*look at HTTPS_PROXY") as caught:
                ask(endpoint(fake), said("a"), log=tmp_path / "log.jsonl")
    assert "password" not in str(caught.value)


def test_one_failure_spares_the_others():
    def respond(body):
        return Answer(b"", 400) if body["messages"][0]["content"] == "bad" else GOOD

    with FakeEndpoint(respond=respond) as fake:
        replies = ask(endpoint(fake), said("a"), said("bad"), said("b"))
    assert [isinstance(one, EndpointError) for one in replies] == [False, True, False]


@pytest.mark.parametrize(
    ("options", "extra", "sentence"),
    [
        (Options(temperature=float("nan")), {}, "The request is no JSON"),
        (Options(), {"extra": {1, 2}}, r"The request is no JSON .*set.*change the options or `extra`"),
        (Options(schema="{"), {}, r"Options\.schema is no JSON"),
    ],
)
def test_requests_that_json_cannot_hold(options, extra, sentence):
    (caught,) = ask(Endpoint("http://localhost/v1", "m", extra=extra), said("a"), options=options)
    assert isinstance(caught, EndpointError) and caught.kind == "setting"
    with pytest.raises(EndpointError, match=sentence):
        raise caught


WAITS = [("2", 2.0), ("0.5", 0.5), ("", 0.0), ("soon", 0.0), ("-3", 0.0), ("nan", 0.0), ("1e999", 0.0)]


@pytest.mark.parametrize(("text", "seconds"), WAITS)
def test_retry_after_in_seconds(text, seconds):
    assert asked_wait({"retry-after": text}) == seconds


def test_retry_after_as_a_date():
    now = datetime.datetime(2026, 11, 25, 12, 0, 0, tzinfo=datetime.UTC)
    for change, seconds in [(90, 90.0), (-90, 0.0)]:
        date = email.utils.format_datetime(now + datetime.timedelta(seconds=change), usegmt=True)
        assert asked_wait({"retry-after": date}, now) == seconds
    assert asked_wait({}) == 0.0


def test_waits_grow_and_begin_after_what_is_asked_for():
    place = Endpoint("http://localhost/v1", "m", attempts=9, first_wait=1.0, longest_wait=16.0)
    waits: list[float] = []

    async def run(asked: float):
        async def attempt() -> Failure:
            return Failure("busy", "Busy.", True, asked)

        async def sleep(seconds: float) -> None:
            waits.append(seconds)

        await retried(attempt, place, sleep, lambda: False)

    for _ in range(200):
        asyncio.run(run(3.0))
    for k in range(8):
        spread = [wait - 3.0 for wait in waits[k::8]]
        scale = min(2.0**k, 16.0)
        # Uniform on [0, scale]: 200 draws reach 0.9 of it but in one case of 1e9, and leave its mean by 0.15 in 1e-12.
        assert min(spread) >= 0.0 and 0.9 * scale <= max(spread) <= scale
        assert abs(sum(spread) / 200 - scale / 2) < 0.15 * scale
    assert len(waits) == 1600
