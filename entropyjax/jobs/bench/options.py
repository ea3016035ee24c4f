"""What a comparison is asked to do."""

import dataclasses
import os
from collections.abc import Iterable

from entropyjax.jobs.bench.problem import WORKLOADS
from entropyjax.jobs.bench.tool import TOOLS
from entropyjax.params import UnknownNameError
from entropyjax.params.names import nearest

ORDER = (
    "c",
    "entropyjax-native",
    "entropyjax-scan",
    "numba",
    "diffrax-tuple",
    "diffrax-stacked",
    "torchode",
    "scipy",
)
"""Tools in the order of tables; others follow by name."""


def cores() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclasses.dataclass(frozen=True)
class Options:
    """What to compare.

    **Attributes:**

    - `tools`, `workloads`: by name; empty for all.
    - `seconds`: most time of one run; the sizes stop before it.
    - `rounds`: turns of the contest.
    - `target`: error that a setting may have.
    - `sample`: trajectories that errors are measured on.
    - `largest`: largest size of the scaling, a power of ten is best; 0 for none.
    - `threads`: of every tool.
    - `first`: trajectories of a tool's first run.
    - `quick`: only the setting that is expected to do, and every run with `first` trajectories.
    """

    tools: tuple[str, ...] = ()
    workloads: tuple[str, ...] = ()
    seconds: float = 60.0
    rounds: int = 5
    target: float = 1e-4
    sample: int = 1024
    largest: int = 10**8
    threads: int = dataclasses.field(default_factory=cores)
    first: int = 1024
    quick: bool = False

    def __post_init__(self) -> None:
        known = set(TOOLS.names())
        for name in self.tools:
            TOOLS.get(name)
        for name in self.workloads:
            if name not in WORKLOADS:
                raise UnknownNameError(f"'{name}' is not a workload; {nearest(name, WORKLOADS)}")
        order = [name for name in ORDER if name in known] + sorted(known - set(ORDER))
        object.__setattr__(self, "tools", _in_order(self.tools, order))
        object.__setattr__(self, "workloads", _in_order(self.workloads, WORKLOADS))

    @property
    def sizes(self) -> list[int]:
        """Sizes of the scaling: powers of ten from a thousand on."""
        return [10**power for power in range(3, 13) if 10**power <= self.largest]

    @property
    def pilot(self) -> float:
        """Time of a run that places a setting on the work-precision figure, in s."""
        return min(1.0, self.seconds / 20.0)

    @property
    def contest(self) -> float:
        """Time of one run of the contest, in s."""
        return min(5.0, self.seconds / 5.0)


QUICK = {
    "tools": ("c", "entropyjax-native", "entropyjax-scan", "diffrax-tuple"),
    "workloads": ("rk4",),
    "rounds": 3,
    "sample": 128,
    "largest": 0,
    "first": 2**14,
    "quick": True,
}
"""Options of a quick run, well below a minute; what a user gives goes before them."""


def _in_order(chosen: Iterable[str], order: Iterable[str]) -> tuple[str, ...]:
    chosen = set(chosen)
    return tuple(name for name in order if not chosen or name in chosen)
