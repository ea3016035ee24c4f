"""The command that tells how much reasoning is best, and where more of it lowers success."""

from pathlib import Path
from typing import Any

import click

from entropyjax.cli import options
from entropyjax.cli.report import report
from entropyjax.cli.run import prepare_jax


def _plane(axis: options.Axis) -> Any:
    """Return an axis of the plane."""
    from entropyjax.jobs import MapAxis

    lens = axis.lens
    return MapAxis(lens.name, axis.lower, axis.upper, lens.log)


@click.command()
@click.argument("config", type=options.PATH)
@options.axis("x", "Plane: n_agents:2:64:log.")
@options.axis("y", "And context_window:32:256:log.")
@click.option("--high", type=float, help="Largest effort that is looked at, 16 ktok/step by default.")
@click.option("--replicates", type=click.IntRange(min=0), help="Runs of each effort; 0 for the equations alone.")
@options.configured
@options.out
@options.quiet
@options.as_json
def trap(config: Path, texts: list[str], out: Path | None, quiet: bool, as_json: bool, **asked: Any) -> None:
    """Tell how much reasoning is best for CONFIG, where more of it lowers success, and what becomes of runs.

    The best effort tau_r is that of the ODE, over two parameters and the task's length. The runs go over the axes of
    CONFIG, params.reasoning_tokens and at most one more, or over the effort alone.
    """
    from entropyjax.cli.progress import bar
    from entropyjax.io.config import load
    from entropyjax.jobs import trap as job

    checked = load(config, texts)
    target = out or Path("results") / f"{config.stem}-trap-{checked.run_id}.zarr"
    given = {name: value for name, value in asked.items() if value is not None}
    given |= {side: _plane(given[side]) for side in ("x", "y") if side in given}
    prepare_jax()
    with bar(not (quiet or as_json)) as progress:
        dataset = job(checked, out=target, progress=progress, **given)
    report(dataset, target, quiet, as_json)
