"""The command that follows fixed points, folds and Hopf points."""

from pathlib import Path

import click

from entropyjax.cli import options
from entropyjax.cli.report import report
from entropyjax.cli.run import prepare_jax


@click.command("continue")
@click.argument("config", type=options.PATH)
@options.axis("x", "Parameter to follow fixed points over, e.g. n_agents:2:128:log.", required=True)
@options.axis("y", "A second one: curves of folds and Hopf points in both.")
@click.option(
    "--of", "of", help="What the figure shows over one parameter, e.g. context; right_probability by default."
)
@options.configured
@options.out
@options.quiet
@options.as_json
def continuation(
    config: Path,
    x: options.Axis,
    y: options.Axis | None,
    of: str | None,
    texts: list[str],
    out: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Follow the fixed points of CONFIG over one parameter, with their folds, or the folds over two.

    Fixed points are those of [params], in float64, whatever the file says of runs and axes.
    """
    from entropyjax.io.config import load
    from entropyjax.io.store import check_target, write_result
    from entropyjax.jobs.branches import continue_branches
    from entropyjax.plots.branches import shown

    checked = load(config, texts)
    lenses = [axis.lens for axis in (x, y) if axis is not None]
    names = "-".join(lens.name for lens in lenses)
    target = out or Path("results") / f"{config.stem}-{checked.run_id}-{names}.zarr"
    check_target(target)
    prepare_jax()
    dataset = shown(continue_branches(checked, *lenses), of)
    write_result(dataset, target)
    report(dataset, target, quiet, as_json)
