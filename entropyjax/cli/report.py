"""What a command leaves: figures beside the result, and a few lines or one JSON object on standard output."""

import json
from pathlib import Path
from typing import Any


def draw(dataset: Any, out: Path) -> list[Path]:
    """Write the figures that suit a dataset beside `out`; return their paths."""
    from entropyjax.plots import figures, save_figure

    stem = out.with_suffix("") if out.suffix == ".zarr" else out
    written = []
    for name, figure in figures(dataset).items():
        written += save_figure(figure, stem.with_name(f"{stem.name}-{name}"))
    return written


def report(dataset: Any, out: Path | None, quiet: bool, as_json: bool) -> None:
    """Draw the figures of a result that is kept, and say what it holds and where it is."""
    from entropyjax.jobs import summarise
    from entropyjax.jobs.summary import record

    pictures = draw(dataset, out) if out else []
    if as_json:
        place = {"result": str(out) if out else None, "figures": [str(path) for path in pictures]}
        print(json.dumps({"run_id": dataset.attrs["run_id"]} | place | record(dataset)))
    elif not quiet:
        print(summarise(dataset))
        if out:
            print(f"Data: {out}")
        for path in pictures:
            print(f"Figure: {path}")
