"""The key: it reaches the endpoint and nothing else."""

import asyncio
import copy
import json
import logging
import pickle
import traceback

import pytest
from fake_endpoint import Answer, FakeEndpoint, completion, error
from test_endpoints_client import ask, endpoint, replay, said

from entropyjax.endpoints import Endpoint, EndpointError, OpenAIChat
from entropyjax.endpoints.http import Http
from entropyjax.endpoints.secret import Secret

KEY = 'sk-"Pq/7+ta=x\\Z9'
VARIABLE = "A_CHAT_KEY"
QUOTED = "sk-%22Pq%2F7%2Bta%3Dx%5CZ9"


@pytest.fixture
def key(monkeypatch):
    monkeypatch.setenv(VARIABLE, KEY + "\n")


def shows(text: str) -> bool:
    # A piece in the spellings that plain text, JSON and URLs have for it.
    return any(piece in text for piece in ("Pq/7", "Pq\\/7", "Pq%2F7", "Pq\\u002f7"))


def everything(caught: BaseException, variables: bool = True) -> str:
    """What an error shows, with its causes and the variables of its frames."""
    lines, seen = [], caught
    while seen is not None:
        whole = traceback.TracebackException.from_exception(seen, capture_locals=variables)
        lines += [*whole.format(), repr(seen), repr(vars(seen))]
        seen = seen.__cause__ or seen.__context__
    return "\n".join(lines)


ECHOES = {
    "reply": (Answer(completion(f"your key is {KEY}")), True),
    "401": (Answer(error(f"Incorrect key: {KEY}"), 401), False),
    "500": (Answer(f"key={KEY}", 500), False),
    "percent": (Answer(error(f"GET /?key={QUOTED}"), 400), False),
    "escaped": (Answer(json.dumps(error(KEY)).replace("/", "\\/"), 400), False),
    "unicode": (Answer('{"error": "' + "".join(f"\\u{ord(c):04x}" for c in KEY) + '"}', 400), False),
    "no JSON": (Answer(f"<p>{json.dumps(KEY)} {KEY}"), False),
    "redirect": (Answer(b"", 302, {"Location": f"http://elsewhere/?key={KEY}"}), False),
    "name": (Answer({**completion("a"), KEY: [{KEY: 1}]}), True),
    "no choices": (Answer({"id": KEY, "choices": []}), False),
}


@pytest.mark.parametrize(("answer", "good"), ECHOES.values(), ids=ECHOES)
def test_a_key_that_the_endpoint_repeats(tmp_path, key, caplog, answer, good):
    caplog.set_level(logging.DEBUG)
    log = tmp_path / "log.jsonl"
    with FakeEndpoint(answer) as fake:
        place = endpoint(fake, key_variable=VARIABLE, attempts=2)
        (result,) = ask(place, said(f"My key is {KEY}"), log=log)
        assert fake.requests[0][0]["Authorization"] == f"Bearer {KEY}"
        if good:
            assert replay(place, log, said(f"My key is {KEY}")) == [result]
    assert isinstance(result, EndpointError) != good
    # Here the request holds the key as well.
    shown = everything(result, variables=False) if isinstance(result, EndpointError) else repr(result)
    assert not shows(shown)
    assert "[key]" in log.read_text()
    assert not shows(log.read_text())
    assert not shows(caplog.text)


def test_tokens_that_spell_a_key_are_left_out(key):
    document = completion(f"{KEY}!")
    document["choices"][0]["logprobs"] = {
        "content": [{"token": part, "logprob": -1.0} for part in (KEY[:5], KEY[5:], "!")]
    }
    with FakeEndpoint(Answer(document)) as fake:
        (reply,) = ask(endpoint(fake, key_variable=VARIABLE), said("a"))
    assert (reply.text, reply.logprobs) == ("[key]!", None)


def test_a_connection_that_fails_shows_no_key(key, tmp_path):
    log = tmp_path / "log.jsonl"
    with FakeEndpoint(Answer(cut=3)) as fake:
        (caught,) = ask(endpoint(fake, key_variable=VARIABLE, attempts=2), said("a"), log=log)
    (gone,) = ask(endpoint(fake, key_variable=VARIABLE, attempts=1), said("a"), log=log)
    for one in (caught, gone):
        assert isinstance(one, EndpointError)
        assert not shows(everything(one))
    assert not shows(log.read_text())


def test_nothing_that_holds_a_key_shows_it(key):
    secret = Secret(VARIABLE)
    chat = OpenAIChat(Endpoint("http://localhost/v1", "m", VARIABLE))
    http = Http(chat.endpoint, secret)
    asyncio.run(http.close())
    for thing in (secret, chat, http, chat.endpoint, http._client):
        assert not shows(repr(thing)) and not shows(str(thing))
    assert not shows(repr(vars(chat))) and not shows(repr(vars(http)))
    for action in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError, match="A key is not pickled"):
            action(secret)


@pytest.mark.parametrize(
    "url",
    [
        f"https://user:{QUOTED}@host/v1",
        f"https://{QUOTED}@host/v1",
        f"https://host/v1?api_key={QUOTED}",
        f"https://host/v1#{QUOTED}",
    ],
)
def test_a_key_in_the_url(url):
    with pytest.raises(
        EndpointError, match=r"holds a user, a query or a fragment; keys go into an environment"
    ) as caught:
        Endpoint(url, "m")
    assert not shows(str(caught.value)) and "host" not in str(caught.value)


def test_a_key_in_the_path_of_the_url(key, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    log = tmp_path / "log.jsonl"
    with FakeEndpoint(Answer(b"", 400), Answer()) as fake:
        place = Endpoint(f"{fake.url}/{QUOTED}", "m", VARIABLE, attempts=1)
        (caught,) = ask(place, said("a"), log=log)
        (reply,) = ask(place, said("a"), log=log)
    assert fake.paths == [f"/v1/{QUOTED}/chat/completions"] * 2
    assert reply.text == "search"
    assert isinstance(caught, EndpointError)
    assert f"{fake.url}/[key]/chat/completions refuses" in str(caught)
    assert not shows(str(caught)) and not shows(log.read_text()) and not shows(caplog.text)


def test_a_key_in_place_of_the_name_of_a_variable():
    with pytest.raises(EndpointError, match="key_variable is no name of an environment variable") as caught:
        Endpoint("http://localhost/v1", "m", key_variable=KEY)
    assert not shows(str(caught.value))


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (None, "variable A_CHAT_KEY is empty or not set; put the key there"),
        (" \n", "is empty or not set"),
        ("abc", "has 3 characters and could not be told from ordinary text; it needs 8"),
        ("a key of words", "holds a blank"),
        ("sk-12345\n678", "holds a blank or another character"),
        ("schlüssel-12345", "holds a blank or another character"),
    ],
)
def test_keys_that_cannot_be_used(value, sentence):
    environment = {} if value is None else {VARIABLE: value}
    with pytest.raises(EndpointError, match=sentence) as caught:
        Secret(VARIABLE, environment)
    assert not value or not value.strip() or value.strip() not in str(caught.value)


def test_no_key_masks_nothing():
    assert Secret(None).masked({"a": ["b"]}) == {"a": ["b"]}
    assert Secret(None).headers() == {}


def test_replay_needs_no_key(key, tmp_path, monkeypatch):
    log = tmp_path / "log.jsonl"
    with FakeEndpoint() as fake:
        place = endpoint(fake, key_variable=VARIABLE)
        ask(place, said("a"), log=log)
        monkeypatch.delenv(VARIABLE)
        assert replay(place, log, said("a"))[0].text == "search"
        with pytest.raises(EndpointError, match="is empty or not set"):
            ask(place, said("a"), log=log)
