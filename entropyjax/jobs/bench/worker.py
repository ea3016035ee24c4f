"""The process of one tool: reads calls as lines of JSON, answers each with one; so its memory is its own."""

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from entropyjax.jobs.bench.summary import Summary
from entropyjax.jobs.bench.tool import TOOLS, AbstractRun, AbstractTool, Unsupported


def peak_mib() -> float:
    """Return the peak resident memory of this process in MiB."""
    try:
        # Not getrusage alone: a child's figure there starts with its parent's.
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024
    except (OSError, StopIteration):
        scale = 2**20 if sys.platform == "darwin" else 2**10
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale


class Worker:
    """Answers calls for one tool."""

    def __init__(self, tool: AbstractTool, threads: int):
        self._tool, self._threads = tool, threads
        self._runs: dict[tuple[str, float], AbstractRun] = {}
        self._baseline = peak_mib()

    def prepare(self, workload: str, setting: float, first: int) -> dict[str, Any]:
        """Make a run ready; `first_result_s` is from the call to the first statistics of `first` trajectories."""
        began = time.perf_counter()
        run = self._tool.prepare(workload, setting, self._threads)
        self._runs[workload, setting] = run
        run.measure(first)
        took = time.perf_counter() - began
        again = run.measure(first)["seconds"]
        if run.compile_s is not None:
            return {"first_result_s": run.compile_s + again, "compile_s": run.compile_s}
        return {"first_result_s": took, "compile_s": max(took - again, 0.0)}

    def measure(self, workload: str, setting: float, count: int) -> dict[str, Any]:
        """Run and time `count` trajectories."""
        found = self._runs[workload, setting].measure(count)
        summary = found.pop("summary", None)
        statistics = {"statistics": summary.as_dict()} if isinstance(summary, Summary) else {}
        # A program of its own has its own memory, and this process only waits for it.
        memory = {"peak_mib": peak_mib(), "imports_mib": self._baseline}
        if "program_peak_mib" in found:
            memory = {"peak_mib": found.pop("program_peak_mib"), "imports_mib": 0.0}
        return {**found, **statistics, **memory}

    def lanes(self, workload: str, setting: float, count: int, file: str) -> dict[str, Any]:
        """Write what single trajectories gave to an `.npz` file."""
        np.savez(file, **self._runs[workload, setting].lanes(count)._asdict())
        return {}

    def facts(self, workload: str, setting: float) -> dict[str, Any]:
        """Return the facts of a run."""
        return self._runs[workload, setting].facts()

    def answer(self, line: str) -> dict[str, Any]:
        """Return the answer to a call; what goes wrong becomes a sentence."""
        call = json.loads(line)
        try:
            return {"answer": getattr(self, call["call"])(**call["arguments"])}
        except Unsupported as error:
            return {"unsupported": str(error)}
        except Exception as error:
            return {"unsupported": f"It failed ({type(error).__name__}: {_first_line(error)})."}


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else ""


def main(name: str, threads: int) -> None:
    """Answer until the calls end."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    # Whatever a library prints must not come between the answers.
    os.dup2(2, 1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    worker = Worker(TOOLS.get(name)(), threads)
    for line in sys.stdin:
        print(json.dumps(worker.answer(line)), file=answers)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
