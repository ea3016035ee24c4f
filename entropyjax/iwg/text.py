"""Words of a text, as the metrics and the checks for leaks read them."""

import re

_WORD = re.compile(r"[a-z0-9]+")


def words(text: str) -> list[str]:
    """Return the runs of ASCII letters and digits in a text, in lower case."""
    return _WORD.findall(text.lower())


def phrase(text: str) -> str:
    """Return the words of a text with a blank around each: `" b c "` stands in that of "A b-c"."""
    return f" {' '.join(words(text))} "


def listed(text: str) -> tuple[str, ...]:
    """Return the parts of a text between blanks."""
    return tuple(text.split())


def says(text: str, value: str) -> bool:
    """Return whether a text holds the words of `value`, next to each other and whole; nothing is held in silence."""
    asked = phrase(value)
    return bool(asked.strip()) and asked in phrase(text)
