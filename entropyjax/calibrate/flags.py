"""The flags of XLA that help an ensemble on a CPU, and how they join the text of `XLA_FLAGS`.

By default XLA's CPU backend turns the body of a loop into several small kernels and calls them in turn at every
iteration. A loop that touches fewer bytes than a threshold it compiles into one function instead; the threshold,
1 kB, is an entry of the map `xla_backend_extra_options`. A second flag sets the width of the vectors that LLVM
prefers, 256 bits by default.

The text follows XLA's own reader (`xla/parse_flags_from_env.cc`): flags apart by white space, `--name=value`,
a value in single or double quotes, and a text that does not start with "-" names a file.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

MAP = "xla_backend_extra_options"
"""The flag that is a map, written `option=value,option=value`."""

_TOKEN = re.compile(
    r"""--?(?P<name>[-\w]*)
        (?:=(?:"(?P<double>(?:\\.|[^"\\])*)"? | '(?P<single>[^']*)'? | (?P<plain>\S*)) | \S*)""",
    re.VERBOSE | re.ASCII,
)


class Setting(NamedTuple):
    """One value that XLA can be given.

    **Attributes:**

    - `name`, `value`: what is set to what.
    - `in_map`: whether it is an entry of the map `xla_backend_extra_options` and no flag of its own.
    """

    name: str
    value: str
    in_map: bool = False

    def __str__(self) -> str:
        return f"{self.name}={self.value}"


WHOLE_LOOPS = Setting("xla_cpu_small_while_loop_byte_threshold", "1000000000", in_map=True)
"""Compile a loop of up to 1 GB into one function."""

WIDE_VECTORS = Setting("xla_cpu_prefer_vector_width", "512")
"""Use the whole of a register of AVX-512."""


def candidates(vector_bits: int) -> tuple[Setting, ...]:
    """Return the settings worth a try on a processor with vector registers of this width in bits."""
    # XLA's default of 256 bits fits every other processor.
    return (WHOLE_LOOPS, WIDE_VECTORS) if vector_bits >= 512 else (WHOLE_LOOPS,)


def names_a_file(text: str) -> bool:
    """Return whether XLA would take a text for the name of a file with flags."""
    return bool(text.strip()) and not text.lstrip().startswith("-")


def values(text: str) -> dict[str, str]:
    """Return what a text sets, entries of the map among the flags; the last of equal names holds."""
    found: dict[str, str] = {}
    for token in _tokens(text):
        value = _value(token)
        if token["name"] == MAP:
            pairs = (entry.partition("=") for entry in value.split(",") if entry)
            found |= {name: setting for name, _, setting in pairs}
        else:
            found[token["name"]] = value
    return found


def missing(text: str, settings: Sequence[Setting]) -> tuple[Setting, ...]:
    """Return the settings about which a text says nothing."""
    said = values(text)
    return tuple(setting for setting in settings if setting.name not in said)


def merge(text: str, settings: Sequence[Setting]) -> str:
    """Return a text with settings added; whatever it sets itself stays as it is, and nothing stands twice.

    **Arguments:** `text`: flags, not the name of a file.
    """
    new = missing(text, settings)
    entries = ",".join(str(setting) for setting in new if setting.in_map)
    flags = [f"--{setting}" for setting in new if not setting.in_map]
    place = next((token for token in _tokens(text) if token["name"] == MAP and token.lastgroup != "name"), None)
    if entries and place is not None:
        start = place.start(str(place.lastgroup))
        text = text[:start] + entries + ("," if _value(place) else "") + text[start:]
    elif entries:
        flags.append(f"--{MAP}={entries}")
    # In front, because XLA stops reading at the first word that is no flag.
    return " ".join([*flags, text.strip()]).strip()


def _tokens(text: str) -> Iterator[re.Match[str]]:
    """Yield the flags up to the first word that is none, as XLA reads them."""
    position = 0
    while True:
        position += len(text[position:]) - len(text[position:].lstrip())
        token = _TOKEN.match(text, position)
        if token is None:
            return
        yield token
        position = token.end()


def _value(token: re.Match[str]) -> str:
    if token["double"] is not None:
        return re.sub(r"\\(.)", r"\1", token["double"], flags=re.DOTALL)
    return token["single"] or token["plain"] or ""
