"""What a command leaves: figures beside the result, and a few lines or one JSON object on standard output."""

import json
from pathlib import Path
from typing import Any


def draw(dataset: Any, out: Path) -> list[Path]:
    """Write the figures that suit a dataset beside `out`, and the table of a contest; return their paths."""
    from entropyjax.jobs.contest import is_contest, write_contest
    from entropyjax.plots import figures, save_figure

    stem = out.with_suffix("") if out.suffix == ".zarr" else out
    written = []
    for name, figure in figures(dataset).items():
        written += save_figure(figure, stem.with_name(f"{stem.name}-{name}"))
    if is_contest(dataset):
        written.append(write_contest(dataset, stem.with_name(f"{stem.name}-best.csv")))
    return written


def report(dataset: Any, out: Path | None, quiet: bool, as_json: bool) -> None:
    """Draw the figures of a result that is kept, and say what it holds and where it is."""
    from entropyjax.jobs import summarise
    from entropyjax.jobs.summary import record

    pictures = draw(dataset, out) if out else []
    if as_json:
        place = {"run_id": dataset.attrs["run_id"], "result": str(out) if out else None}
        print(json.dumps(place | as_record(pictures) | record(dataset)))
    elif not quiet:
        print(summarise(dataset))
        if out:
            print(f"Data: {out}")
        tell(pictures)


def as_record(written: list[Path]) -> dict[str, list[str]]:
    """Return figures and tables, the latter only if there are any, as JSON values."""
    tables = [str(path) for path in written if path.suffix == ".csv"]
    figures = [str(path) for path in written if path.suffix != ".csv"]
    return {"figures": figures} | ({"tables": tables} if tables else {})


def tell(written: list[Path]) -> None:
    """Print where figures and tables are."""
    for path in written:
        print(f"{'Table' if path.suffix == '.csv' else 'Figure'}: {path}")
