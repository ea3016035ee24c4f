"""The commands of inverse workflow generation."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import click

from entropyjax.cli import endpoints, options
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
@click.argument("family", required=False)
@click.option("--count", type=click.IntRange(min=1), default=100, show_default=True, help="How many.")
@click.option("--start", type=click.IntRange(min=0), default=0, show_default=True, help="Number of the first.")
@_knobs
@click.option(
    "--seeds", type=options.PATH, help="Questions and answers of one's own, as JSON lines, in place of FAMILY."
)
@click.option("--roster", type=options.PATH, help="Executors for --endpoint, as JSON lines.")
@click.option("--steps", default="3 to 6", show_default=True, help="How many --endpoint plans, in words.")
@endpoints.asked
@_seed
@_out
@options.quiet
def generate(family: str | None, seeds: Path | None, seed: int, out: Path, quiet: bool, **asked: Any) -> None:
    """Generate instances of FAMILY: retrieval, arithmetic or files; or of --seeds of one's own.

    The same seed gives the same bytes. Seeds whose facts lead to their answer need no model; the chat model of
    --endpoint plans others backwards, and makes the environment.
    """
    from entropyjax.cli.progress import bar
    from entropyjax.jobs import generate_workflows, workflows_by_chat, workflows_of_seeds
    from entropyjax.jobs.iwg import difficulty_of

    model = endpoints.model(asked, out)
    roster, steps, count, start = (asked.pop(name) for name in ("roster", "steps", "count", "start"))
    if (family is None) == (seeds is None):
        raise click.UsageError("Name a FAMILY, or --seeds of your own.")
    if (model is None) != (roster is None) or (model is not None and seeds is None):
        raise click.UsageError("--endpoint makes instances of --seeds with the executors of --roster; give all three.")
    with bar(not quiet, "") as progress:
        if seeds is None:
            difficulty = difficulty_of(asked)
            made = generate_workflows(
                str(family), out, difficulty, count=count, seed=seed, start=start, progress=progress
            )
        elif model is None:
            made = workflows_of_seeds(seeds, out, difficulty_of(asked), seed=seed)
        else:
            made = workflows_by_chat(seeds, out, model, roster, steps=steps, seed=seed, progress=progress)
    if not quiet:
        print(f"{made:,} instances: {out}")


@iwg.command()
@click.argument("instances", type=options.PATH)
@click.option("--orchestrator", help="A scripted one, perfect by default, or simulated.")
@click.option("--runs", type=click.IntRange(min=1), default=1, show_default=True, help="Runs of each instance.")
@click.option("--turns", type=int, default=128, show_default=True, help="Budget of turns.")
@click.option("--tokens", type=float, help="Budget of tokens over all calls.")
@click.option("--context", type=float, help="Budget of tokens in the context.")
@click.option("--policy", default="keep", show_default=True, help="Of the context: keep, truncate or compact.")
@click.option("--strict", is_flag=True, help="Queries must hold what they are about.")
@click.option("--param", "params", metavar="NAME=VALUE", multiple=True, help="Parameter of the simulated one.")
@click.option("--measured", is_flag=True, help="The simulated one reads its context off the run.")
@click.option("--resume", is_flag=True, help="Go on with runs that were interrupted.")
@endpoints.asked
@endpoints.drawn
@_seed
@_out
@options.quiet
def run(
    instances: Path, out: Path, quiet: bool, params: tuple[str, ...], orchestrator: str | None, **asked: Any
) -> None:
    """Run an orchestrator on the INSTANCES of a file: a scripted or simulated one, or a chat model.

    The chat model of --endpoint is asked; what it says is kept, and what it said is not asked for again.
    """
    from entropyjax.cli.progress import bar
    from entropyjax.iwg import POLICIES, Budget, Rules
    from entropyjax.jobs.iwg_run import run_workflows

    chosen = endpoints.orchestrator(asked, orchestrator, out)
    if asked["policy"] not in POLICIES:
        raise click.BadParameter(f"'{asked['policy']}' is no policy; take one of {', '.join(POLICIES)}.")
    budget = Budget(asked.pop("turns"), asked.pop("tokens"), asked.pop("context"))
    rules = dataclasses.replace(Rules(budget), policy=POLICIES[asked.pop("policy")], strict=asked.pop("strict"))
    prepare_jax()
    try:
        with bar(not quiet, "") as progress:
            ends = run_workflows(
                instances,
                out,
                chosen,
                rules=rules,
                params=options.assignments(params),
                progress=progress,
                **asked,
            )
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"Finished runs are in {out}.partial; go on with --resume.") from None
    if not quiet:
        print(f"{ends.total():,} runs: {out}")
        if not isinstance(chosen, str):
            print(f"They end with {', '.join(f'{end} {count}' for end, count in ends.most_common())}.")


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
@click.argument("instances", type=options.PATH)
@click.option("--queue", type=options.PATH, required=True, help="File of what waits for a person, or was rejected.")
@click.option("--second", type=options.PATH, help="Endpoint of the second solver; by default the first is drawn again.")
@click.option(
    "--review",
    type=click.Choice(["disputed", "all"]),
    default="disputed",
    show_default=True,
    help="What waits for a person: what the solvers do not agree on, or all.",
)
@endpoints.asked
@_out
@options.quiet
def validate(
    instances: Path, out: Path, queue: Path, second: Path | None, review: Any, quiet: bool, **asked: Any
) -> None:
    """Let a committee of two solvers judge INSTANCES: what passes goes to --out, all else to --queue.

    Structure is always checked. The solvers are the model of --endpoint and that of --second; without any they read the
    outputs without a model.
    """
    from entropyjax.cli.progress import bar
    from entropyjax.jobs import validate_workflows

    other = endpoints.second(asked, second, out)
    model = endpoints.model(asked, out)
    with bar(not quiet, "") as progress:
        counts = validate_workflows(instances, out, queue, model, other, review=review, progress=progress)
    if not quiet:
        print(f"{counts['accepted']:,} instances accepted: {out}")
        print(f"{counts['waiting']:,} wait for a person, {counts['rejected']:,} rejected: {queue}")


@iwg.command()
@click.argument("queue", type=options.PATH)
@click.option("--accept", multiple=True, metavar="ID", help="An instance that is accepted; may be repeated.")
@click.option("--reject", multiple=True, metavar="ID", help="An instance that is rejected; may be repeated.")
@click.option("--by", default="a person", show_default=True, help="Who decides.")
@click.option("--why", default="", help="The reason.")
@click.option("--out", type=options.PATH, help="File that accepted instances go on to, behind those it holds.")
@click.option("--list", "listed", is_flag=True, help="Tell every instance of the queue, and what is said of it.")
def review(queue: Path, out: Path | None, listed: bool, **decided: Any) -> None:
    """Record a person's decisions on the instances of QUEUE in it."""
    from entropyjax.jobs import review_workflows
    from entropyjax.jobs.iwg_committee import status

    cases = review_workflows(queue, out=out, **decided)
    for one in cases if listed else ():
        print(f"{one.instance.id} {status(one.report)}: {one.instance.seed.query} -> {one.instance.seed.answer}")
        for verdict in one.report.verdicts:
            print(f"    {verdict.tier}{f' ({verdict.by})' if verdict.by else ''}: {verdict.why}".rstrip(": "))
    waiting = sum(status(one.report) == "waiting" for one in cases)
    print(f"{len(cases)} instances, {waiting} of them wait: {queue}")


@iwg.command()
@click.argument("runs", type=options.PATH)
@_out
def export(runs: Path, out: Path) -> None:
    """Export RUNS as normalised traces, which every command on traces reads; these read runs too."""
    from entropyjax.traces import read_traces, write_traces

    print(read_traces(runs, "workflow"))
    print(f"Traces: {write_traces(read_traces(runs, 'workflow'), out)}")
