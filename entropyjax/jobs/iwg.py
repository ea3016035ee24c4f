"""Jobs of inverse workflow generation: instances into files, runs of orchestrators on them, and their scores."""

import dataclasses
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from entropyjax.io.lines import write_lines
from entropyjax.iwg import Difficulty, Instance, Scores, Trajectory, encode, generate, score
from entropyjax.jobs.iwg_files import Progress, read_objects

T = TypeVar("T")


def generate_workflows(
    family: str,
    out: str | os.PathLike,
    difficulty: Difficulty = Difficulty(),
    *,
    count: int = 100,
    seed: int = 0,
    start: int = 0,
    progress: Progress | None = None,
) -> int:
    """Write instances number `start`, `start` + 1, ... of a seed as JSON lines, and return their number."""
    made = generate(family, difficulty, seed=seed, start=start, count=count)
    return write_lines(out, map(encode, _told(made, count, "instances", progress)))


def score_workflows(instances: str | os.PathLike, runs: str | os.PathLike) -> Scores:
    """Return the metrics of the trajectories in a file, whose instances are in another."""
    return score(read_objects(Instance, instances), read_objects(Trajectory, runs))


def score_record(scores: Scores) -> dict[str, Any]:
    """Return scores as JSON values; `null` where nothing is known."""
    found = scores.series
    mean = np.sum(np.nan_to_num(found.entropy), axis=0) / np.maximum(np.isfinite(found.entropy).sum(axis=0), 1)
    return {
        "runs": len(found.entropy),
        "means": scores.means,
        "failures": {name: _known(value) for name, value in scores.blame.items()},
        "recovery_macro_f1": _known(scores.recovery_macro_f1),
        "cognitive_horizon": _known(found.cognitive_horizon()),
        "entropy": mean.tolist(),
        "at_risk": found.at_risk.tolist(),
    }


def write_scores(scores: Scores, path: str | os.PathLike) -> Path:
    """Write the metrics of each run as a table, a row each, in the order of the runs."""
    rows = zip(*(column.tolist() for column in scores.columns.values()), strict=True)
    write_lines(path, [",".join(scores.columns), *(",".join(f"{value:.9g}" for value in row) for row in rows)])
    return Path(path)


def _told(items: Iterable[T], total: int, what: str, progress: Progress | None) -> Iterable[T]:
    for number, item in enumerate(items, 1):
        yield item
        if progress is not None:
            progress(number, total, what)


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None


def difficulty_of(values: Mapping[str, Any]) -> Difficulty:
    """Return a difficulty from its knobs by name, the others at their defaults."""
    return dataclasses.replace(Difficulty(), **{name: value for name, value in values.items() if value is not None})
