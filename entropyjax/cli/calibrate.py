"""The command that measures this machine."""

import dataclasses
import json

import click

from entropyjax.cli import options
from entropyjax.cli.run import prepare_jax


@click.command()
@options.quiet
@options.as_json
def calibrate(quiet: bool, as_json: bool) -> None:
    """Measure the solver paths on this machine, and remember which is the fastest; takes about a minute."""
    prepare_jax()
    from entropyjax.calibrate.measure import measure

    found = measure(None if quiet or as_json else print)
    if as_json:
        print(json.dumps(dataclasses.asdict(found)))
    elif not quiet:
        best = max(found.rates, key=lambda path: found.rates[path])
        print(f"The {best} path is the fastest here; sweeps take it from now on ({found.source}).")
