"""The command that finds a boundary over two axes named on the command line."""

from pathlib import Path
from typing import Any

import click

from entropyjax.cli import options
from entropyjax.cli.run import run_sweep


@click.command()
@click.argument("config", type=options.PATH)
@options.axis("x", "First axis, e.g. n_agents:2:128:log.")
@options.axis("y", "Second axis, likewise.")
@click.option("--of", "of", help="What changes: an outcome such as collapsed, outcome, or margin.")
@click.option("--level", type=float, help="Probability that the boundary is at, 0.5 by default.")
@click.option("--resolution", type=int, help="Finest cells a side, 512 by default.")
@options.configured
@options.out
@click.option("--resume", is_flag=True, help="Continue an interrupted run, or open a finished one.")
@options.quiet
@options.as_json
def boundary(
    config: Path,
    x: options.Axis | None,
    y: options.Axis | None,
    texts: list[str],
    out: Path | None,
    resume: bool,
    quiet: bool,
    as_json: bool,
    **asked: Any,
) -> None:
    """Find where the outcome of CONFIG changes over two parameters, with solves near the boundary alone.

    Without --x and --y the axes are those of CONFIG.
    """
    given = {"x": x and x.toml, "y": y and y.toml} | asked
    chosen = [f"refine.{name}={value}" for name, value in given.items() if value is not None]
    if x is not None and y is not None:
        chosen.insert(0, "axes=[]")
    # A table without entries asks for the defaults.
    chosen = chosen or ["refine={}"]
    run_sweep(config, [*chosen, *texts], out, resume, quiet, as_json)
