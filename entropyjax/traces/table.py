"""Plain tables: CSV with a header and one row a dispatch."""

import csv
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from entropyjax.traces.problems import Problems
from entropyjax.traces.read import AbstractFormat, open_text, register
from entropyjax.traces.runs import RunRecord, StepRecord

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "run": ("run", "run_id", "trace", "trace_id", "conversation", "conversation_id", "session", "session_id"),
    "task": ("task", "task_id", "question", "question_id"),
    "agent": ("agent", "agent_name", "executor", "tool", "tool_name"),
    "step": ("step", "t"),
    "turn": ("turn",),
    "context": ("context", "tokens_in_context", "input_tokens", "prompt_tokens"),
    "tokens": ("tokens", "tokens_step", "output_tokens", "completion_tokens"),
    "reasoning": ("reasoning", "reasoning_tokens"),
    "error": ("error", "is_error"),
    "success": ("success", "resolved"),
    "system": ("system", "source"),
    "orchestrator": ("orchestrator", "orchestrator_model", "model"),
    "trial": ("trial",),
    "roster": ("roster",),
}
"""Names of columns that mean the same, in any case; the first three are required."""

_REQUIRED = ("run", "task", "agent")
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False, "": None}


class _Row(NamedTuple):
    step: StepRecord
    said: dict[str, Any]


@register("table")
class Table(AbstractFormat):
    """CSV with commas and a header. Tokens are single tokens, `roster` is split at semicolons, empty means unknown.

    A run is what has one `system`, `task`, `trial` and `run`; its rows may lie anywhere in the file. They are put in
    the order of `step`, or of the file without such a column. What is said of a run in several rows, `success` say,
    is taken from the last that says it. Without a column `turn` every dispatch is a turn. Other columns are ignored.
    """

    title: ClassVar[str] = "tables of dispatches, CSV with a header"
    suffixes: ClassVar[tuple[str, ...]] = (".csv",)

    @classmethod
    def sniff(cls, head: str) -> bool:
        first = head.split("\n", 1)[0].strip()
        if first.startswith(("{", "[")):
            return False
        places = _places([name.strip('"') for name in first.split(",")])
        return all(name in places for name in _REQUIRED)

    @classmethod
    def read(cls, path: Path, problems: Problems) -> Iterator[RunRecord]:
        runs: dict[tuple[str, ...], list[_Row]] = {}
        for line, row in _rows(path, problems):
            try:
                found = _row(row)
            except ValueError as error:
                problems.skip(path, line, f"this is no dispatch: {error}.")
                continue
            key = tuple(row.get(name, "") for name in ("system", "task", "trial", "run"))
            runs.setdefault(key, []).append(found)
        for (_, task, _, run), rows in runs.items():
            yield _run(run, task, rows)


def _places(header: list[str]) -> dict[str, int]:
    """Return where each column is; the first of its names in `COLUMNS` that is there counts."""
    there = {name.strip().lower(): place for place, name in reversed(list(enumerate(header)))}
    found = {name: [there[alias] for alias in aliases if alias in there] for name, aliases in COLUMNS.items()}
    return {name: places[0] for name, places in found.items() if places}


def _rows(path: Path, problems: Problems) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the number of the line that each row ends on, and its cells by the names in `COLUMNS`."""
    with open_text(path) as file:
        rows = csv.reader(file, strict=True)
        places: dict[str, int] = {}
        width = 0
        while True:
            try:
                row = next(rows)
            except StopIteration:
                return
            except (csv.Error, OSError, EOFError, UnicodeDecodeError) as error:
                problems.count()
                problems.skip(path, rows.line_num, f"the file is damaged from here on ({error}).")
                return
            if not any(cell.strip() for cell in row):
                continue
            if not width:
                places = _places(row)
                missing = [name for name in _REQUIRED if name not in places]
                if missing:
                    problems.count()
                    problems.skip(path, rows.line_num, f"the header has no column {', '.join(missing)}.")
                    return
                width = len(row)
                continue
            problems.count()
            if len(row) != width:
                problems.skip(path, rows.line_num, f"there are {len(row)} cells, and the header has {width}.")
            else:
                yield rows.line_num, {name: row[place].strip() for name, place in places.items()}


def _row(row: Mapping[str, str]) -> _Row:
    for name in _REQUIRED:
        if not row[name]:
            raise ValueError(f"{name} is empty")
    step, turn = (_number(row, name, int) for name in ("step", "turn"))
    tokens = {name: _number(row, name, float) for name in ("context", "tokens", "reasoning")}
    # Without a number the place in the run stands in, when all of its rows are there.
    record = StepRecord(row["agent"], -1 if step is None else step, -1 if turn is None else turn, **tokens)
    said = {
        "system": row.get("system") or None,
        "orchestrator": row.get("orchestrator") or None,
        "trial": _number(row, "trial", int),
        "success": _truth(row, "success"),
        "roster": tuple(name.strip() for name in row.get("roster", "").split(";") if name.strip()) or None,
    }
    return _Row(record._replace(error=_truth(row, "error")), said)


def _number(row: Mapping[str, str], name: str, kind: Callable[[str], Any]) -> Any:
    cell = row.get(name, "")
    if not cell:
        return None
    try:
        value = kind(cell)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 2**31 - 1:
        raise ValueError(f"{name} is {cell!r}, and a {'whole ' * (kind is int)}number from 0 was expected")
    return value


def _truth(row: Mapping[str, str], name: str) -> bool | None:
    cell = row.get(name, "")
    if cell.lower() not in _TRUTH:
        raise ValueError(f"{name} is {cell!r}, and true, false or nothing was expected")
    return _TRUTH[cell.lower()]


def _run(run: str, task: str, rows: list[_Row]) -> RunRecord:
    said = {name: value for row in rows for name, value in row.said.items() if value is not None}
    steps = [
        one._replace(step=place if one.step < 0 else one.step)
        for place, one in enumerate(sorted((row.step for row in rows), key=lambda one: one.step))
    ]
    return RunRecord(
        run_id=run,
        task=task,
        system=said.get("system", "unnamed"),
        orchestrator=said.get("orchestrator", "unnamed"),
        steps=[one._replace(turn=one.step if one.turn < 0 else one.turn) for one in steps],
        roster=said.get("roster", ()),
        trial=said.get("trial"),
        success=said.get("success"),
    )
