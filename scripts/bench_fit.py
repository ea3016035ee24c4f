"""Measure what inference costs: fits, the bootstrap of the estimators, intervals, and reading of logs.

    python scripts/bench_fit.py
    python scripts/bench_fit.py --only fit intervals --json fit.json

Simulated runs of a star: 50 tasks with 4 runs of 20 steps, about as many and as focused as those of the airline set of
docs/entropy.md, and 100,000 runs for reading. Other work on the machine makes the wall clock's times longer: those of
the processor, over all threads, and the load are beside them.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np

from entropyjax.inference import trace_entropy
from entropyjax.inference.fit import Fit, fit
from entropyjax.inference.godambe import godambe
from entropyjax.inference.laplace import laplace
from entropyjax.inference.parameters import Free
from entropyjax.inference.problem import Problem, make_problem
from entropyjax.inference.profiles import profiles
from entropyjax.inference.refits import bootstrap_fit
from entropyjax.inference.smc import smc
from entropyjax.inference.terms import Agreement
from entropyjax.inference.units import units
from entropyjax.jobs.bench import machine
from entropyjax.models import Star
from entropyjax.records import TraceSet
from entropyjax.traces import read_traces, simulated_traces, write_traces

NAMES = ("evidence", "effective_fraction", "focus_rate", "initial_focus", "dilution_order", "task_spread")
STEPS = 20

FOCUSED = {
    "n_agents": 14.0,
    "context_window": 128.0,
    "evidence": 6.0,
    "effective_fraction": 0.2,
    "focus_rate": 1.3,
    "initial_focus": 4.0,
    "dilution_order": 1.3,
    "resolution_rate": 0.0,
    "error_tokens": 0.0,
    "compaction_rate": 0.3,
}

Seconds = tuple[float, float]
"""Of the wall clock, and of the processor over all threads."""

Row = tuple[str, Seconds, str]
"""What was measured, how long it took, what it says."""


def runs_of(tasks: int, runs: int, steps: int) -> TraceSet:
    """Return simulated runs that all have `steps` steps."""
    params = Star().params(**FOCUSED)
    return simulated_traces(Star(), params, runs=runs, tasks=tasks, steps=steps, key=jax.random.key(0))


def timed(work: Callable[[], Any]) -> tuple[Seconds, Any]:
    """Return how long a call took, and what it returned."""
    start = time.perf_counter(), time.process_time()
    out = work()
    return (time.perf_counter() - start[0], time.process_time() - start[1]), out


def problem_of(traces: TraceSet) -> Problem:
    """Return the fit of six parameters to which runs agree."""
    found = units(traces)
    fixed = {name: value for name, value in FOCUSED.items() if name not in (*NAMES, "n_agents")}
    return make_problem(Star(), found, [Agreement.of(traces, found, 0)], [Free(name) for name in NAMES], fixed=fixed)


def fits(problem: Problem) -> Iterator[Row]:
    """Measure a fit from 64 starts, the first call and a second one."""
    rows = len(problem.terms[0].unit)
    first, found = timed(lambda: fit(problem, starts=64))
    again, found = timed(lambda: fit(problem, starts=64, seed=1))
    yield "64 starts, 6 parameters, first call", first, "with compilation"
    yield "64 starts, 6 parameters, again", again, f"{rows} groups at {STEPS} steps; {found.starts()}"


def intervals(found: Fit) -> Iterator[Row]:
    """Measure each kind of interval, compilation included."""
    yield "Laplace, 1,000 draws", timed(lambda: laplace(found))[0], "with compilation, as all of these"
    yield "Godambe, 1,000 draws", timed(lambda: godambe(found))[0], ""
    yield "bootstrap of the fit, 400 replicates", timed(lambda: bootstrap_fit(found))[0], ""
    yield "profiles of 6 parameters, 41 points each", timed(lambda: profiles(found))[0], "123 maxima a parameter"
    yield "sequential Monte Carlo, 1,000 draws", timed(lambda: smc(found.problem))[0], ""


def estimators(traces: TraceSet) -> Iterator[Row]:
    """Measure 10,000 bootstrap replicates of every estimator of the entropy."""
    seconds, _ = timed(lambda: trace_entropy(traces, jax.random.key(0), replicates=10_000))
    yield "10,000 bootstrap replicates of every estimator", seconds, f"{len(traces)} runs, with compilation"


def reading(runs: int) -> Iterator[Row]:
    """Measure how long packed JSON lines take to read."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "runs.jsonl.gz"
        written, _ = timed(lambda: write_traces(runs_of(runs // 20, 20, STEPS), path))
        size = path.stat().st_size / 2**20
        read, traces = timed(lambda: read_traces(path))
    assert len(traces) == runs and len(traces.agent) == runs * STEPS
    yield f"{runs:,} runs of {STEPS} steps simulated and written", written, f"{size:.0f} MiB packed"
    yield f"{runs:,} runs of {STEPS} steps read", read, f"{len(traces.agent):,} steps"


def measured(only: list[str], runs: int) -> Iterator[Row]:
    """Return the rows of the table."""
    traces = runs_of(50, 4, STEPS)
    problem = problem_of(traces)
    if "fit" in only:
        yield from fits(problem)
    if "intervals" in only:
        yield from intervals(fit(problem, starts=64))
    if "estimators" in only:
        yield from estimators(traces)
    if "reading" in only:
        yield from reading(runs)


def main() -> None:
    """Measure and print; --json writes the figures to a file too."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = ["fit", "intervals", "estimators", "reading"]
    parser.add_argument("--only", choices=kinds, nargs="+", default=kinds)
    parser.add_argument("--runs", type=int, default=100_000, help="runs that are read, a multiple of 20")
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    about = machine.describe(len(os.sched_getaffinity(0)))
    print(
        f"{about['processor']}, {about['threads']} cores, load {about['load']:.1f} before; jax {jax.__version__}, "
        f"numpy {np.__version__}\n"
    )
    print("| what | seconds | of the processor | |\n|---|---|---|---|")
    rows = []
    for name, seconds, note in measured(options.only, options.runs):
        wall, processor = seconds
        rows.append({"what": name, "seconds": round(wall, 2), "processor": round(processor, 2), "note": note})
        print(f"| {name} | {wall:.1f} | {processor:.1f} | {note} |", flush=True)
    print(f"\nload {os.getloadavg()[0]:.1f} after")
    if options.json:
        options.json.write_text(json.dumps({"machine": about, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
