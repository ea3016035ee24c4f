"""Commands that compute or draw: simulate, sweep, plot."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from entropyjax.cli import options


def _all_cores() -> None:
    """Give XLA one CPU device a core, over which ensembles are shared; an explicit choice of the user's stays."""
    import jax

    chosen = "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", "")
    if not chosen and "JAX_NUM_CPU_DEVICES" not in os.environ:
        jax.config.update("jax_num_cpu_devices", len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1)


def _default_out(source: Path, texts: list[str]) -> Path:
    from entropyjax.io.config import load

    return Path("results") / f"{source.stem}-{load(source, texts).run_id}.zarr"


def _draw(dataset: Any, out: Path) -> list[Path]:
    """Write the figures that suit a dataset beside `out`; return their paths."""
    from entropyjax.plots import figures, save_figure

    stem = out.with_suffix("") if out.suffix == ".zarr" else out
    written = []
    for name, figure in figures(dataset).items():
        written += save_figure(figure, stem.with_name(f"{stem.name}-{name}"))
    return written


def _report(dataset: Any, out: Path | None, pictures: list[Path], quiet: bool, as_json: bool) -> None:
    from entropyjax.jobs import summarise

    if as_json:
        counts = dataset.outcome_count.sum([d for d in dataset.outcome_count.dims if d != "outcome"])
        record = {
            "run_id": dataset.attrs["run_id"],
            "result": str(out) if out else None,
            "figures": [str(path) for path in pictures],
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
        for path in pictures:
            print(f"Figure: {path}")


def simulate(
    config: Annotated[Path, typer.Argument(help="TOML file of one orchestrator, e.g. configs/default.toml.")],
    set_: options.Set = None,
    out: options.Out = None,
    seed: options.Seed = None,
    precision: options.Precision = None,
    paths: Annotated[int, typer.Option(help="Whole trajectories to keep.", min=0)] = 16,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Run an ensemble of one orchestrator and print what becomes of it; --out keeps data and figure."""
    from entropyjax.cli.progress import bar
    from entropyjax.jobs import simulate as job

    _all_cores()
    texts = options.overrides(set_, seed, precision)
    with bar(not (quiet or as_json)) as progress:
        dataset = job(config, overrides=texts, paths=paths, out=out, progress=progress)
    _report(dataset, out, _draw(dataset, out) if out else [], quiet, as_json)


def sweep(
    config: Annotated[Path, typer.Argument(help="TOML file of a sweep, e.g. sweeps/agents_by_window.toml.")],
    set_: options.Set = None,
    out: options.Out = None,
    seed: options.Seed = None,
    precision: options.Precision = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted sweep.")] = False,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Run a sweep; write its data (zarr) and figures (PNG, SVG). Ctrl-C keeps all finished chunks."""
    from entropyjax.cli.progress import bar
    from entropyjax.jobs import sweep as job

    _all_cores()
    texts = options.overrides(set_, seed, precision)
    target = out or _default_out(config, texts)
    try:
        with bar(not (quiet or as_json)) as progress:
            dataset = job(config, overrides=texts, out=target, resume=resume, progress=progress)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"Finished chunks are safe in {target}.partial; run the same command with --resume to continue."
        ) from None
    _report(dataset, target, _draw(dataset, target), quiet, as_json)


def plot(
    result: Annotated[Path, typer.Argument(help="Result of a sweep or a simulation (zarr).")],
    out: options.Out = None,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Draw the figures of a result again, beside it or under the stem given by --out."""
    from entropyjax.io.store import open_result

    pictures = _draw(open_result(result), out or result)
    if as_json:
        print(json.dumps({"figures": [str(path) for path in pictures]}))
    elif not quiet:
        for path in pictures:
            print(f"Figure: {path}")
