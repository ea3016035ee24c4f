"""Options that commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import click

PATH = click.Path(path_type=Path)

quiet = click.option("--quiet", is_flag=True, help="No progress bar and no summary.")
as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
out = click.option("--out", type=PATH, help="Where the result goes.")


_PARTS = (3, 4)


class Axis(NamedTuple):
    """A parameter with the interval and the scale asked for."""

    path: str
    lower: float
    upper: float
    scale: str

    @property
    def toml(self) -> str:
        """The table of `[refine]` that says the same."""
        return f"{{path = {self.path!r}, lower = {self.lower!r}, upper = {self.upper!r}, scale = {self.scale!r}}}"

    @property
    def lens(self) -> Any:
        """The lens of continuation that says the same."""
        from entropyjax.stability import Lens

        if self.scale not in ("linear", "log"):
            raise click.BadParameter(f"'{self.scale}' is no scale of {self.path}; take linear or log.")
        return Lens(self.path.removeprefix("params."), self.lower, self.upper, log=self.scale == "log")


def _parse_axis(context: click.Context, option: click.Parameter, value: str | None) -> Axis | None:
    """Turn NAME:LOWER:UPPER[:SCALE] into an axis."""
    del context
    if value is None:
        return None
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
    return Axis(path, lower, upper, parts[3] if len(parts) == max(_PARTS) else "linear")


def axis(name: str, words: str, required: bool = False) -> Callable[..., Any]:
    """Return the option `--name` for an axis of one's own."""
    return click.option(
        f"--{name}", name, metavar="NAME:LOWER:UPPER[:SCALE]", callback=_parse_axis, required=required, help=words
    )


def assignments(texts: tuple[str, ...]) -> dict[str, float]:
    """Turn NAME=VALUE texts into numbers by name."""
    values = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            values[name] = float(value)
        except ValueError:
            raise click.BadParameter(f"{text} is not NAME=VALUE with a number, as in evidence=6.") from None
    return values


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
