"""Commands that compute or draw: simulate, sweep, plot."""

import json
import os
import sys
from pathlib import Path

import click

from entropyjax.cli import options
from entropyjax.cli.report import as_record, draw, report, tell


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
    report(dataset, out, quiet, as_json)


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
    report(dataset, target, quiet, as_json)


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
        print(json.dumps(as_record(pictures)))
    elif not quiet:
        tell(pictures)
