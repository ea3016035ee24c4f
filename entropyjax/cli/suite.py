"""The commands of the failure-mode suite."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from entropyjax.cli import endpoints, options
from entropyjax.cli.diagnose import CLOSED
from entropyjax.cli.run import prepare_jax


@click.command()
@click.option("--orchestrator", help="A scripted one, perfect by default, or simulated.")
@click.option("--param", "params", metavar="NAME=VALUE", multiple=True, help="Parameter of the simulated one.")
@click.option("--thresholds", type=options.PATH, help="TOML file; entropyjax iwg thresholds prints the default ones.")
@click.option("--only", metavar="SCENARIO", multiple=True, help="Run this scenario alone; may be repeated.")
@click.option("--count", type=click.IntRange(min=1), default=20, show_default=True, help="Instances of each setting.")
@click.option("--runs", type=click.IntRange(min=1), default=1, show_default=True, help="Runs of each instance.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of all randomness.")
@endpoints.asked
@endpoints.drawn
@click.option("--keep", type=options.PATH, help="Folder that keeps instances and runs; the same command goes on there.")
@click.option("--out", type=options.PATH, help="Report to write (JSON).")
@click.option("--html", type=options.PATH, help="Report to write (one HTML page).")
@options.quiet
@options.as_json
def suite(
    orchestrator: str | None,
    params: tuple[str, ...],
    keep: Path | None,
    out: Path | None,
    html: Path | None,
    quiet: bool,
    as_json: bool,
    **asked: Any,
) -> None:
    """Run an orchestrator in the failure-mode scenarios; exit code 3 where a threshold is missed.

    The chat model of --endpoint is an orchestrator too; what it says is kept in the folder of --keep.
    """
    from entropyjax.cli.progress import bar
    from entropyjax.io.store import check_target, write_text
    from entropyjax.jobs.suite import run_suite
    from entropyjax.jobs.suite_data import suite_record
    from entropyjax.report import render
    from entropyjax.report.suite import page

    for path in filter(None, (out, html)):
        check_target(path)
    if asked["endpoint"] is not None and keep is None:
        raise click.BadParameter("--endpoint pays for replies; say with --keep in which folder they are kept.")
    chosen = endpoints.orchestrator(asked, orchestrator, (keep or Path()) / "suite")
    prepare_jax()
    with bar(not (quiet or as_json)) as progress:
        found = run_suite(
            chosen,
            params=options.assignments(params) or None,
            folder=keep,
            progress=progress,
            **asked,
        )
    record = suite_record(found)
    if out is not None:
        write_text(json.dumps(record, indent=1), out)
    if html is not None:
        write_text(render(page(found)), html)
    if as_json:
        print(json.dumps(record))
    elif not (quiet and found.passed):
        print(found, file=sys.stdout if found.passed else sys.stderr)
    if not found.passed:
        sys.exit(CLOSED)


@click.command()
def thresholds() -> None:
    """Print the thresholds of the failure-mode suite as a TOML file to start from."""
    from entropyjax.jobs.suite_data import thresholds_text

    print(thresholds_text())
