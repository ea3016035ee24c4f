"""The text of XLA_FLAGS: what is added, and that what the user says stays."""

import pytest
from hypothesis import given, strategies as st

from entropyjax.calibrate.flags import (
    WHOLE_LOOPS,
    WIDE_VECTORS,
    Setting,
    candidates,
    merge,
    missing,
    names_a_file,
    values,
)

LOOPS = "xla_cpu_small_while_loop_byte_threshold=1000000000"
WIDTH = "--xla_cpu_prefer_vector_width=512"
MAP = "--xla_backend_extra_options="
BOTH = candidates(512)


def test_wide_vectors_are_for_avx512_alone():
    assert candidates(512) == (WHOLE_LOOPS, WIDE_VECTORS)
    assert candidates(256) == candidates(128) == (WHOLE_LOOPS,)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("", f"{WIDTH} {MAP}{LOOPS}"),
        (" \n", f"{WIDTH} {MAP}{LOOPS}"),
        ("--xla_a=1", f"{WIDTH} {MAP}{LOOPS} --xla_a=1"),
        # The user's choice of the same name.
        ("--xla_cpu_prefer_vector_width=128", f"{MAP}{LOOPS} --xla_cpu_prefer_vector_width=128"),
        (f"{MAP}xla_cpu_small_while_loop_byte_threshold=0", f"{WIDTH} {MAP}xla_cpu_small_while_loop_byte_threshold=0"),
        # A map that is there is filled up, in whatever quotes.
        (f"{MAP}xla_b=2,xla_c", f"{WIDTH} {MAP}{LOOPS},xla_b=2,xla_c"),
        (f'{MAP}"xla_b=x y" --xla_a=1', f'{WIDTH} {MAP}"{LOOPS},xla_b=x y" --xla_a=1'),
        (f"{MAP}'xla_b=2'", f"{WIDTH} {MAP}'{LOOPS},xla_b=2'"),
        (f"{MAP} --xla_a=1", f"{WIDTH} {MAP}{LOOPS} --xla_a=1"),
        (f"{MAP}xla_b=2 {MAP}xla_c=3", f"{WIDTH} {MAP}{LOOPS},xla_b=2 {MAP}xla_c=3"),
        # What only looks like the map, or stands where XLA no longer reads.
        (f"--xla_a='{MAP}xla_b=2'", f"{WIDTH} {MAP}{LOOPS} --xla_a='{MAP}xla_b=2'"),
        (f"--xla_a=1 stop {MAP}xla_b=2", f"{WIDTH} {MAP}{LOOPS} --xla_a=1 stop {MAP}xla_b=2"),
    ],
)
def test_merge(said, expected):
    assert merge(said, BOTH) == expected
    assert merge(expected, BOTH) == expected
    assert missing(expected, BOTH) == ()


def test_values_reads_the_map_and_the_flags():
    text = f"""--xla_a  --xla_b="x \\"y" {MAP}'xla_c=1,xla_d,xla_e=f=g' --xla_b='2' rest --xla_h=3"""
    assert values(text) == {"xla_a": "", "xla_b": "2", "xla_c": "1", "xla_d": "", "xla_e": "f=g"}
    assert values('--xla_b="x \\"y"') == {"xla_b": 'x "y'}


NAMES = st.from_regex(r"xla_[a-z]{1,8}", fullmatch=True) | st.sampled_from([s.name for s in BOTH])
WORDS = st.from_regex(r"[a-z0-9./]{1,6}", fullmatch=True)


@given(st.dictionaries(NAMES, WORDS, max_size=4), st.dictionaries(NAMES, WORDS, max_size=4), st.sampled_from("\"' "))
def test_merge_keeps_what_is_said_and_adds_the_rest_once(flags, options, quote):
    quote = quote.strip()
    words = [f"--{name}={quote}{value}{quote}" for name, value in flags.items()]
    if options:
        words.insert(1, f"{MAP}{quote}{','.join(f'{name}={value}' for name, value in options.items())}{quote}")
    said = " ".join(words)
    merged = merge(said, BOTH)
    assert values(merged) == {setting.name: setting.value for setting in BOTH} | values(said)
    assert set(values(said)) == set(flags) | set(options)
    assert merged.count(MAP) <= 1
    assert merge(merged, BOTH) == merged


def test_an_unknown_flag_is_written_as_any_other():
    assert merge("", [Setting("xla_x", "1"), Setting("xla_y", "2", in_map=True)]) == f"--xla_x=1 {MAP}xla_y=2"


@pytest.mark.parametrize(
    ("text", "expected"), [("", False), (" ", False), (" --xla_a=1", False), ("flags.txt", True), (" /a/b", True)]
)
def test_names_a_file(text, expected):
    assert names_a_file(text) == expected
