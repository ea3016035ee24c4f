"""Replies as endpoints write them, whole and odd."""

import json
import math

import pytest
from fake_endpoint import completion
from hypothesis import given, strategies as st

from entropyjax.endpoints import EndpointError, wire
from entropyjax.iwg.chat import Reply


def token(text, value, *others):
    return {"token": text, "logprob": value, "top_logprobs": [{"token": t, "logprob": v} for t, v in others]}


def with_tokens(*tokens):
    document = completion("a")
    document["choices"][0]["logprobs"] = {"content": list(tokens)}
    return wire.reply(document).logprobs


def test_the_drawn_token_comes_first_and_once():
    found = with_tokens(token("b", -1.5, ("a", -0.5), ("b", -1.5)), token("z", -9.0, ("", -0.1)))
    assert found == ((("b", -1.5), ("a", -0.5)), (("z", -9.0), ("", -0.1)))


def test_tokens_that_are_spelled_alike_add_up():
    ((b, a),) = with_tokens(token("b", -2.0, ("a", math.log(0.25)), ("b", -2.0), ("a", math.log(0.5))))
    assert b == ("b", -2.0)
    assert a == ("a", pytest.approx(math.log(0.75), rel=1e-15))


def test_numbers_that_are_none():
    odd = [("b", None), ("c", float("nan")), ("d", float("-inf")), ("e", 10**400), ("f", 1e-9), ("g", "1")]
    assert with_tokens(token("a", None, *odd)) == ((("f", 0.0),),)
    assert with_tokens("text", None, {}) == ((), (), ())
    details = {"reasoning_tokens": 10**400}
    reply = wire.reply(completion("a", prompt_tokens=-1, completion_tokens="many", completion_tokens_details=details))
    assert (reply.input_tokens, reply.output_tokens, reply.reasoning_tokens) == (None, None, None)


def test_text_in_parts_and_no_reason():
    document = completion("")
    document["choices"][0] = {"message": {"content": [{"type": "text", "text": "sea"}, {"text": "rch"}, 3]}}
    assert (wire.reply(document).text, wire.reply(document).finish) == ("search", "unknown")


SAMPLE = completion("a", completion_tokens_details={"reasoning_tokens": 2})
SAMPLE["choices"][0]["logprobs"] = {"content": [token("b", -1.5, ("a", -0.5))]}
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def paths(value, at=()):
    yield at
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in items:
        yield from paths(one, (*at, name))


def put(value, path, new):
    if not path:
        return new
    changed = dict(value) if isinstance(value, dict) else list(value)
    changed[path[0]] = put(value[path[0]], path[1:], new)
    return changed


@given(st.sampled_from(list(paths(SAMPLE))), ANY)
def test_a_reply_with_anything_anywhere_is_a_reply_or_a_sentence(path, new):
    try:
        reply = wire.reply(put(SAMPLE, path, new))
    except EndpointError as error:
        assert error.kind in ("malformed", "empty") and str(error).endswith(".")
    else:
        assert isinstance(reply, Reply) and reply.text.strip()
        assert all(value <= 0.0 for alternatives in reply.logprobs or () for _, value in alternatives)
        json.dumps(reply.logprobs, allow_nan=False)
