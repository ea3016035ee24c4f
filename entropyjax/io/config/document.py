"""A whole configuration before it is checked: a source, the files it builds on, and overrides."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from entropyjax.io.config.defaults import without_stale
from entropyjax.io.config.errors import ConfigError, Problem
from entropyjax.io.config.layers import Layer, Override, read_toml
from entropyjax.io.config.samples import anchor
from entropyjax.io.config.values import plain, show

Source = str | os.PathLike[str] | Mapping[str, Any]


class Document:
    """Merged values of several layers, and where each of them came from.

    **Attributes:**

    - `data`: the merged values.
    - `layers`: the layers, lowest first.
    """

    def __init__(self, source: Source, overrides: Sequence[str] = ()):
        directory = Path() if isinstance(source, Mapping) else Path(source).parent
        self.layers = _with_bases(source)
        self.data: dict[str, Any] = {}
        for layer in self.layers:
            self.data = _merged(self.data, layer.data)
        problems = []
        for text in [overrides] if isinstance(overrides, str) else overrides:
            try:
                override = Override(text)
                if override.parts == ("run", "dynamics") and not any(_sets_dynamics(o) for o in self.layers):
                    # What the file gives for other dynamics does not stand in the way of new ones.
                    self.data = without_stale(self.data, override.value)
                if override.parts[0] == "base":
                    raise ConfigError([f"{override.label}: base is read before overrides; write it in the file."])
                self.data = override.onto(self.data, directory)
            except ConfigError as error:
                problems += error.problems
            else:
                self.layers.append(override)
        if problems:
            raise ConfigError(problems)

    def line(self, problem: Problem) -> str:
        """Return a problem as a line of a message, with its file and line."""
        top = self.layers[-1] if not isinstance(self.layers[-1], Override) else self._file()
        best, depth = top, 0
        for layer in reversed(self.layers):
            found = layer.depth(problem.location)
            if found > depth:
                best, depth = layer, found
            if found and problem.location[0] == "axes" and "axes" in layer.data:
                break  # An array replaces that of the layers below as a whole.
        return f"{best.prefix(problem.location[:depth] or problem.location)}{problem.sentence}"

    def _file(self) -> Layer:
        return next(layer for layer in reversed(self.layers) if not isinstance(layer, Override))


def _with_bases(source: Source) -> list[Layer]:
    """Return the layers of a source and of what it builds on, lowest first."""
    if isinstance(source, Mapping):
        try:
            layer, directory = Layer("config", plain(source)), Path()
        except ValueError as error:
            raise ConfigError([f"config: {error}"]) from None
    else:
        layer, directory = read_toml(os.fspath(source)), Path(source).parent
    layers, seen = [layer], [] if isinstance(source, Mapping) else [_identity(source)]
    while "base" in layer.data:
        base, prefix = layer.data.pop("base"), layer.prefix(("base",))
        layer.data = anchor(layer.data, directory)
        if not isinstance(base, str):
            raise ConfigError([f"{prefix}base must be the name of a TOML file in quotes, not {show(base)}."])
        path = Path(os.path.normpath(directory / base))
        if not os.path.isfile(path):  # Path.is_file raises where a name is too long.
            text = f"base = '{base}' is not a file ({path}); give its path from this file."
            raise ConfigError([prefix + text])
        if _identity(path) in seen:
            text = f"base = '{base}' leads back to a file that builds on it; break the circle."
            raise ConfigError([prefix + text])
        seen.append(_identity(path))
        layer, directory = read_toml(path), path.parent
        layers.append(layer)
    layer.data = anchor(layer.data, directory)
    return layers[::-1]


def _sets_dynamics(layer: Layer) -> bool:
    return isinstance(layer, Override) and layer.parts[0] == "run"


def _identity(path: str | os.PathLike[str]) -> str:
    return os.path.realpath(path)


def _merged(under: Any, over: Any) -> Any:
    """Merge tables key by key; a table with a distribution is one value."""
    if not (isinstance(under, dict) and isinstance(over, dict)) or "distribution" in over:
        return over
    return {**under, **{key: _merged(under.get(key), item) for key, item in over.items()}}
