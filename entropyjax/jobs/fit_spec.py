"""What is fitted, read from a TOML file."""

from collections.abc import Mapping
from typing import Any

from entropyjax.io.config.document import Source
from entropyjax.io.config.fits import load_fit
from entropyjax.jobs.fit import FitSpec


def read_fit_spec(source: Source, over: Mapping[str, Any] = {}, label: str = "over") -> FitSpec:
    """Return the specification of a file, or of a mapping of the same form; what it does not say has its default.

    **Arguments:** `over`: tables of the same form that win, which messages call `label`.

    **Raises:** `ConfigError` with one sentence per problem, with file and line where they are known.
    """
    return FitSpec(**load_fit(source, over, label))
