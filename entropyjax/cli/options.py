"""Options that commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

PATH = click.Path(path_type=Path)

quiet = click.option("--quiet", is_flag=True, help="No progress bar and no summary.")
as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
out = click.option("--out", type=PATH, help="Where the result goes.")


def configured(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what changes a configuration: --set, --seed and --precision, collected in the argument `texts`."""

    def collect(context: click.Context, option: click.Parameter, value: Any) -> Any:
        texts = context.params.setdefault("texts", [])
        if option.name == "set":
            texts[:0] = value
        elif value is not None:
            texts.append(f"run.{option.name}={value}")

    options = (
        click.option("--precision", expose_value=False, callback=collect, help="float32 or float64 (run.precision)."),
        click.option("--seed", type=int, expose_value=False, callback=collect, help="Seed of all randomness."),
        click.option(
            "--set",
            metavar="PATH=VALUE",
            multiple=True,
            expose_value=False,
            callback=collect,
            help="Override an entry of the configuration, e.g. params.evidence=6; may be repeated.",
        ),
    )
    for option in options:
        command = option(command)
    return command
