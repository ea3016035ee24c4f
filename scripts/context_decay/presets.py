"""The fitted numbers in the presets, each with the sentence that is its source."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from context_decay.fit import NAMES, CurveFit
from context_decay.report import remarks
from context_decay.tables import Table

FITTED = (1, 2)  # effective_fraction and dilution_order; the ceiling is the benchmark's, not the model's


def value(fit: CurveFit, index: int) -> float:
    """The number a preset carries: four significant digits of the fit."""
    return float(f"{fit.values[index]:.4g}")


def source(tables: Mapping[str, Table], fits: Mapping[str, CurveFit], key: str, index: int) -> str:
    """The sentence a preset gives as the source of a fitted number."""
    table, fit = tables[key], fits[key]
    where = _where(table)
    if not fit.estimated[index]:
        said = [f"assumption: {table.order_assumption}", f"not determined by {where}"]
    elif fit.degrees_of_freedom > 0:
        said = [f"fit to {where}", _quality(fit, index), *remarks(table, fit), table.benchmark.reading]
    else:
        said = [f"fit at the assumed n to {where}", *remarks(table, fit), table.benchmark.reading]
    if table.compare_with is not None:
        other, found = tables[table.compare_with], fits[table.compare_with]
        quality = _quality(found, index)
        said.append(f"{other.benchmark.title} fit of the same model: {value(found, index)} ({quality})")
    return "; ".join(said)


def _where(table: Table) -> str:
    lengths = ", ".join(f"{length:g}" for length in table.points[:, 0])
    return f"{table.benchmark.title} (arXiv:{table.benchmark.arxiv}) at {lengths} ktok, scripts/fit_context_decay.py"


def _quality(fit: CurveFit, index: int) -> str:
    return f"standard error {fit.standard_errors[index]:.2g}, RMSE {fit.rmse:.2g} points"


def update_presets(configs: Path, tables: Mapping[str, Table], fits: Mapping[str, CurveFit]) -> None:
    """Replace the numbers and sources of the fitted keys; every other line of the presets is kept."""
    for key, table in tables.items():
        if table.preset is None:
            continue
        path = configs / f"{table.preset}.toml"
        text = path.read_text(encoding="utf-8")
        for index in FITTED:
            new, why = value(fits[key], index), source(tables, fits, key, index)
            text = _replace(text, rf"^{NAMES[index]} = [0-9.eE+-]+", f"{NAMES[index]} = {new!r}")
            text = _replace(text, rf'^{NAMES[index]} = "[^"]*"', f'{NAMES[index]} = "{why}"')
        path.write_text(text, encoding="utf-8")


def _replace(text: str, pattern: str, new: str) -> str:
    text, count = re.subn(pattern, lambda _: new, text, flags=re.MULTILINE)
    if count != 1:
        raise ValueError(f"a preset has {count} lines like {pattern}; it needs exactly one")
    return text
