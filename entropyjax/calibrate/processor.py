"""The processor of this machine: its name, and how wide its vector registers are."""

import platform
from pathlib import Path
from typing import NamedTuple

_TABLE = Path("/proc/cpuinfo")


class Processor(NamedTuple):
    """A processor, as far as compiled code depends on it.

    **Attributes:**

    - `name`: what it calls itself.
    - `architecture`: instruction set, e.g. `x86_64`.
    - `vector_bits`: 512 with AVX-512, 256 with AVX2, otherwise or unknown 128.
    """

    name: str
    architecture: str
    vector_bits: int


def this_processor() -> Processor:
    """Return the processor of this machine; where no table of it can be read, the narrowest assumption."""
    try:
        table = _TABLE.read_text(encoding="utf-8", errors="replace")
    except OSError:
        table = ""
    return describe(table, platform.processor(), platform.machine())


def describe(table: str, name: str, architecture: str) -> Processor:
    """Return the processor that a table in the form of Linux's `/proc/cpuinfo` describes.

    **Arguments:** `name`: used where the table has none.
    """
    lines = (line.partition(":") for line in table.splitlines())
    entries: dict[str, str] = {}
    for key, _, value in lines:
        # The first core stands for all.
        entries.setdefault(key.strip(), value.strip())
    features = set(entries.get("flags", "").split())
    bits = 512 if "avx512f" in features else 256 if "avx2" in features else 128
    return Processor(entries.get("model name", name), architecture, bits)
