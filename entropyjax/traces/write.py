"""`write_traces`: a set of runs as normalised JSON lines."""

import gzip
import json
import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from entropyjax.records import TraceSet
from entropyjax.traces.problems import TraceError

_DIGITS = 6
"""Decimals of a number of single tokens, which logs count in whole ones."""


def write_traces(traces: TraceSet, path: str | os.PathLike) -> Path:
    """Write runs as normalised JSON lines, packed if the name ends in ".gz"; `read_traces` gives them back.

    The file gets its name only when it is complete. A log-probability that is unknown or minus infinity is left out.

    **Raises:** `TraceError` if the path is taken or cannot be written to; nothing is ever overwritten.
    """
    target = Path(path)
    if target.exists():
        raise TraceError(f"{target} exists already; choose another name, or delete it.")
    temporary = target.with_name(f".{target.name}.writing-{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        pack = gzip.open if target.name.endswith(".gz") else open
        with pack(temporary, "wt", encoding="utf-8") as file:
            # Compact and in ASCII, whatever the names hold.
            encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
            for run in _runs(traces):
                file.write(encode(run) + "\n")
        os.replace(temporary, target)
    except OSError as error:
        raise TraceError(f"{target} cannot be written ({error.strerror}); choose another place.") from error
    finally:
        with suppress(OSError):
            temporary.unlink()
    return target


def _runs(traces: TraceSet) -> Iterator[dict[str, Any]]:
    rosters = [[name for name, on in zip(traces.agents, row, strict=True) if on] for row in traces.rosters.tolist()]
    columns = [getattr(traces, name) for name in ("step", "turn", "agent", "error", "context", "tokens", "reasoning")]
    for row, (start, stop) in enumerate(zip(traces.offsets[:-1].tolist(), traces.offsets[1:].tolist(), strict=True)):
        steps = [_step(traces, *values) for values in zip(*(one[start:stop].tolist() for one in columns), strict=True)]
        if traces.log_probability is not None:
            for step, table in zip(steps, traces.log_probability[start:stop].tolist(), strict=True):
                found = {n: v for n, v in zip(traces.agents, table, strict=True) if math.isfinite(v)}
                step["log_probabilities"] = found or None
        yield {
            "run_id": str(traces.run_id[row]),
            "task_id": traces.tasks[traces.task[row]],
            "system": traces.systems[traces.system[row]],
            "orchestrator_model": traces.orchestrators[traces.orchestrator[row]],
            "trial": _known(int(traces.trial[row])),
            "success": _truth(int(traces.success[row])),
            "failure_step": _known(int(traces.failure_step[row])),
            "roster": rosters[traces.roster[row]],
            "steps": steps,
        }


def _step(
    traces: TraceSet, step: int, turn: int, agent: int, error: int, context: float, tokens: float, reasoning: float
) -> dict[str, Any]:
    return {
        "t": step,
        "turn": turn,
        "agent": traces.agents[agent] if agent >= 0 else None,
        "tokens_in_context": _tokens(context),
        "tokens_step": _tokens(tokens),
        "reasoning_tokens": _tokens(reasoning),
        "error": _truth(error),
    }


def _known(code: int) -> int | None:
    return code if code >= 0 else None


def _truth(code: int) -> bool | None:
    return bool(code) if code >= 0 else None


def _tokens(thousands: float) -> float | None:
    """Return single tokens."""
    return None if math.isnan(thousands) else round(thousands * 1e3, _DIGITS)
