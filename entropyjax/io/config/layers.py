"""Layers of a configuration: a mapping, a TOML file, or an override; each knows where its values stand."""

import functools
import operator
import tomllib
from pathlib import Path
from typing import Any

from entropyjax.io.config.errors import ConfigError, Location
from entropyjax.io.config.locator import Locator
from entropyjax.io.config.samples import anchor
from entropyjax.io.config.text import read_text
from entropyjax.io.config.values import plain, put, split


class Layer:
    """A source of values.

    **Attributes:**

    - `label`: how messages call it.
    - `data`: its values, as a whole configuration of its own.
    """

    def __init__(self, label: str, data: dict[str, Any], locator: Locator | None = None):
        self.label, self.data, self._locator = label, data, locator

    def depth(self, location: Location) -> int:
        """Return how many leading parts of `location` this layer holds."""
        node: Any = self.data
        for count, part in enumerate(location):
            inside = isinstance(node, dict) and part in node
            if not inside and not (isinstance(node, tuple) and isinstance(part, int) and part < len(node)):
                return count
            node = node[part]  # pyright: ignore[reportArgumentType, reportCallIssue]
        return len(location)

    def prefix(self, location: Location) -> str:
        """Return what a message about `location` starts with."""
        line = self._locator.line(location) if self._locator else None
        return f"{self.label}: " if line is None else f"{self.label}:{line}: "


class Override(Layer):
    """One `dotted.path=value`, given beside the file."""

    def __init__(self, text: str):
        path, equals, value = text.partition("=")
        self.text = text
        super().__init__(f"--set {text}", {})
        if not equals:
            raise ConfigError([f"{self.label}: no '=' in it; write it as dotted.path=value."])
        try:
            self.parts = split(path.strip())
            self.value = plain(_parsed(value.strip()))
        except (LookupError, ValueError) as error:
            raise ConfigError([f"{self.label}: {_said(error)}"]) from None

    def onto(self, data: dict[str, Any], directory: Path) -> dict[str, Any]:
        """Return `data` with the override in place; a file of samples is relative to `directory`."""
        alone = anchor(put({}, self.parts, self.value), directory)
        try:
            return put(data, self.parts, functools.reduce(operator.getitem, self.parts, alone))
        except LookupError as error:
            raise ConfigError([f"{self.label}: {_said(error)}"]) from None

    def depth(self, location: Location) -> int:
        """Return how many leading parts of `location` this override sets: all of them or none."""
        own = tuple(str(part) for part in location[: len(self.parts)])
        return len(location) if own == self.parts else 0


def read_toml(path: str | Path) -> Layer:
    """Return the layer of a TOML file.

    **Raises:** `ConfigError` if it cannot be read or is no TOML.
    """
    label = str(path)
    try:
        text = read_text(path)
        return Layer(label, plain(_tables(text)), Locator(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([_syntax(label, str(error))]) from None
    except ValueError as error:
        raise ConfigError([f"{label}: {error}"]) from None


def _tables(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except ValueError:  # Python converts integers of 4300 digits at most.
        raise ValueError("It holds a whole number of thousands of digits; choose a smaller one.") from None
    except RecursionError:
        raise ValueError("Its arrays are nested too deeply; flatten them.") from None


def _syntax(label: str, message: str) -> str:
    """Return the sentence for tomllib's message, which ends in its place, as "(at line 3, column 7)"."""
    what, _, place = message.partition(" (at ")
    place = place.rstrip(")")
    words = place.replace(",", "").split()
    line = f":{words[1]}" if len(words) == 4 and words[0] == "line" else ""
    return f"{label}{line}: not valid TOML: {what[:1].lower()}{what[1:]} at {place or 'an unknown place'}."


def _parsed(text: str) -> Any:
    """Return a TOML value, or the text itself if it is none."""
    try:
        table = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    # A line break could smuggle in further keys.
    return table["value"] if set(table) == {"value"} else text


def _said(error: Exception) -> str:
    return str(error.args[0]) if error.args else str(error)
