"""The commands that tell an engineer how an orchestrator fares: a report, and a gate."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from entropyjax.cli import options
from entropyjax.cli.fit import spec_of, specified
from entropyjax.cli.run import prepare_jax

CLOSED = 3
"""Exit code of a check that is not passed."""

_traces = click.argument("traces", type=options.PATH, nargs=-1, required=True)
_format = click.option("--format", "format_name", help="Name of the trace format, by default told from each file.")
_horizon = click.option(
    "--horizon", type=click.IntRange(min=1), default=64, show_default=True, help="Steps that the forecast covers."
)
_condition = click.option(
    "--condition",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Number of the system, orchestrator and roster that is forecast.",
)


@click.command()
@_traces
@_format
@specified
@_horizon
@_condition
@click.option("--out", type=options.PATH, default=Path("diagnosis.html"), show_default=True, help="Page to write.")
@options.quiet
@options.as_json
def diagnose(
    traces: tuple[Path, ...],
    format_name: str | None,
    horizon: int,
    condition: int,
    out: Path,
    quiet: bool,
    as_json: bool,
    **values: Any,
) -> None:
    """Diagnose the orchestrator whose runs are in TRACES: one HTML page with all figures, and the same as JSON.

    Entropy and what it is made of, a fit, whether it beats the null models, the forecast, and what to change.
    """
    from entropyjax.cli.progress import bar
    from entropyjax.io.store import check_target, write_text
    from entropyjax.report import render
    from entropyjax.report.diagnosis import diagnose as run, diagnosis_record, page

    spec = spec_of(**values)
    beside = out.with_suffix(".json")
    for path in (out, beside):
        check_target(path)
    prepare_jax()
    with bar(not (quiet or as_json), "") as progress:
        runs = _read(traces, format_name, quiet or as_json, progress)
        found = run(runs, spec, horizon=horizon, condition=condition, progress=progress)
        whole = page(found)
    record = diagnosis_record(found)
    write_text(render(whole), out)
    write_text(json.dumps(record, indent=1), beside)
    if as_json:
        print(json.dumps({"report": str(out), **record}))
    elif not quiet:
        print("\n".join([*whole.verdict, f"Report: {out}", f"Data: {beside}"]))


@click.command()
@_traces
@_format
@specified
@_horizon
@_condition
@click.option(
    "--max-collapse-probability",
    "most",
    type=click.FloatRange(0.0, 1.0),
    default=0.1,
    show_default=True,
    help="What the collapse probability may be.",
)
@options.quiet
@options.as_json
def check(
    traces: tuple[Path, ...],
    format_name: str | None,
    horizon: int,
    condition: int,
    most: float,
    quiet: bool,
    as_json: bool,
    **values: Any,
) -> None:
    """Check the runs in TRACES for CI: exit code 3 and a sentence where runs collapse too often.

    The collapse probability is the mean over the posterior; its interval is told beside it.
    """
    from entropyjax.cli.progress import bar
    from entropyjax.jobs.fit import fit_traces
    from entropyjax.jobs.forecast import forecast
    from entropyjax.report.diagnosis import collapse_sentence, forecast_spec

    spec = spec_of(**values)
    prepare_jax()
    with bar(not (quiet or as_json), "") as progress:
        runs = _read(traces, format_name, quiet or as_json, progress)
        fitted = fit_traces(runs, forecast_spec(runs, spec), progress)
        outlook = forecast(fitted, condition, horizon=horizon, changes=(), seed=spec.seed)
    probability = float(outlook.outcome_probability.sel(outcome="collapsed"))
    passed = probability <= most
    low, high = outlook.outcome_posterior.sel(outcome="collapsed").values.tolist()
    sentence = f"{'Passed' if passed else 'Failed'}: {collapse_sentence(outlook)} At most {most:g} is allowed."
    if low <= most < high:
        sentence += " The posterior lies on both sides of that: the logs do not decide it."
    if as_json:
        low, high = outlook.outcome_posterior.sel(outcome="collapsed").values.tolist()
        print(
            json.dumps({"passed": passed, "collapse_probability": probability, "interval": [low, high], "most": most})
        )
    elif not (quiet and passed):
        print(sentence, file=sys.stdout if passed else sys.stderr)
    if not passed:
        sys.exit(CLOSED)


def _read(traces: tuple[Path, ...], format_name: str | None, silent: bool, progress: Any) -> Any:
    from entropyjax.traces import Problems, read_traces

    problems = Problems()
    runs = read_traces(traces, format_name, problems=problems, progress=progress)
    if problems.skipped or not silent:
        print(problems, file=sys.stderr if silent else sys.stdout)
    return runs
