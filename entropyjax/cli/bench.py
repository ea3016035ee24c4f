"""The command that compares this library with other tools."""

import json
from pathlib import Path
from typing import Any

import click

from entropyjax.cli import options


def _names(context: click.Context, option: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    """Split a comma-separated list of names."""
    del context, option
    return tuple(name for name in (part.strip() for part in value.split(",")) if name) if value is not None else None


def _figures(report: dict[str, Any], stem: Path) -> list[Path]:
    """Write the figures for which there are data; return their paths."""
    from entropyjax.plots import PlotError, save_figure
    from entropyjax.plots.bench import scaling, work_precision

    written: list[Path] = []
    for name, draw in (("work-precision", work_precision), ("scaling", scaling)):
        try:
            figure = draw(report)
        except PlotError:
            # A quick run has one setting and no sizes.
            continue
        written += save_figure(figure, stem.with_name(f"{stem.name}-{name}"))
    return written


@click.command()
@click.option("--tools", metavar="NAMES", callback=_names, help="Tools, separated by commas; all by default.")
@click.option("--workloads", metavar="NAMES", callback=_names, help="rk4, adaptive, sde, gradient; all by default.")
@click.option("--seconds", type=click.FloatRange(min=0.0, min_open=True), help="Most time of one run, 60 by default.")
@click.option("--rounds", type=click.IntRange(min=1), help="Turns of the contest, 5 by default.")
@click.option(
    "--error",
    "target",
    type=click.FloatRange(min=0.0, min_open=True),
    help="Most error, 1e-4 by default.",
)
@click.option("--sample", type=click.IntRange(min=8), help="Trajectories to measure errors on, 1024 by default.")
@click.option("--largest", type=click.IntRange(min=0), help="Largest size of the scaling, 1e8 by default; 0 for none.")
@click.option("--threads", type=click.IntRange(min=1), help="Threads of every tool; all cores by default.")
@click.option("--quick", "is_quick", is_flag=True, help="Well below a minute: few tools, one workload, one setting.")
@options.out
@options.quiet
@options.as_json
def bench(is_quick: bool, out: Path | None, quiet: bool, as_json: bool, **chosen: Any) -> None:
    """Compare the solver paths with diffrax, scipy, numba, torchode and a C program: the same work at equal error.

    The tools take turns, each in a process of its own. --out keeps the report (JSON) and two figures.
    """
    from entropyjax.jobs import JobError
    from entropyjax.jobs.bench import QUICK, Options, bench as job, cores, table

    given = {name: value for name, value in chosen.items() if value is not None}
    if given.get("threads", 1) > cores():
        raise click.BadParameter(f"{given['threads']} is more than the {cores()} cores.", param_hint="--threads")
    wanted = Options(**{**(QUICK if is_quick else {}), **given})
    silent = quiet or as_json
    report = job(wanted, tell=lambda text: None if silent else click.echo(text, err=True))
    written: list[Path] = []
    if out is not None:
        stem = out.with_suffix("") if out.suffix == ".json" else out
        written = [_write(stem.with_name(f"{stem.name}.json"), report), *_figures(report, stem)]
    if as_json:
        print(json.dumps(report))
    elif not quiet:
        print(table(report))
        for path in written:
            print(f"{'Data' if path.suffix == '.json' else 'Figure'}: {path}")
    if not any("trajectories_per_s" in tool for w in report["workloads"].values() for tool in w["tools"].values()):
        raise JobError("No tool could be measured; the reasons are in the report.")


def _write(path: Path, report: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return path
