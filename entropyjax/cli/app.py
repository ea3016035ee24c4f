"""The application: its commands, and what becomes of errors and interruptions."""

import signal
import sys
from types import FrameType
from typing import NoReturn

import click
import typer

from entropyjax.cli import catalogue, run

app = typer.Typer(
    name="entropyjax",
    help="Entropy dynamics of LLM orchestrators: simulate, sweep, and see where they collapse.",
    epilog="Exit codes: 0 done, 1 the computation failed, 2 wrong usage or configuration, 130 interrupted.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(run.simulate)
app.command()(run.sweep)
app.command()(run.plot)
app.command()(catalogue.models)
app.command()(catalogue.info)

DONE, FAILED, WRONG, INTERRUPTED = 0, 1, 2, 130


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0 done, 1 the computation failed, 2 wrong usage, 130 interrupted."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        app(args=arguments, standalone_mode=False)
    except (KeyboardInterrupt, click.exceptions.Abort) as stop:
        hint = f" {stop.args[0]}" if stop.args else ""
        _leave(INTERRUPTED, f"Interrupted.{hint}")
    except click.ClickException as error:
        _leave(WRONG, error.format_message())
    except BrokenPipeError:
        sys.exit(DONE)
    except Exception as error:
        from entropyjax.jobs import USER_ERRORS, JobError
        from entropyjax.plots import PlotError

        if isinstance(error, JobError):
            _leave(FAILED, str(error))
        if isinstance(error, (*USER_ERRORS, PlotError)):
            _leave(WRONG, str(error))
        raise
    sys.exit(DONE)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _leave(code: int, message: str) -> NoReturn:
    print(message, file=sys.stderr)
    sys.exit(code)
