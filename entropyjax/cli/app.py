"""The application: its commands, and what becomes of errors and interruptions."""

import signal
import sys
from types import FrameType
from typing import NoReturn

import click

from entropyjax.cli import (
    bench,
    boundary,
    calibrate,
    catalogue,
    continuation,
    diagnose,
    entropy,
    fit,
    iwg,
    phase,
    run,
    suite,
    trap,
)

EXITS = "0 done, 1 the computation failed, 2 wrong usage or configuration, 3 a check not passed, 130 interrupted"


@click.group(epilog=f"Exit codes: {EXITS}.")
@click.version_option(package_name="entropyjax")
def app() -> None:
    """Entropy dynamics of LLM orchestrators: simulate, sweep, and see where they collapse."""


for command in (
    run.simulate,
    run.sweep,
    boundary.boundary,
    phase.phase,
    continuation.continuation,
    trap.trap,
    entropy.entropy,
    fit.fit,
    fit.compare,
    diagnose.diagnose,
    diagnose.check,
    iwg.iwg,
    run.plot,
    catalogue.models,
    catalogue.info,
    calibrate.calibrate,
    bench.bench,
):
    app.add_command(command)
iwg.iwg.add_command(suite.suite)
iwg.iwg.add_command(suite.thresholds)

DONE, FAILED, WRONG, INTERRUPTED = 0, 1, 2, 130


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0 done, 1 the computation failed, 2 wrong usage, 130 interrupted."""
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        app.main(arguments, prog_name="entropyjax", standalone_mode=False)
    except (KeyboardInterrupt, click.Abort) as stop:
        cause = stop.__context__ if isinstance(stop, click.Abort) else stop
        hint = f" {cause.args[0]}" if cause is not None and cause.args else ""
        _leave(INTERRUPTED, f"Interrupted.{hint}")
    except click.ClickException as error:
        _leave(WRONG, f"{error.format_message()} See entropyjax --help.")
    except BrokenPipeError:
        sys.exit(DONE)
    except Exception as error:
        from entropyjax.jobs import USER_ERRORS, JobError
        from entropyjax.plots import PlotError

        if isinstance(error, OSError) and error.filename is not None:
            _leave(FAILED, f"{error.strerror}: {error.filename}; check the path and its permissions.")
        if isinstance(error, JobError):
            _leave(FAILED, str(error))
        if isinstance(error, (*USER_ERRORS, PlotError)):
            _leave(WRONG, str(error))
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
    sys.exit(DONE)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _leave(code: int, message: str) -> NoReturn:
    print(message, file=sys.stderr)
    sys.exit(code)
