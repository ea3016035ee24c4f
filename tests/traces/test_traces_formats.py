"""What holds for every format: files are told apart, and no input, however broken, ends in another error."""

import copy
import json

import pytest
from hypothesis import given, settings, strategies as st
from trace_samples import SAMPLES, sniffed

from entropyjax.traces import FORMATS, Problems, TraceError, read_traces


def test_every_format_has_a_sample():
    assert sorted(SAMPLES) == FORMATS.names()


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_of_one_format_however_it_is_written(name):
    texts = [SAMPLES[name]]
    if name != "table":
        documents = [json.loads(line) for line in texts[0].splitlines()]
        texts.append("\n" + "".join(json.dumps(one, separators=(",", ":")) + "\n" for one in documents))
    for text in texts:
        assert sniffed(text) == [name]


def test_long_texts_before_what_tells_a_format_hide_nothing():
    text = '"' + '\\"run_id\\": [{' * 10**4
    heads = {
        "langsmith": '{"id": "a", "name": "b", "start_time": "2026", "inputs": {"input": ' + text,
        "langfuse": '{"trace": {"id": "a", "projectId": "b", "input": ' + text,
        "inspect": '{"version": 2, "status": "success", "eval": {"run_id": "a"}, "plan": {"steps": [' + text,
        "normalised": '{"run_id": "a", "task_id": "b", "roster": [], "steps": [{"agent": ' + text,
    }
    for name, head in heads.items():
        assert sniffed(head) == [name]


ODD = st.sampled_from([None, True, -1, 10**400, 2.5, float("nan"), "", "x", "9" * 5000, [], [[]], {}, {"a": 1}])


def nodes(value, path=()):
    """The places of all values inside."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] * bool(path) + [found for key, one in inside for found in nodes(one, (*path, key))]


def mutated(documents, choices):
    documents = copy.deepcopy(documents)
    for place, delete, odd in choices:
        found = nodes(documents)
        *above, last = found[place % len(found)]
        owner = documents
        for key in above:
            owner = owner[key]
        if delete:
            del owner[last]
        else:
            owner[last] = odd
        if not documents:
            break
    return documents


CHOICES = st.lists(st.tuples(st.integers(0, 10**6), st.booleans(), ODD), min_size=1, max_size=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("mutated")


def read_or_tell(path, name):
    try:
        read_traces(path, name, problems=Problems(1.0))
    except TraceError as error:
        assert str(error).rstrip().endswith((".", ")"))


@pytest.mark.parametrize("name", [name for name in SAMPLES if name != "table"])
@settings(max_examples=30)
@given(choices=CHOICES, whole=st.booleans())
def test_broken_documents_end_in_a_sentence(folder, name, choices, whole):
    documents = mutated([json.loads(line) for line in SAMPLES[name].splitlines()], choices)
    path = folder / "a.json"
    path.write_text(json.dumps(documents) if whole else "".join(json.dumps(one) + "\n" for one in documents))
    read_or_tell(path, name)


@pytest.mark.parametrize("name", SAMPLES)
@settings(max_examples=30)
@given(place=st.integers(0, 10**5), length=st.integers(0, 40), put=st.binary(max_size=4))
def test_broken_bytes_end_in_a_sentence(folder, name, place, length, put):
    content = SAMPLES[name].encode()
    place %= len(content)
    path = folder / "b.json"
    path.write_bytes(content[:place] + put + content[place + length :])
    read_or_tell(path, name)
    read_or_tell(path, None)


def test_deep_nesting_is_told(tmp_path):
    path = tmp_path / "a.json"
    for text in ("[" * 10**5, '{"resourceSpans":' + "[" * 10**5 + "}", '{"run_id":' * 10**5 + "}"):
        path.write_text(text)
        for name in FORMATS:
            with pytest.raises(TraceError):
                read_traces(path, name)
