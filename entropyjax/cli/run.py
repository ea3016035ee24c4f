"""Commands that compute or draw: simulate, sweep, plot."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import click

from entropyjax.cli import options


def prepare_jax() -> None:
    """Before JAX starts, let XLA compile loops whole, keep what it compiles, and give it one CPU device a core.

    Ensembles are shared over the devices. An explicit choice of the user's stays.
    """
    import jax

    from entropyjax.calibrate import apply_xla_flags, cache_folder

    apply_xla_flags()
    folder = cache_folder()
    if folder is not None and "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        jax.config.update("jax_compilation_cache_dir", str(folder / "xla"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)
    chosen = "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", "")
    if not chosen and "JAX_NUM_CPU_DEVICES" not in os.environ:
        jax.config.update("jax_num_cpu_devices", len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1)


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


def report(dataset: Any, out: Path | None, pictures: list[Path], quiet: bool, as_json: bool) -> None:
    """Print what a result says and where it lies, or one JSON object."""
    from entropyjax.jobs import summarise
    from entropyjax.jobs.boundary_summary import boundary_record, is_boundary
    from entropyjax.jobs.trap_summary import is_trap, trap_record

    if as_json and (is_boundary(dataset) or is_trap(dataset)):
        record = {"run_id": dataset.attrs["run_id"], "result": str(out) if out else None}
        record |= {"figures": _named(pictures, ".png", ".svg")}
        print(json.dumps(record | (boundary_record(dataset) if is_boundary(dataset) else trap_record(dataset))))
    elif as_json:
        counts = dataset.outcome_count.sum([d for d in dataset.outcome_count.dims if d != "outcome"])
        record = {
            "run_id": dataset.attrs["run_id"],
            "result": str(out) if out else None,
            "figures": _named(pictures, ".png", ".svg"),
            "tables": _named(pictures, ".csv"),
            "trajectories": int(dataset.failure_count.sum()),
            "outcomes": {str(name): int(counts.sel(outcome=name)) for name in counts.outcome.values},
            "failures": int(dataset.failure_count.sum() - dataset.failure_count.sel(failure="none").sum()),
            "step_checks": json.loads(dataset.attrs["step_checks"]),
        }
        print(json.dumps(record))
    elif not quiet:
        print(summarise(dataset))
        if out:
            print(f"Data: {out}")
        _tell(pictures)


def _named(written: list[Path], *endings: str) -> list[str]:
    return [str(path) for path in written if path.suffix in endings]


def _tell(written: list[Path]) -> None:
    for path in written:
        print(f"{'Table' if path.suffix == '.csv' else 'Figure'}: {path}")


@click.command()
@click.argument("config", type=options.PATH)
@options.configured
@options.out
@click.option("--paths", type=click.IntRange(min=0), default=16, show_default=True, help="Trajectories to keep whole.")
@options.quiet
@options.as_json
def simulate(config: Path, texts: list[str], out: Path | None, paths: int, quiet: bool, as_json: bool) -> None:
    """Run an ensemble of one orchestrator, described by the TOML file CONFIG; --out keeps its data and figures."""
    from entropyjax.cli.progress import bar
    from entropyjax.io.config import load
    from entropyjax.jobs import simulate as job

    checked = load(config, texts)
    prepare_jax()
    with bar(not (quiet or as_json)) as progress:
        dataset = job(checked, paths=paths, out=out, progress=progress)
    report(dataset, out, draw(dataset, out) if out else [], quiet, as_json)


@click.command()
@click.argument("config", type=options.PATH)
@options.configured
@options.out
@click.option("--resume", is_flag=True, help="Continue an interrupted sweep, or open a finished one.")
@options.quiet
@options.as_json
def sweep(config: Path, texts: list[str], out: Path | None, resume: bool, quiet: bool, as_json: bool) -> None:
    """Run the sweep of the TOML file CONFIG; write its data (zarr) and figures. Ctrl-C keeps finished chunks.

    With a table [refine] the sweep finds a boundary in place of computing every cell.
    """
    run_sweep(config, texts, out, resume, quiet, as_json)


def run_sweep(config: Path, texts: list[str], out: Path | None, resume: bool, quiet: bool, as_json: bool) -> None:
    """Run a sweep or find a boundary; write data and figures, and say where they are."""
    from entropyjax.cli.progress import bar
    from entropyjax.io.config import load
    from entropyjax.jobs import sweep as job

    checked = load(config, texts)
    target = out or Path("results") / f"{config.stem}-{checked.run_id}.zarr"
    prepare_jax()
    try:
        with bar(not (quiet or as_json)) as progress:
            dataset = job(checked, out=target, resume=resume, progress=progress)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"Finished chunks are safe in {target}.partial; run the same command with --resume to continue."
        ) from None
    report(dataset, target, draw(dataset, target), quiet, as_json)


@click.command()
@click.argument("result", type=options.PATH)
@options.out
@options.quiet
@options.as_json
def plot(result: Path, out: Path | None, quiet: bool, as_json: bool) -> None:
    """Draw the figures of RESULT (zarr) again, beside it or under the stem that --out gives."""
    from entropyjax.io.store import open_result

    pictures = draw(open_result(result), out or result)
    if as_json:
        print(json.dumps({"figures": _named(pictures, ".png", ".svg")}))
    elif not quiet:
        _tell(pictures)
