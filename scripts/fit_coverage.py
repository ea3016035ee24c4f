"""How often intervals of fits hold the truth: simulated sets of runs, each fitted, by Laplace and by Godambe.

    python scripts/fit_coverage.py                        # 200 sets of every study
    python scripts/fit_coverage.py --study choices --sets 50 --json coverage.json

Truths are drawn anew from the prior for each set (`drawn`), or stay at its middle (`fixed`). A set has the size of the
airline set of docs/entropy.md, 50 tasks with 4 runs each. Checked are each free parameter and the directions that the
data fix best and least. The bounds are binomial, and hold for all checks of a study together with 95%.
"""

import argparse
import dataclasses
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import ndtri
from scipy.stats import binom

from entropyjax.inference.drive import drives
from entropyjax.inference.errors import InferenceError
from entropyjax.inference.fisher import checked_curvature
from entropyjax.inference.fit import Fit, fit
from entropyjax.inference.godambe import sandwich
from entropyjax.inference.optimise import Options
from entropyjax.inference.parameters import Free
from entropyjax.inference.problem import Problem, make_problem
from entropyjax.inference.terms import Agreement, Dispatches
from entropyjax.inference.units import units
from entropyjax.jobs.bench import machine
from entropyjax.models import Star
from entropyjax.params import replace
from entropyjax.records import TraceSet
from entropyjax.traces import simulated_traces

LEVEL = 0.9
QUICK = Options(descent=60, polish=8, newton=4)
NOISY = {"resolution_rate": 0.0, "context_window": 32.0, "error_tokens": 2.0}
QUIET = {"focus_noise": 0.0, "token_noise": 0.0, "error_tokens": 0.0, "resolution_rate": 0.0}


class Study(NamedTuple):
    """What is simulated and fitted: `fixed` values, `free` ones, `steps` of each run, the term that is seen.

    **Attributes:** `driven`: whether the course of each run is driven by what its own log says, or all are at the mean.
    """

    term: Any
    free: tuple[Free, ...]
    fixed: dict[str, float]
    steps: int
    doc: str
    driven: bool = False


EFFECT = (
    Free("evidence", 2.5, 6.0),
    Free("initial_focus", -1.0, 3.0),
    Free("focus_rate", 0.3, 2.0),
    Free("task_spread", 0.4, 2.0),
)
LOADED = (Free("evidence", 4.0, 9.0), Free("effective_fraction", 0.2, 0.8), Free("initial_focus", -1.0, 3.0))
STUDIES = {
    "dispatches": Study(
        Dispatches,
        EFFECT,
        {**QUIET, "context_window": 1e6},
        10,
        "dispatches known right or wrong, tasks that differ, a window without load",
    ),
    "agreement": Study(
        Agreement, EFFECT, {**QUIET, "context_window": 1e6}, 10, "the same, only who agrees with whom is seen"
    ),
    "loaded": Study(Dispatches, LOADED, {**QUIET, "context_window": 32.0}, 20, "a window that fills"),
    "noisy": Study(
        Dispatches, LOADED, NOISY, 20, "the same with noise of gap and tokens and with errors that fill it", True
    ),
    "at means": Study(Dispatches, LOADED, NOISY, 20, "the same, the fit takes tokens and errors at their means"),
}


class Coverage(NamedTuple):
    """How many of `sets` intervals held the truth, by method and check; `lost`: sets that gave no interval."""

    held: dict[str, dict[str, int]]
    sets: int
    lost: int

    @property
    def bounds(self) -> tuple[int, int]:
        """Counts within which all checks lie together with 95%, if every interval holds the truth with 90%."""
        checks = sum(len(one) for one in self.held.values())
        return int(binom.ppf(0.025 / checks, self.sets, LEVEL)), int(binom.isf(0.025 / checks, self.sets, LEVEL))


def coverage(study: Study, sets: int, *, tasks: int = 50, runs: int = 4, drawn: bool = True, seed: int = 0) -> Coverage:
    """Simulate and fit `sets` sets; they share one compiled fit."""
    rng = np.random.default_rng(seed)
    held: dict[str, dict[str, int]] = {"Laplace": {}, "Godambe": {}}
    problem, lost = None, 0
    for number in range(sets):
        traces, truth = simulated(study, rng, number + 1000 * seed, tasks, runs, drawn)
        problem = posed(study, traces, problem)
        found = fit(problem, starts=2, options=QUICK)
        try:
            covariances = {"Laplace": np.linalg.inv(checked_curvature(found)), "Godambe": sandwich(found)}
        except InferenceError:
            lost += 1
            continue
        for method, covariance in covariances.items():
            for name, direction in directions(found).items():
                inside = abs(direction @ (truth - found.scores)) <= ndtri(0.5 * (1 + LEVEL)) * np.sqrt(
                    direction @ covariance @ direction
                )
                held[method][name] = held[method].get(name, 0) + int(inside)
    return Coverage(held, sets - lost, lost)


def directions(found: Fit) -> dict[str, np.ndarray]:
    """Return what is checked, as vectors of scores: each parameter, and the best and least known directions."""
    size = len(found.scores)
    _, vectors = np.linalg.eigh(found.hessian)
    each = dict(zip(found.problem.layout.labels, np.eye(size), strict=True))
    return {**each, "best direction": vectors[:, -1], "least direction": vectors[:, 0]}


def simulated(
    study: Study, rng: np.random.Generator, number: int, tasks: int, runs: int, drawn: bool
) -> tuple[TraceSet, np.ndarray]:
    """Return a set of runs and the scores of the truth that it was simulated with."""
    plan = layout(study)
    truth = rng.standard_normal(plan.size) if drawn else np.zeros(plan.size)
    values = {name: float(value[0]) for name, value in plan.values(jnp.asarray(truth)).items()}
    effect = values.pop("task_spread", 0.0) * rng.standard_normal(tasks)
    # Where the attention is 1 a task's effect on the gap is one on its start and on what it tends to.
    params = replace(
        Star().params(),
        {**values, "evidence": values["evidence"] + effect, "initial_focus": values["initial_focus"] + effect},
    )
    key = jax.random.key(number)
    return simulated_traces(Star(), params, runs=runs, tasks=tasks, steps=study.steps, key=key), truth


def layout(study: Study) -> Any:
    """Return how scores stand for parameters; the runs do not matter."""
    one = simulated_traces(Star(), Star().params(**QUIET), runs=2, tasks=1, steps=2, key=jax.random.key(0))
    return make_problem(Star(), units(one), [study.term.of(one, units(one))], study.free, fixed=study.fixed).layout


def posed(study: Study, traces: TraceSet, like: Problem | None) -> Problem:
    """Return the problem of a set of runs, with what was compiled for one like it."""
    found = units(traces, apart=study.driven)
    known = drives(traces, found, context=study.driven, tokens=False, wrong=study.driven)
    if study.term is Agreement:
        # Of one task hardly ever two groups at a step still share their past.
        term = padded(Agreement.of(traces, found, free=0), len(found) * study.steps, len(traces) // len(found))
    else:
        term = study.term.of(traces, found)
    if like is None:
        return make_problem(Star(), found, [term], study.free, fixed=study.fixed, drives=known, steps=study.steps)
    return dataclasses.replace(like, terms=(term,), drives=known)


def padded(term: Any, rows: int, columns: int) -> Any:
    """Return groups with rows behind them that do not count: sets of different sizes share what is compiled."""
    missing = rows - len(term.unit)
    if missing < 0:
        raise SystemExit(f"A set has {len(term.unit)} groups, and {rows} were compiled for; raise the padding.")
    wide = np.pad(term.counts, ((0, 0), (0, columns - term.counts.shape[1])))
    term = eqx.tree_at(lambda one: one.counts, term, wide)
    term = jax.tree.map(lambda leaf: np.concatenate([leaf, np.repeat(leaf[-1:], missing, axis=0)]), term)
    return eqx.tree_at(lambda one: one.weight, term, (np.arange(rows) < rows - missing).astype(float))


def rows(name: str, truths: str, found: Coverage) -> Iterator[str]:
    """Return the rows of the table."""
    low, high = found.bounds
    for method, counts in found.held.items():
        cells = ", ".join(f"{check} {count}" for check, count in counts.items())
        inside = all(low <= count <= high for count in counts.values())
        verdict = "yes" if inside else "no"
        yield f"| {name} | {truths} | {method} | {cells} | {found.sets} | {low} to {high} | {verdict} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", choices=STUDIES, nargs="+", default=list(STUDIES))
    parser.add_argument("--sets", type=int, default=200)
    parser.add_argument("--truths", choices=["drawn", "fixed"], nargs="+", default=["drawn", "fixed"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="file for the counts")
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    record: dict[str, Any] = {"machine": machine.describe(1), "studies": []}
    print("| study | truths | method | intervals that hold the truth | sets | bounds | within |")
    print("|---|---|---|---|---|---|---|")
    for name in options.study:
        for truths in options.truths:
            start = time.perf_counter()
            found = coverage(STUDIES[name], options.sets, drawn=truths == "drawn", seed=options.seed)
            for row in rows(name, truths, found):
                print(row, flush=True)
            seconds = time.perf_counter() - start
            record["studies"].append({"study": name, "truths": truths, "seconds": seconds, **found._asdict()})
    if options.json:
        options.json.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
