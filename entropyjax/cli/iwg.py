"""The commands of inverse workflow generation."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import click

from entropyjax.cli import options
from entropyjax.cli.run import prepare_jax

_KNOBS = {
    "executors": (int, "N, the size of the roster."),
    "depth": (int, "Steps from the query to the answer."),
    "width": (int, "Chains side by side."),
    "similarity": (float, "Share of the roster that looks like the right executor."),
    "output_tokens": (int, "Length of what an executor says."),
    "error_tokens": (int, "How much longer the answer to a wrong request is."),
    "error_rate": (float, "Share of the marks at which something goes wrong first."),
    "extensions": (int, "Marks beyond the answer."),
}
_out = click.option("--out", type=options.PATH, required=True, help="File of JSON lines that is written, .gz packs it.")
_seed = click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of all randomness.")


@click.group()
def iwg() -> None:
    """Generate workflows backwards from their answers, run orchestrators on them, and score the runs."""


def _knobs(command: Any) -> Any:
    for name, (kind, words) in reversed(_KNOBS.items()):
        command = click.option(f"--{name.replace('_', '-')}", name, type=kind, help=words)(command)
    return command


@iwg.command()
@click.argument("family")
@click.option("--count", type=click.IntRange(min=1), default=100, show_default=True, help="How many.")
@click.option("--start", type=click.IntRange(min=0), default=0, show_default=True, help="Number of the first.")
@_knobs
@_seed
@_out
@options.quiet
def generate(family: str, count: int, start: int, seed: int, out: Path, quiet: bool, **knobs: Any) -> None:
    """Generate instances of FAMILY: retrieval, arithmetic or files. The same seed gives the same bytes."""
    from entropyjax.cli.progress import bar
    from entropyjax.jobs.iwg import difficulty_of, generate_workflows

    with bar(not quiet) as progress:
        made = generate_workflows(
            family, out, difficulty_of(knobs), count=count, seed=seed, start=start, progress=progress
        )
    if not quiet:
        print(f"{made:,} instances: {out}")


@iwg.command()
@click.argument("instances", type=options.PATH)
@click.option("--orchestrator", default="perfect", show_default=True, help="A scripted one, or simulated.")
@click.option("--runs", type=click.IntRange(min=1), default=1, show_default=True, help="Runs of each instance.")
@click.option("--turns", type=int, default=128, show_default=True, help="Budget of turns.")
@click.option("--tokens", type=float, help="Budget of tokens over all calls.")
@click.option("--context", type=float, help="Budget of tokens in the context.")
@click.option("--policy", default="keep", show_default=True, help="Of the context: keep, truncate or compact.")
@click.option("--strict", is_flag=True, help="Queries must hold what they are about.")
@click.option("--param", "params", metavar="NAME=VALUE", multiple=True, help="Parameter of the simulated one.")
@click.option("--measured", is_flag=True, help="The simulated one reads its context off the run.")
@click.option("--resume", is_flag=True, help="Go on with runs that were interrupted.")
@_seed
@_out
@options.quiet
def run(instances: Path, out: Path, quiet: bool, params: tuple[str, ...], **asked: Any) -> None:
    """Run an orchestrator on the INSTANCES of a file."""
    from entropyjax.cli.progress import bar
    from entropyjax.iwg import POLICIES, Budget, Rules
    from entropyjax.jobs.iwg import run_workflows

    if asked["policy"] not in POLICIES:
        raise click.BadParameter(f"'{asked['policy']}' is no policy; take one of {', '.join(POLICIES)}.")
    budget = Budget(asked.pop("turns"), asked.pop("tokens"), asked.pop("context"))
    rules = dataclasses.replace(Rules(budget), policy=POLICIES[asked.pop("policy")], strict=asked.pop("strict"))
    prepare_jax()
    with bar(not quiet) as progress:
        made = run_workflows(
            instances, out, rules=rules, params=options.assignments(params), progress=progress, **asked
        )
    if not quiet:
        print(f"{made:,} runs: {out}")


@iwg.command()
@click.argument("instances", type=options.PATH)
@click.argument("runs", type=options.PATH)
@click.option("--out", type=options.PATH, help="Table of the metrics of each run (CSV).")
@options.quiet
@options.as_json
def score(instances: Path, runs: Path, out: Path | None, quiet: bool, as_json: bool) -> None:
    """Score RUNS on INSTANCES: the six metrics of arXiv:2606.01351 as its public code has them, and others."""
    from entropyjax.iwg.metrics import COLUMNS
    from entropyjax.jobs.iwg import score_record, score_workflows, write_scores

    prepare_jax()
    found = score_workflows(instances, runs)
    if out is not None:
        write_scores(found, out)
    record = score_record(found)
    if as_json:
        print(json.dumps(record))
    elif not quiet:
        print(f"{record['runs']:,} runs")
        for name, value in record["means"].items():
            unit = COLUMNS[name].unit
            print(f"{name:22} {value:10.4g} {'' if unit == '-' else unit:9} {COLUMNS[name].doc}")
        shares = [f"{value:.0%} the {name}'s" for name, value in record["failures"].items() if value]
        print(f"Failures: {', '.join(shares) or 'none'}.")


@iwg.command()
@click.argument("runs", type=options.PATH)
@_out
def export(runs: Path, out: Path) -> None:
    """Export RUNS as normalised traces, which every command on traces reads; these read runs too."""
    from entropyjax.traces import read_traces, write_traces

    print(read_traces(runs, "workflow"))
    print(f"Traces: {write_traces(read_traces(runs, 'workflow'), out)}")
