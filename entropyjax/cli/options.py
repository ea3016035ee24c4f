"""Options that commands share."""

from pathlib import Path
from typing import Annotated

import typer

Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="Override, e.g. params.evidence=6 or run.replicates=100."),
]
Seed = Annotated[int | None, typer.Option("--seed", help="Seed of all randomness (run.seed).")]
Precision = Annotated[str | None, typer.Option("--precision", help="float32 or float64 (run.precision).")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress bar and no summary.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Out = Annotated[Path | None, typer.Option("--out", help="Where the result goes.")]


def overrides(texts: list[str] | None, seed: int | None, precision: str | None) -> list[str]:
    """Return all overrides as dotted texts, the dedicated options last."""
    out = list(texts or [])
    if seed is not None:
        out.append(f"run.seed={seed}")
    if precision is not None:
        out.append(f'run.precision="{precision}"')
    return out
