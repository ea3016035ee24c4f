"""Line numbers of a TOML text's tables and keys, which tomllib does not keep."""

import re
from collections.abc import Iterator

from entropyjax.io.config.errors import Location

_PART = r"""(?:"(?:\\.|[^"\\\n])*"|'[^'\n]*'|[A-Za-z0-9_-]+)"""
_KEY = rf"\s*{_PART}(?:\s*\.\s*{_PART})*\s*"
_ARRAY_HEADER = re.compile(rf"\[\[({_KEY})\]\]")
_HEADER = re.compile(rf"\[({_KEY})\]")
_ASSIGNMENT = re.compile(rf"({_KEY})=")
_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*|[\[\]{}]|\n",
    re.DOTALL,
)


class Locator:
    """Maps locations to lines of a valid TOML text; a key inside an inline table has the table's line."""

    def __init__(self, text: str):
        self._lines: dict[Location, int] = {}
        self._counts: dict[Location, int] = {}
        context: Location = ()
        for line, statement in _statements(text):
            if found := _ARRAY_HEADER.match(statement):
                parts = _parts(found[1])
                path = (*self._resolve(parts[:-1]), parts[-1])
                self._counts[path] = self._counts.get(path, 0) + 1
                context = self._resolve(parts)
            elif found := _HEADER.match(statement):
                context = self._resolve(_parts(found[1]))
            elif found := _ASSIGNMENT.match(statement):
                self._add((*context, *_parts(found[1])), line)
                continue
            self._add(context, line)

    def line(self, location: Location) -> int | None:
        """Return the line of a location, else that of the closest table around it, else None."""
        for length in range(len(location), 0, -1):
            if location[:length] in self._lines:
                return self._lines[location[:length]]
        return None

    def _add(self, location: Location, line: int) -> None:
        for length in range(1, len(location) + 1):
            self._lines.setdefault(location[:length], line)

    def _resolve(self, parts: Location) -> Location:
        """Insert the index of the present entry after each name of an array of tables."""
        out: Location = ()
        for part in parts:
            out = (*out, part)
            if out in self._counts:
                out = (*out, self._counts[out] - 1)
        return out


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield each header or assignment with the number of its first line."""
    start, depth, line = 0, 0, 1
    for token in _TOKEN.finditer(text + "\n"):
        mark = token[0]
        depth += (mark in "[{") - (mark in "]}")
        if mark == "\n" and depth <= 0:
            piece = text[start : token.start()]
            body = piece.lstrip()
            yield line + piece[: len(piece) - len(body)].count("\n"), body
            line += piece.count("\n") + 1
            start, depth = token.end(), 0


def _parts(key: str) -> Location:
    return tuple(part.strip("\"'") for part in re.findall(_PART, key))
