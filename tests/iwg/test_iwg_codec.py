"""Canonical JSON: what is written is read back, and nothing else is read."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Literal

import pytest
from hypothesis import given, strategies as st

from entropyjax.iwg import Checkpoint, Instance, WorkflowError, decode, encode, matches, predicate
from entropyjax.iwg.checkpoint import PREDICATES


@dataclasses.dataclass(frozen=True)
class Leaf:
    name: str
    kind: Literal["a", "b"] = "a"


@dataclasses.dataclass(frozen=True)
class Tree:
    number: float
    count: int
    flag: bool | None
    leaves: tuple[Leaf, ...]
    by_name: Mapping[str, float] = dataclasses.field(default_factory=dict)
    extra: Leaf | None = None


TEXT = st.text('ab "\\\n\u00e9\U0001f600{', max_size=8)
LEAF = st.builds(Leaf, TEXT, st.sampled_from("ab"))
TREES = st.builds(
    Tree,
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(),
    st.sampled_from([True, False, None]),
    st.lists(LEAF, max_size=3).map(tuple),
    st.dictionaries(TEXT, st.floats(allow_nan=False, allow_infinity=False), max_size=3),
    st.none() | LEAF,
)


@given(TREES)
def test_what_is_written_is_read_back_and_written_the_same(tree):
    line = encode(tree)
    assert decode(Tree, line) == tree and encode(decode(Tree, line)) == line
    assert line.isascii() and "\n" not in line and list(json.loads(line)) == sorted(json.loads(line))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["number", "leaves", "x"]), inner),
)


@given(JSON, st.sampled_from(["number", "count", "flag", "leaves", "by_name", "extra", "x"]))
def test_whatever_is_read_ends_in_a_value_or_a_sentence(odd, name):
    plain = {"number": 1, "count": 1, "flag": None, "leaves": [{"name": "n"}]}
    for document in (odd, plain | {name: odd}):
        try:
            assert isinstance(decode(Tree, json.dumps(document)), Tree)
        except WorkflowError as error:
            assert str(error).endswith(".")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "no JSON of a Tree"),
        ("[" * 100_000, "no JSON of a Tree"),
        ('{"number": NaN}', "NaN is no number of JSON"),
        ("[]", r"Tree is \[\], and an object was expected"),
        ('{"nmber": 1}', "unknown field 'nmber'; it may have number, count"),
        ('{"number": 1, "count": 1, "flag": true}', "Tree lacks the field 'leaves'"),
        (
            '{"number": 1, "count": 1.5, "flag": true, "leaves": []}',
            "Tree.count is 1.5, and a whole number was expected",
        ),
        ('{"number": "1", "count": 1, "flag": true, "leaves": []}', 'Tree.number is "1", and a number was expected'),
        ('{"number": 1, "count": true, "flag": true, "leaves": []}', "Tree.count is true"),
        (
            '{"number": 1, "count": 1, "flag": 0, "leaves": []}',
            "Tree.flag is 0, and true or false or null was expected",
        ),
        (
            '{"number": 1, "count": 1, "flag": null, "leaves": [{"name": "", "kind": "c"}]}',
            r'Tree.leaves\[0\].kind is "c", and one of a, b was expected',
        ),
        ('{"number": 1, "count": 1, "flag": null, "leaves": [], "by_name": []}', "Tree.by_name"),
        ('{"number": 1e999, "count": 1, "flag": null, "leaves": []}', "Tree.number is a number out of range"),
    ],
)
def test_what_is_no_value_is_told(text, sentence):
    with pytest.raises(WorkflowError, match=sentence):
        decode(Tree, text)


def test_numbers_that_json_has_not_are_told():
    with pytest.raises(WorkflowError, match="a number that JSON has not"):
        encode(Tree(float("inf"), 1, None, ()))
    with pytest.raises(WorkflowError, match="lacks the field"):
        decode(Instance, "{}")


@pytest.mark.parametrize(
    ("checkpoint", "found", "expected"),
    [
        (Checkpoint("exact", "Ulm"), " ulm\n", True),
        (Checkpoint("exact", "Ulm"), "in Ulm", False),
        (Checkpoint("api", "API(move:/a/b)"), "done, MOVE:/A/B it was", True),
        (Checkpoint("api", "move:/a/b"), "move:/a", False),
        (Checkpoint("predicate", "Ulm", "contains"), "fulminate", True),
        (Checkpoint("predicate", "Ulm", "says"), "fulminate", False),
        (Checkpoint("predicate", "Ulm Neu", "says"), "in Ulm-Neu.", True),
        (Checkpoint("predicate", "1234.5", "number", {"absolute": 0.1}), "about 1,234.58 EUR", True),
        (Checkpoint("predicate", "1234.5", "number", {"absolute": 0.1}), "1234.7", False),
        (Checkpoint("predicate", "-200", "number", {"relative": 0.01}), "it is -2.01e2", True),
    ],
)
def test_checkpoints(checkpoint, found, expected):
    assert matches(checkpoint, found) == expected


def test_predicates_are_named_and_can_be_added():
    with pytest.raises(
        WorkflowError, match="'__import__' is no predicate of checkpoints; take one of contains, number"
    ):
        matches(Checkpoint("predicate", "1", "__import__"), "1")
    with pytest.raises(WorkflowError, match="cannot decide about the value 'Ulm'"):
        matches(Checkpoint("predicate", "Ulm", "number"), "1")
    try:
        predicate("longer")(lambda found, value, parameters: len(found) > len(value))
        assert matches(Checkpoint("predicate", "ab", "longer"), "abc")
    finally:
        del PREDICATES["longer"]
