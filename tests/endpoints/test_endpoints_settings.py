"""Settings of an endpoint: what is wrong is a sentence, before anything is sent."""

import tomllib

import pytest

from entropyjax.endpoints import Endpoint, EndpointError

URL = "https://host/v1"
GOOD = {"url": URL, "model": "m"}


def test_a_table():
    text = """
    url = "https://host/v1/"
    model = "m"
    key_variable = "SOME_KEY"
    timeout = 30
    grammars = true
    extra = { reasoning_effort = "low" }
    """
    endpoint = Endpoint.from_table(tomllib.loads(text))
    assert endpoint == Endpoint(
        URL + "/", "m", "SOME_KEY", timeout=30, grammars=True, extra={"reasoning_effort": "low"}
    )
    assert endpoint.place == "https://host/v1/chat/completions"


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"model": None}, r"The endpoint has no model; set it\."),
        ({"url": None}, r"has no url; set it\."),
        ({"time_out": 3.0}, "'time_out' is no setting of an endpoint; did you mean timeout"),
        (
            {"zzz": 3.0},
            "'zzz' is no setting of an endpoint; known are url, model, key_variable",
        ),
        ({"model": ""}, "model has no name"),
        ({"timeout": "60"}, r"timeout is of the type str; it must be a number\."),
        ({"timeout": True}, "timeout is of the type bool"),
        ({"concurrency": 1.5}, "concurrency is of the type float; it must be a whole number"),
        ({"schemas": 1}, "schemas is of the type int; it must be true or false"),
        (
            {"key_variable": 3},
            "key_variable is of the type int; it must be text, or left out",
        ),
        ({"extra": "x"}, "extra is of the type str; it must be a table"),
        ({"url": 5}, "url is of the type int; it must be text"),
        ({"concurrency": 0}, r"concurrency is 0; it must be above 0\."),
        ({"timeout": float("nan")}, "timeout is nan; it must be above 0"),
        ({"attempts": -1}, "attempts is -1"),
        ({"first_wait": 9.0, "longest_wait": 1.0}, "first_wait is 9 s and longest_wait 1 s"),
        ({"first_wait": -1.0}, "must not be below 0"),
    ],
)
def test_what_cannot_be_used(table, sentence):
    with pytest.raises(EndpointError, match=sentence) as caught:
        Endpoint.from_table({name: value for name, value in (GOOD | table).items() if value is not None})
    assert caught.value.kind == "setting"


@pytest.mark.parametrize(
    "url", ["", "host/v1", "ftp://host", "http://", "http://[::1", "http://host:port", "file:///etc"]
)
def test_what_is_no_url(url):
    with pytest.raises(EndpointError, match=r"is no URL of an endpoint; write https://host/v1\."):
        Endpoint(url, "m")


def test_a_key_among_the_settings_is_not_repeated():
    for name in ("api_key", "key"):
        with pytest.raises(
            EndpointError, match=f"'{name}' is no setting .*the variable's name into key_variable"
        ) as caught:
            Endpoint.from_table({"url": URL, "model": "m", name: "sk-12345678"})
        assert "12345678" not in str(caught.value)
