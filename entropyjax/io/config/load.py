"""`load`: from a TOML file or a mapping to a checked configuration."""

from collections.abc import Sequence

from entropyjax.io.config.document import Document, Source
from entropyjax.io.config.sweep import SweepConfig, assemble


def load(source: Source, overrides: Sequence[str] = ()) -> SweepConfig:
    """Read a sweep or a preset.

    **Arguments:**

    - `source`: path of a TOML file, or a mapping of the same form; its `base` is relative to the file.
    - `overrides`: texts `dotted.path=value`, applied last; a value that is no TOML is taken as text.

    **Returns:** the checked configuration.

    **Raises:** `ConfigError` with one sentence per problem, with file and line where they are known.
    """
    document = Document(source, overrides)
    return assemble(document.data, document.line)
