"""The commands that fit models to recorded runs, and compare fits."""

import dataclasses
import sys
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from entropyjax.cli import options
from entropyjax.cli.report import report
from entropyjax.cli.run import prepare_jax

_FREE = "NAME[:LOW..HIGH][@BY[~]]"


def parse_free(context: click.Context, option: click.Parameter, texts: tuple[str, ...]) -> tuple[Any, ...]:
    """Turn NAME[:LOW..HIGH][@BY[~]] into free parameters."""
    from entropyjax.inference.parameters import Free

    del context
    out = []
    for text in texts:
        rest, _, by = text.partition("@")
        name, colon, ends = rest.partition(":")
        low, dots, high = ends.partition("..")
        try:
            bounds = (float(low), float(high)) if colon else (None, None)
        except ValueError:
            bounds = None
        if bounds is None or not name or (colon and not dots):
            raise click.BadParameter(f"{text} is not {_FREE}, as in evidence:2..8@orchestrator.", param=option)
        out.append(Free(name, *bounds, by=by.rstrip("~") or None, pooled=by.endswith("~")))  # type: ignore[arg-type]
    return tuple(out)


def parse_fixed(context: click.Context, option: click.Parameter, texts: tuple[str, ...]) -> dict[str, Any]:
    """Turn NAME=VALUE and NAME=ORCHESTRATOR:VALUE,... into values by name."""
    del context
    out: dict[str, Any] = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            if ":" in value:
                pairs = (part.rsplit(":", 1) for part in value.split(","))
                out[name] = {who: float(number) for who, number in pairs}
            else:
                out[name] = float(value)
        except ValueError:
            raise click.BadParameter(
                f"{text} is not NAME=VALUE or NAME=ORCHESTRATOR:VALUE,..., as in context_window=128.", param=option
            ) from None
    return out


def parse_ties(context: click.Context, option: click.Parameter, texts: tuple[str, ...]) -> dict[str, Any]:
    """Turn NAME=FACTOR*OTHER into ties."""
    from entropyjax.io.config.fits import tie_of

    del context
    out = {}
    for text in texts:
        name, _, rest = text.partition("=")
        try:
            out[name] = tie_of(rest)
        except ValueError:
            raise click.BadParameter(
                f"{text} is not NAME=FACTOR*OTHER, as in reasoning_tokens=0.5*executor_tokens.", param=option
            ) from None
    return out


def specified(command: Any) -> Any:
    """Add the options that say what is fitted; the command gets them as keyword arguments of `spec_of`."""
    wrappers = (
        click.option("--config", type=options.PATH, help="TOML file that says what is fitted; options win over it."),
        click.option("--model", default="star", show_default=True, help="What is fitted; see the command models."),
        click.option(
            "--free",
            metavar=_FREE,
            multiple=True,
            callback=parse_free,
            help=(
                "A parameter to estimate, with its prior's range of 90%, one for each system, orchestrator, "
                "roster or condition, ~ pooled over them; may be repeated."
            ),
        ),
        click.option(
            "--set",
            "fixed",
            metavar="NAME=VALUE",
            multiple=True,
            callback=parse_fixed,
            help="A parameter's value, or values by orchestrator; may be repeated.",
        ),
        click.option(
            "--tie",
            "ties",
            metavar="NAME=FACTOR*OTHER",
            multiple=True,
            callback=parse_ties,
            help="A parameter that follows another; may be repeated.",
        ),
        click.option(
            "--observe",
            help="Comma-separated: agreement, dispatches, log_probabilities, entropies, tokens, "
            "completions; by default the best that there is of the choice.",
        ),
        click.option(
            "--context",
            type=click.Choice(["auto", "measured", "modelled"]),
            default="auto",
            show_default=True,
            help="Whose context loads the window.",
        ),
        click.option(
            "--courses",
            type=click.Choice(["auto", "runs", "means"]),
            default="auto",
            show_default=True,
            help="Whether each run has a course, driven by what its log knows, or runs share their mean.",
        ),
        click.option("--first", type=click.IntRange(min=0), help="First step at which runs can differ."),
        click.option("--starts", type=click.IntRange(min=1), default=32, show_default=True, help="Starts of the fit."),
        click.option(
            "--folds",
            type=click.IntRange(min=0),
            default=5,
            show_default=True,
            help="Folds of held-out tasks; 0 for none.",
        ),
        click.option("--cut", type=click.IntRange(min=1), help="Hold out the steps from this one on."),
        click.option(
            "--posterior",
            type=click.Choice(["auto", "smc", "laplace", "godambe", "bootstrap", "nuts"]),
            default="auto",
            show_default=True,
            help="How it is drawn: sequential Monte Carlo, or the sandwich where the likelihood is a composite one.",
        ),
        click.option("--draws", type=click.IntRange(min=1), default=1000, show_default=True, help="Of the posterior."),
        click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of randomness."),
    )
    for wrapper in reversed(wrappers):
        command = wrapper(command)
    return command


def spec_of(config: Path | None, observe: str | None, **values: Any) -> Any:
    """Return the specification that the options describe, over that of a file."""
    from entropyjax.jobs.fit import FitSpec
    from entropyjax.jobs.fit_spec import read_fit_spec

    values["observe"] = tuple(name.strip() for name in observe.split(",")) if observe else ()
    return FitSpec(**values) if config is None else read_fit_spec(config, _over(values), "the command line")


def _over(values: dict[str, Any]) -> dict[str, Any]:
    """Return the options that were given, as tables of a file."""
    source = click.get_current_context().get_parameter_source
    given = {name: value for name, value in values.items() if source(name) is ParameterSource.COMMANDLINE}
    free, fixed, ties = given.pop("free", ()), given.pop("fixed", {}), given.pop("ties", {})
    named = ((one.name, dataclasses.asdict(one)) for one in free)
    return {
        "fit": given,
        "free": {name: {key: one[key] for key in one if key != "name"} for name, one in named},
        "fixed": fixed,
        "ties": {name: f"{factor!r}*{other}" for name, (other, factor) in ties.items()},
    }


@click.command()
@click.argument("traces", type=options.PATH, nargs=-1, required=True)
@click.option("--format", "format_name", help="Name of the trace format, by default told from each file.")
@specified
@options.out
@options.quiet
@options.as_json
def fit(
    traces: tuple[Path, ...],
    format_name: str | None,
    out: Path | None,
    quiet: bool,
    as_json: bool,
    **values: Any,
) -> None:
    """Fit a model to the runs in TRACES: parameters with intervals, and what they foretell of tasks held out.

    --out keeps data, figures and the posterior, which `compare`, `diagnose` and sweeps read.
    """
    from entropyjax.cli.progress import bar
    from entropyjax.io.store import check_target, write_result
    from entropyjax.jobs.fit import fit_traces
    from entropyjax.traces import Problems, read_traces

    spec = spec_of(**values)
    if out is not None:
        check_target(out)
    prepare_jax()
    problems = Problems()
    with bar(not (quiet or as_json), "") as progress:
        runs = read_traces(traces, format_name, problems=problems, progress=progress)
        dataset = fit_traces(runs, spec, progress)
    if problems.skipped or not (quiet or as_json):
        print(problems, file=sys.stderr if quiet or as_json else sys.stdout)
    if out is not None:
        write_result(dataset, out)
    report(dataset, out, quiet, as_json)
    if out is not None:
        for path in _posteriors(dataset, out):
            print(f"Posterior: {path}", file=sys.stderr if quiet or as_json else sys.stdout)


def _posteriors(dataset: Any, out: Path) -> list[Path]:
    """Write a posterior of each condition beside `out`, for sweeps to build on; return their paths."""
    from entropyjax.io.posterior import write_posterior
    from entropyjax.jobs.posterior_draws import draws_of

    stem = out.with_suffix("") if out.suffix == ".zarr" else out
    count = dataset.sizes["condition"]
    names = [f"{stem.name}-posterior{f'-{number}' if count > 1 else ''}.toml" for number in range(count)]
    return [write_posterior(draws_of(dataset, number), stem.with_name(name)) for number, name in enumerate(names)]


@click.command()
@click.argument("fits", type=options.PATH, nargs=-1, required=True)
@click.option(
    "--on", type=click.Choice(["tasks", "steps"]), default="tasks", show_default=True, help="What was held out."
)
@options.as_json
def compare(fits: tuple[Path, ...], on: str, as_json: bool) -> None:
    """Compare the FITS, results of the command fit, by what they foretell of held-out tasks or steps."""
    import json

    from entropyjax.jobs.compare import compare_fits, comparison_record

    found = compare_fits(fits, on)
    print(json.dumps(comparison_record(found)) if as_json else str(found))
