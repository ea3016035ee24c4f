"""The published tables of configs/data/context_decay.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Benchmark:
    """What was measured, where it is published, and how far it can be trusted as attention."""

    title: str
    arxiv: str
    source: str
    reading: str


@dataclass(frozen=True)
class Table:
    """One model on one benchmark; points are rows of (length in ktok, accuracy in percent).

    `points` are fitted; `check_points` are published too and only show how well the curve predicts.
    """

    model: str
    benchmark: Benchmark
    source: str
    context_window: float
    context_window_source: str
    points: Array
    check_points: Array
    preset: str | None = None  # the preset that carries this fit
    order_from: str | None = None  # the table whose fitted n is assumed here
    order_assumption: str | None = None  # why, in words
    compare_with: str | None = None  # another table of the same model, for the reader of the preset

    @property
    def published(self) -> Array:
        """All points, by length."""
        points = np.concatenate([self.points, self.check_points])
        return points[np.argsort(points[:, 0])]


def read_tables(path: Path) -> dict[str, Table]:
    """The tables by key, in the order of the file."""
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    benchmarks = {key: Benchmark(**fields) for key, fields in raw["benchmarks"].items()}
    return {
        key: Table(
            **{
                **fields,
                "benchmark": benchmarks[fields["benchmark"]],
                "points": _points(fields["points"]),
                "check_points": _points(fields.get("check_points", [])),
            }
        )
        for key, fields in raw["fits"].items()
    }


def _points(rows: list[list[float]]) -> Array:
    return np.array(rows, dtype=np.float64).reshape(-1, 2)
