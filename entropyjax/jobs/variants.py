"""Variants of a sweep: what its axes change in the compiled program runs one after the other."""

from collections.abc import Iterator

from entropyjax.io.config import Axis, SweepConfig
from entropyjax.jobs.errors import JobError
from entropyjax.phase import Cells

_TIME_GRID = ("run.horizon", "run.save_intervals")


def split_axes(config: SweepConfig) -> tuple[tuple[Axis, ...], tuple[Axis, ...]]:
    """Return the axes over variants and those over cells of one compiled program.

    The micro-step of agents is the step of their grid and therefore compiled in.

    **Raises:** `JobError` for an axis over the time grid, which all cells share.
    """
    for axis in config.axes:
        if axis.path in _TIME_GRID:
            raise JobError(f"{axis.path} cannot be an axis, for all cells share one; run a sweep for each value.")
    dynamics = {config.run.dynamics, *(v for axis in config.axes if axis.path == "run.dynamics" for v in axis.values)}
    compiled = {"params.step_size"} if "agents" in dynamics else set()
    swept = tuple(axis for axis in config.parameter_axes if axis.path not in compiled)
    return tuple(axis for axis in config.axes if axis not in swept), swept


def variants(config: SweepConfig) -> Iterator[SweepConfig]:
    """Yield the sweep over parameters for each combination of the variant axes, in C order."""
    cells = Cells({axis.path: axis.values for axis in split_axes(config)[0]})
    for number in range(len(cells)):
        values = cells[number]
        yield config.with_values(values) if values else config
