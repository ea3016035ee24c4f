"""Replies over HTTP: what is sent, what comes back, how many at once, and what is kept."""

import asyncio
import json
import math
import signal
import subprocess
import sys
import time

import pytest
from fake_endpoint import Answer, FakeEndpoint, completion

from entropyjax.endpoints import Endpoint, EndpointError, OpenAIChat, Recorded, ReplyLog
from entropyjax.iwg.chat import Chat, Message, Options
from entropyjax.iwg.scheduling import scheduling_vector

MESSAGES = (Message("system", "Dispatch."), Message("user", "Who is next?"))
CERTAIN = Options()
DRAW = Options(temperature=0.7)


def endpoint(fake: FakeEndpoint, **changes) -> Endpoint:
    settings = {"timeout": 5.0, "attempts": 3, "first_wait": 0.001, "longest_wait": 0.5, **changes}
    return Endpoint(fake.url, "m", **settings)


def ask(place: Endpoint, *conversations, log=None, options=CERTAIN):
    """Replies to several conversations, asked at once; a sentence in place of each that failed."""

    async def run():
        async with OpenAIChat(place, log) as chat:
            return await asyncio.gather(*(chat.reply(c, options) for c in conversations), return_exceptions=True)

    return asyncio.run(asyncio.wait_for(run(), 60.0))


def replay(place: Endpoint, log, *conversations, options=CERTAIN):
    async def run():
        async with Recorded(place, log) as chat:
            return [await chat.reply(c, options) for c in conversations]

    return asyncio.run(run())


def echo(body):
    return Answer(completion(body["messages"][-1]["content"]))


def said(text: str) -> tuple[Message]:
    return (Message("user", text),)


def test_request_and_reply():
    answer = completion("search", completion_tokens_details={"reasoning_tokens": 2})
    options = Options(
        0.5,
        64,
        seed=3,
        stop=("\n",),
        top_logprobs=4,
        schema='{"type": "object", "properties": {"b": {}, "a": {}}}',
        grammar="g",
    )
    with FakeEndpoint(Answer(answer)) as fake:
        (reply,) = ask(endpoint(fake, grammars=True, extra={"top_p": 0.9}), MESSAGES, options=options)
    (headers, body) = fake.requests[0]
    assert (reply.text, reply.finish, reply.logprobs) == ("search", "stop", None)
    assert (reply.input_tokens, reply.output_tokens, reply.reasoning_tokens) == (7, 3, 2)
    assert "Authorization" not in headers
    assert body["messages"] == [{"role": "system", "content": "Dispatch."}, {"role": "user", "content": "Who is next?"}]
    # A model writes the fields in the order of the schema.
    assert list(body.pop("response_format")["json_schema"]["schema"]["properties"]) == ["b", "a"]
    del body["messages"]
    assert body == {
        "model": "m",
        "temperature": 0.5,
        "max_tokens": 64,
        "seed": 3,
        "stop": ["\n"],
        "logprobs": True,
        "top_logprobs": 4,
        "grammar": "g",
        "top_p": 0.9,
    }


def test_what_an_endpoint_does_not_know_is_not_sent():
    options = Options(schema="{}", grammar="g")
    with FakeEndpoint() as fake:
        place = endpoint(fake, schemas=False, max_tokens_name="max_completion_tokens", extra={"temperature": None})
        ask(place, said("x"), options=options)
    assert set(fake.requests[0][1]) == {"model", "messages", "max_completion_tokens"}


def test_the_import_costs_little():
    code = "import sys, entropyjax.endpoints; print({'httpx', 'tenacity'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_both_chats_satisfy_the_protocol(tmp_path):
    place = Endpoint("http://localhost/v1", "m")
    chats: list[Chat] = [OpenAIChat(place), Recorded(place, tmp_path / "log")]
    for chat in chats:
        with pytest.raises(EndpointError, match="not open; use it as `async with"):
            asyncio.run(chat.reply(said("x"), Options()))


def test_as_many_at_once_as_allowed():
    with FakeEndpoint(Answer(delay=0.05)) as fake:
        replies = ask(endpoint(fake, concurrency=3), *(said(str(k)) for k in range(12)))
    assert [one.text for one in replies] == ["search"] * 12
    assert 2 <= fake.most_at_once <= 3


def test_a_kept_reply_is_not_asked_for_again(tmp_path):
    log = tmp_path / "folder" / "log.jsonl"
    with FakeEndpoint(respond=echo) as fake:
        first = ask(endpoint(fake), said("a"), said("b"), log=log)
        again = ask(endpoint(fake), said("c"), said("a"), said("b"), log=log)
        assert len(fake.requests) == 3
        assert again[1:] == first
        assert replay(endpoint(fake), log, said("b"), said("c")) == [first[1], again[0]]
    assert len(fake.requests) == 3


def test_draws_are_numbered_and_other_requests_shared(tmp_path):
    log, number = tmp_path / "log.jsonl", iter(range(100))
    with FakeEndpoint(respond=lambda _: Answer(completion(f"reply {next(number)}"), delay=0.01)) as fake:
        place = endpoint(fake)
        same = ask(place, *[said("a")] * 4, log=log)
        assert len({one.text for one in same}) == 1
        assert len({one.text for one in ask(place, *[said("a")] * 4, log=log, options=Options(0.7, seed=1))}) == 1
        assert len(fake.requests) == 2
        draws = ask(place, *[said("a")] * 4, log=log, options=DRAW)
        assert len({one.text for one in draws}) == 4
        more = ask(place, *[said("a")] * 5, log=log, options=DRAW)
        assert [one.text for one in more[:4]] == [one.text for one in draws]
        assert len(fake.requests) == 7
        assert replay(place, log, *[said("a")] * 5, options=DRAW) == more


def test_an_orchestrator_that_names_somebody_else():
    answer = completion("nobody")
    others = [{"token": text, "logprob": math.log(p)} for text, p in (("nobody", 0.6), ("search", 0.1))]
    answer["choices"][0]["logprobs"] = {"content": [{**others[0], "top_logprobs": others}]}
    with FakeEndpoint(Answer(answer), Answer(completion("nobody"))) as fake:
        told, silent = (ask(endpoint(fake), said("a"))[0] for _ in range(2))
    found = scheduling_vector(told, ["search", "write"])
    assert (found.probability, found.valid_mass) == ({"search": 1.0}, pytest.approx(0.1))
    assert scheduling_vector(silent, ["search", "write"]).source == "nothing"


PROGRAM = """
import asyncio, sys
from entropyjax.endpoints import Endpoint, OpenAIChat
from entropyjax.iwg.chat import Message, Options

async def run():
    async with OpenAIChat(Endpoint(sys.argv[1], "m", concurrency=2), sys.argv[2]) as chat:
        await asyncio.gather(*(chat.reply((Message("user", text),), Options()) for text in "abcd"))

asyncio.run(run())
"""


def test_an_interrupted_run_keeps_what_was_asked(tmp_path):
    log = tmp_path / "log.jsonl"
    with FakeEndpoint(Answer(delay=2.0)) as fake:
        command = [sys.executable, "-c", PROGRAM, fake.url, str(log)]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        for _ in range(2000):
            if len(fake.requests) >= 2:
                break
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20.0)
    assert process.returncode != 0 and "KeyboardInterrupt" in errors
    assert "never retrieved" not in errors
    assert len(fake.requests) == 2
    assert len(ReplyLog(log, writing=False)) == 2


def test_without_a_log_every_asking_is_sent():
    with FakeEndpoint() as fake:
        ask(endpoint(fake), said("a"), said("a"))
    assert len(fake.requests) == 2


def test_other_models_and_fields_are_other_requests(tmp_path):
    log = tmp_path / "log.jsonl"
    with FakeEndpoint() as fake:
        ask(endpoint(fake), said("a"), log=log)
        ask(endpoint(fake, extra={"reasoning_effort": "low"}), said("a"), log=log)
        with pytest.raises(EndpointError, match=r"no reply number 0 to the request .* of the model 'm'") as caught:
            replay(endpoint(fake, extra={"reasoning_effort": "high"}), log, said("a"))
    assert len(fake.requests) == 2
    assert caught.value.kind == "unknown reply"


def test_what_was_asked_is_kept_when_the_caller_is_cancelled(tmp_path):
    log = tmp_path / "log.jsonl"

    async def run(place):
        async with OpenAIChat(place, log) as chat:
            task = asyncio.create_task(chat.reply(said("a"), Options()))
            await asyncio.to_thread(fake.asked.wait, 5.0)
            task.cancel()

    with FakeEndpoint(Answer(delay=0.1)) as fake:
        asyncio.run(run(endpoint(fake)))
        assert [one.text for one in replay(endpoint(fake), log, said("a"))] == ["search"]


def test_leaving_waits_for_no_other_attempt():
    async def run(place):
        async with OpenAIChat(place) as chat:
            task = asyncio.create_task(chat.reply(said("a"), Options()))
            await asyncio.to_thread(fake.asked.wait, 5.0)
        return await asyncio.gather(task, return_exceptions=True)

    with FakeEndpoint(Answer({}, 503, {"Retry-After": "50"}, delay=0.02)) as fake:
        (error,) = asyncio.run(asyncio.wait_for(run(endpoint(fake, longest_wait=60.0)), 30.0))
    assert isinstance(error, EndpointError) and "503" in str(error)
    assert len(fake.requests) == 1


def test_lines_of_the_log_hold_request_and_reply(tmp_path):
    log = tmp_path / "log.jsonl"
    with FakeEndpoint(Answer({}, 500), Answer()) as fake:
        ask(endpoint(fake), said("a"), log=log)
    header, failed, kept = map(json.loads, log.read_text().splitlines())
    assert header == {"format": "entropyjax replies", "schema": 1}
    assert (failed["failure"], failed["attempt"], kept["attempt"]) == ("busy", 1, 2)
    assert failed["request"] == kept["request"] == fake.requests[1][1]
    assert kept["reply"] == completion("search")
    assert kept["url"] == f"{fake.url}/chat/completions"
