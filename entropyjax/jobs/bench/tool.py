"""The contract of a tool, and the registry that finds one by name."""

import abc
from collections.abc import Mapping
from typing import Any, ClassVar

from entropyjax.jobs.bench.problem import WORKLOADS, Lanes
from entropyjax.params import Registry


class Unsupported(Exception):
    """A tool cannot run a workload here; the message is a sentence."""


class AbstractRun(abc.ABC):
    """A tool made ready for one workload at one setting: compiled, its inputs in place.

    **Attributes:** `compile_s`: time that its compilation took, in s, if only the tool knows.
    """

    compile_s: float | None = None

    @abc.abstractmethod
    def measure(self, count: int) -> dict[str, Any]:
        """Run `count` trajectories.

        **Returns:** `seconds` between inputs in memory and statistics in memory, the statistics as `summary`, and
        whatever else is worth reporting. Whatever must be compiled for a new size is compiled before the clock.
        """

    def lanes(self, count: int) -> Lanes:
        """Return the ends and events of the first trajectories."""
        raise Unsupported("This tool gives no single trajectories.")

    def facts(self) -> dict[str, Any]:
        """Return what a reader of the report should know of this run beside its figures."""
        return {}


class AbstractTool(abc.ABC):
    """One of the things that are compared. It lives in a process of its own.

    **Attributes:**

    - `title`: the name in tables and figures.
    - `workloads`: by name of the workload, what the tool does there, in a sentence.
    - `settings`: settings by workload where they differ from the workload's own.
    - `same_bits`: whether its noise is the package's, bit for bit.
    """

    title: ClassVar[str]
    workloads: ClassVar[Mapping[str, str]]
    settings: ClassVar[Mapping[str, tuple[float, ...]]] = {}
    same_bits: ClassVar[bool] = True

    def missing(self) -> str | None:
        """Return why the tool is not here, as a sentence, or `None`; it must be quick and import nothing heavy."""
        return None

    def environment(self, threads: int) -> dict[str, str]:
        """Return what the tool's process needs in its environment to use `threads` threads."""
        return {"OMP_NUM_THREADS": str(threads), "NUMBA_NUM_THREADS": str(threads)}

    def settings_of(self, workload: str) -> tuple[float, ...]:
        """Return the settings to try, from cheap to dear."""
        return self.settings.get(workload, WORKLOADS[workload].settings)

    @abc.abstractmethod
    def prepare(self, workload: str, setting: float, threads: int) -> AbstractRun:
        """Return a run that is ready but for what depends on the number of trajectories.

        **Raises:** `Unsupported` if the tool cannot do it here.
        """


TOOLS: Registry[AbstractTool] = Registry("tool", "entropyjax.jobs.bench.tools")
register = TOOLS.register
