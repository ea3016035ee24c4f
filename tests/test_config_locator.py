"""Line numbers in a TOML text."""

import tomllib

import pytest
from hypothesis import given, strategies as st

from entropyjax.io.config.locator import Locator

TEXT = '''\
title = "a [x] # no comment"  # run = 1
description = """
[run]
horizon = 1 \\""" ]
"""
model.name = "star"
'quoted key'."and another" = 1

[params]  # [nothing]
list = [
  1, # ]
  [2, "]"],
]
after = 1
  [ a . b ]
  x = {y = 1, z = [1,
    2]}
[[axes]]
path = "p"
[axes.linspace]
num = 3

[[axes]]
[[axes.inner]]
k = 1
[[axes.inner]]
k = 2
[last]
literal = \'\'\'
[no]
\'\'\'
end = ''
'''


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("location", "line"),
    [
        (("title",), 1),
        (("description",), 2),
        (("model",), 6),
        (("model", "name"), 6),
        (("quoted key", "and another"), 7),
        (("params",), 9),
        (("params", "list"), 10),
        (("params", "list", 1), 10),
        (("params", "after"), 14),
        (("a", "b"), 15),
        (("a", "b", "x", "y"), 16),
        (("axes",), 18),
        (("axes", 0), 18),
        (("axes", 0, "path"), 19),
        (("axes", 0, "linspace"), 20),
        (("axes", 0, "linspace", "num"), 21),
        (("axes", 1), 23),
        (("axes", 1, "missing"), 23),
        (("axes", 1, "inner", 0, "k"), 25),
        (("axes", 1, "inner", 1, "k"), 27),
        (("last", "literal"), 29),
        (("last", "end"), 32),
        (("nowhere",), None),
        ((), None),
        (("run", "horizon"), None),
    ],
)
def test_lines(location: tuple, line: int | None, newline: str) -> None:
    text = TEXT.replace("\n", newline)
    tomllib.loads(text)
    assert Locator(text).line(location) == line


@given(st.text(alphabet="ab=.[]{}\"'#\n\\ 1,", max_size=60))
def test_any_text_is_survived(text: str) -> None:
    Locator(text).line(("a", "b"))
