"""Samples of a population that stand in a CSV file."""

import csv
import io
import math
from pathlib import Path
from typing import Any

from entropyjax.io.config.errors import Problem
from entropyjax.io.config.text import read_text
from entropyjax.io.config.values import show
from entropyjax.params import nearest


def anchor(data: dict[str, Any], directory: Path) -> dict[str, Any]:
    """Return `data` with the files of its populations relative to `directory`."""
    population = data.get("population")
    if not isinstance(population, dict):
        return data
    moved = {
        name: {**entry, "file": str(directory / entry["file"])}
        if isinstance(entry, dict) and isinstance(entry.get("file"), str)
        else entry
        for name, entry in population.items()
    }
    return {**data, "population": moved}


def embed(data: dict[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """Return `data` with values in place of the names of sample files; entries that fail are left out."""
    population = data.get("population")
    if not isinstance(population, dict):
        return data, []
    kept, problems = {}, []
    for name, entry in population.items():
        kept[name] = entry
        if not (isinstance(entry, dict) and entry.get("distribution") == "samples" and "file" in entry):
            continue
        try:
            values = _read(entry)
        except ValueError as error:
            problems.append(Problem(("population", name), f"population.{name}: {error}"))
            del kept[name]
        else:
            rest = {key: item for key, item in entry.items() if key not in ("file", "column")}
            kept[name] = {**rest, "values": values}
    return {**data, "population": kept}, problems


def _read(entry: dict[str, Any]) -> tuple[float, ...]:
    file, column = entry["file"], entry.get("column")
    if "values" in entry:
        raise ValueError("it gives both values and file; give one of them.")
    if not isinstance(file, str):
        raise ValueError(f"file must be the name of a CSV file, not {show(file)}.")
    if not isinstance(column, str):
        raise ValueError(f"column must name a column of {file}, not {show(column)}.")
    try:
        # newline="" keeps line breaks inside quotes as csv wants them.
        rows = list(csv.reader(io.StringIO(read_text(file), newline="")))
    except csv.Error as error:
        raise ValueError(f"{file} is not a CSV file: {error}.") from None
    header = [name.strip() for name in rows[0]] if rows else []
    if not header:
        raise ValueError(f"{file} is empty; its first line must name the columns.")
    if column not in header:
        raise ValueError(f"{file} has no column '{column}'; {nearest(column, header)}")
    place = header.index(column)
    numbered = [(line, row) for line, row in enumerate(rows[1:], start=2) if any(row)]
    if not numbered:
        raise ValueError(f"{file} has no rows below its header; give at least one value.")
    return tuple(_number(row[place] if place < len(row) else "", file, line, column) for line, row in numbered)


def _number(text: str, file: str, line: int, column: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{file}, row {line}: {show(text)} in column '{column}' is not a finite number.")
    return value
