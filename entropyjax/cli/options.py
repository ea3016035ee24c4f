"""Options that commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

_PARTS = (3, 4)
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


def interval(value: str, option: click.Parameter) -> tuple[str, float, float, str]:
    """Return the dotted path, the ends and the scale of an axis that is written as NAME:LOWER:UPPER[:SCALE].

    **Raises:** `click.BadParameter` if it is written otherwise.
    """
    parts = value.split(":")
    if len(parts) not in _PARTS or not all(parts):
        raise click.BadParameter(
            f"{value} is not NAME:LOWER:UPPER or NAME:LOWER:UPPER:SCALE, as in n_agents:2:128:log.", param=option
        )
    try:
        lower, upper = (float(part) for part in parts[1:3])
    except ValueError:
        raise click.BadParameter(f"{parts[1]} and {parts[2]} must be numbers.", param=option) from None
    path = parts[0] if "." in parts[0] else f"params.{parts[0]}"
    return path, lower, upper, parts[3] if len(parts) == max(_PARTS) else "linear"
