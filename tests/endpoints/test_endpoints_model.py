"""A small real model, end to end: requests, log-probabilities, grammars, the log and its replay."""

import asyncio
import dataclasses
import json
import math
import re
import time

import pytest
from small_model import serve
from test_endpoints_client import ask, replay, said

from entropyjax.endpoints import Endpoint, EndpointError
from entropyjax.iwg.chat import Message, Options
from entropyjax.iwg.scheduling import scheduling_vector

pytestmark = pytest.mark.slow
KEY, VARIABLE = "sk-small-model", "SMALL_MODEL_KEY"
NAMES = ("search", "search_files", "write", "calculate")
PROMPT = (
    Message("system", f"You dispatch executors. They are: {', '.join(NAMES)}. Answer with the name of one."),
    Message("user", "Who should look up the capital of France?"),
)
# Samplers of llama.cpp that cut the tail off are switched off, so that draws follow the log-probabilities.
PLAIN = {"top_k": 0, "top_p": 1.0, "min_p": 0.0}


@pytest.fixture(scope="module")
def url():
    with serve(KEY) as url:
        yield url


@pytest.fixture
def place(url, monkeypatch):
    monkeypatch.setenv(VARIABLE, KEY)
    return Endpoint(url, "smollm2", VARIABLE, grammars=True, concurrency=2, timeout=60.0, extra=PLAIN)


def test_log_probabilities_spell_the_reply(place):
    options = Options(max_tokens=6, top_logprobs=64)
    first, second = ask(place, PROMPT, PROMPT, options=options)
    assert first.text == second.text
    assert "".join(alternatives[0][0] for alternatives in first.logprobs).startswith(first.text)
    for alternatives in first.logprobs:
        total = sum(math.exp(value) for _, value in alternatives)
        assert 0.0 < total <= 1.0 + 1e-5
        # At temperature 0 the likeliest is drawn.
        assert alternatives[0][1] == max(value for _, value in alternatives)
    assert first.input_tokens > 30 and first.output_tokens == len(first.logprobs)


def test_draws_follow_the_scheduling_vector(place, tmp_path):
    """Names that the model does say; the share of draws that begin with each is its probability."""
    options = Options(temperature=1.0, max_tokens=1, top_logprobs=200, seed=0)
    (told,) = ask(place, PROMPT, options=options)
    likely = [
        text for text, _ in sorted(told.logprobs[0], key=lambda pair: -pair[1]) if re.fullmatch("[A-Za-z]+", text)
    ]
    names = [text for text in likely if not any(one != text and one.startswith(text) for one in likely)][:3]
    vector = scheduling_vector(told, names)
    assert vector.source == "log-probabilities"
    expected = [vector.probability[name] * vector.valid_mass for name in names]
    draws = [dataclasses.replace(options, seed=seed, top_logprobs=0) for seed in range(1, 21)]

    async def run():
        from entropyjax.endpoints import OpenAIChat

        async with OpenAIChat(place, tmp_path / "log.jsonl") as chat:
            return await asyncio.gather(*(chat.reply(PROMPT, one) for one in draws), return_exceptions=True)

    replies = asyncio.run(run())
    texts = [getattr(reply, "text", "") for reply in replies]
    for name, probability in zip(names, expected, strict=True):
        spread = math.sqrt(probability * (1 - probability) / len(texts))
        # Four standard deviations, and one draw for what is discrete.
        assert abs(texts.count(name) / len(texts) - probability) < 4 * spread + 1 / len(texts)
    assert len(set(texts)) > 1


def test_a_grammar_and_a_schema_are_kept_to(place):
    grammar = "root ::= " + " | ".join(f'"{name}"' for name in NAMES)
    schema = json.dumps({"type": "object", "properties": {"executor": {"enum": list(NAMES)}}, "required": ["executor"]})
    (named,) = ask(place, PROMPT, options=Options(max_tokens=12, grammar=grammar, top_logprobs=64))
    (plan,) = ask(place, PROMPT, options=Options(max_tokens=48, schema=schema, top_logprobs=64))
    assert named.text in NAMES
    assert json.loads(plan.text)["executor"] in NAMES
    # Log-probabilities are those of the model before the grammar, so that little of them is valid.
    for reply, before in ((named, ""), (plan, '"executor": "')):
        vector = scheduling_vector(reply, NAMES, before=before)
        assert vector.source == "log-probabilities"
        assert 0.0 < vector.valid_mass < 1.0 and vector.valid_mass + vector.missing <= 1.0 + 1e-6
        assert math.fsum(vector.probability.values()) == pytest.approx(1.0)


def test_a_run_is_replayed_without_server_or_key(place, tmp_path, monkeypatch):
    log = tmp_path / "log.jsonl"
    options = Options(temperature=0.8, max_tokens=4, top_logprobs=5)
    replies = ask(place, PROMPT, PROMPT, said("Name a colour."), log=log, options=options)
    monkeypatch.delenv(VARIABLE)
    elsewhere = dataclasses.replace(place, url="http://host.invalid/v1")
    assert replay(elsewhere, log, PROMPT, PROMPT, said("Name a colour."), options=options) == replies
    assert KEY not in log.read_text()


def test_a_prompt_that_is_too_long(place):
    began = time.monotonic()
    (caught,) = ask(place, said("word " * 5000), options=Options(max_tokens=4))
    assert isinstance(caught, EndpointError) and caught.kind == "context"
    assert "exceeds the available context size" in str(caught)
    assert time.monotonic() - began < 10.0


def test_a_wrong_key(place, monkeypatch):
    monkeypatch.setenv(VARIABLE, "sk-of-somebody-else")
    (caught,) = ask(place, PROMPT)
    assert isinstance(caught, EndpointError) and caught.kind == "key"
    assert f"mend the key in the environment variable {VARIABLE}" in str(caught)
