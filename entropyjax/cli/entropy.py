"""The command that estimates the entropies of recorded runs."""

import sys
from pathlib import Path

import click

from entropyjax.cli import options
from entropyjax.cli.report import report
from entropyjax.cli.run import prepare_jax


@click.command()
@click.argument("traces", type=options.PATH, nargs=-1, required=True)
@click.option("--format", "format_name", help="Name of the trace format, by default told from each file.")
@click.option(
    "--by", type=click.Choice(["system", "orchestrator"]), help="One group of runs each; by default all are one."
)
@click.option(
    "--replicates", type=click.IntRange(min=0), default=10_000, show_default=True, help="Of the bootstrap over tasks."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the bootstrap.")
@options.out
@options.quiet
@options.as_json
def entropy(
    traces: tuple[Path, ...],
    format_name: str | None,
    by: str | None,
    replicates: int,
    seed: int,
    out: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Estimate the entropy of the runs in TRACES, step by step, and what it is made of.

    Entropy over tasks, within tasks and among runs that share their past; its decomposition into decision entropy, path
    divergence and task diversity; with counts and intervals. --out keeps data and figures.
    """
    from entropyjax.cli.progress import bar
    from entropyjax.io.store import check_target, write_result
    from entropyjax.jobs.trace_entropy import entropy_of_traces
    from entropyjax.traces import Problems

    if out is not None:
        check_target(out)
    prepare_jax()
    problems = Problems()
    with bar(not (quiet or as_json), "") as progress:
        dataset = entropy_of_traces(
            traces, format_name, by=by, replicates=replicates, seed=seed, problems=problems, progress=progress
        )
    if problems.skipped or not (quiet or as_json):
        print(problems, file=sys.stderr if quiet or as_json else sys.stdout)
    if out is not None:
        write_result(dataset, out)
    report(dataset, out, quiet, as_json)
