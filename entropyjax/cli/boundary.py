"""The command that finds a boundary over two axes named on the command line."""

from pathlib import Path
from typing import Any

import click

from entropyjax.cli import options
from entropyjax.cli.run import run_sweep


def _axis(context: click.Context, option: click.Parameter, value: str | None) -> str | None:
    """Turn NAME:LOWER:UPPER[:SCALE] into the table of an axis, as TOML."""
    del context
    if value is None:
        return None
    path, lower, upper, scale = options.interval(value, option)
    return f"{{path = {path!r}, lower = {lower!r}, upper = {upper!r}, scale = {scale!r}}}"


@click.command()
@click.argument("config", type=options.PATH)
@click.option(
    "--x", "x", metavar="NAME:LOWER:UPPER[:SCALE]", callback=_axis, help="First axis, e.g. n_agents:2:128:log."
)
@click.option("--y", "y", metavar="NAME:LOWER:UPPER[:SCALE]", callback=_axis, help="Second axis, likewise.")
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
    x: str | None,
    y: str | None,
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
    given = {"x": x, "y": y} | asked
    chosen = [f"refine.{name}={value}" for name, value in given.items() if value is not None]
    if x is not None and y is not None:
        chosen.insert(0, "axes=[]")
    # A table without entries asks for the defaults.
    chosen = chosen or ["refine={}"]
    run_sweep(config, [*chosen, *texts], out, resume, quiet, as_json)
