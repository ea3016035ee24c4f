"""Variants of a sweep: what its axes change in the compiled program runs one after the other."""

from collections.abc import Iterator

from entropyjax.io.config import SweepConfig
from entropyjax.phase import Cells


def variants(config: SweepConfig) -> Iterator[SweepConfig]:
    """Yield the sweep over parameters for each combination of the variant axes, in C order."""
    cells = Cells({axis.path: axis.values for axis in config.variant_axes})
    for number in range(len(cells)):
        values = cells[number]
        yield config.with_values(values) if values else config
