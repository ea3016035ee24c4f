"""The command that says what theory makes of an orchestrator, and maps its phases."""

import json
from pathlib import Path

import click

from entropyjax.cli import options
from entropyjax.cli.report import report
from entropyjax.cli.run import prepare_jax


@click.command()
@click.argument("config", type=options.PATH)
@options.axis("x", "First axis of a map, e.g. n_agents:2:128:log; without --x and --y no map.")
@options.axis("y", "Second axis, likewise.")
@click.option("--over", type=options.PATH, help="Result of sweep or boundary over the same axes, drawn over the map.")
@click.option("--resolution", type=int, help="Points of the map a side, 512 by default.")
@options.configured
@options.out
@options.quiet
@options.as_json
def phase(
    config: Path,
    x: options.Axis | None,
    y: options.Axis | None,
    over: Path | None,
    resolution: int | None,
    texts: list[str],
    out: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Say of the orchestrator of CONFIG: its fixed points, what is critical, what to change first.

    With --x and --y it maps phases, folds and cusps over two parameters.
    """
    from entropyjax.io.config import load
    from entropyjax.jobs.phase_point import phase_point

    if (x is None) != (y is None):
        raise click.UsageError("A map needs both --x and --y; over one parameter use entropyjax continue.")
    if x is None or y is None:
        given = [name for name, value in (("--over", over), ("--resolution", resolution), ("--out", out)) if value]
        if given:
            raise click.UsageError(
                f"{' and '.join(given)} goes with a map; give --x and --y, as in --x n_agents:2:128:log."
            )
        checked = load(config, texts)
        prepare_jax()
        found = phase_point(checked)
        if as_json:
            print(json.dumps(found.record))
        elif not quiet:
            print(found)
        return
    _map(config, [*texts, *_table(x, y, resolution)], over, out, quiet, as_json)


def _table(x: options.Axis, y: options.Axis, resolution: int | None) -> list[str]:
    asked = ["axes=[]", f"refine.x={x.toml}", f"refine.y={y.toml}"]
    return asked if resolution is None else [*asked, f"refine.start={resolution}", f"refine.resolution={resolution}"]


def _map(config: Path, texts: list[str], over: Path | None, out: Path | None, quiet: bool, as_json: bool) -> None:
    from entropyjax.io.config import load
    from entropyjax.io.store import check_target, open_result, write_result
    from entropyjax.jobs.phase_map import map_phases

    checked = load(config, texts)
    laid = None if over is None else open_result(over)
    target = out or Path("results") / f"{config.stem}-{checked.run_id}-phases.zarr"
    check_target(target)
    prepare_jax()
    dataset = map_phases(checked, laid)
    write_result(dataset, target)
    report(dataset, target, quiet, as_json)
