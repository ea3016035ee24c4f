"""Options of commands that ask a chat model behind an endpoint."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from entropyjax.cli.options import PATH

if TYPE_CHECKING:
    from entropyjax.iwg import ChatSettings
    from entropyjax.jobs.asked import Asked

Command = Callable[..., Any]

_ASKED = (
    click.option("--endpoint", type=PATH, help="TOML file with the table [endpoint] of a chat model."),
    click.option("--log", type=PATH, help="Where its replies are kept; by default beside --out."),
    click.option("--replay", is_flag=True, help="Answer from the log alone, without a network or a key."),
    click.option("--concurrency", type=click.IntRange(min=1), help="Requests at once, in place of the file's."),
)
_DRAWN = (
    click.option(
        "--temperature", type=click.FloatRange(min=0.0), default=0.0, show_default=True, help="Of its replies."
    ),
    click.option("--max-tokens", type=click.IntRange(min=1), default=512, show_default=True, help="Of one reply."),
    click.option(
        "--top-logprobs",
        type=click.IntRange(min=0),
        default=20,
        show_default=True,
        help="Alternatives whose log-probability is asked for; 0 where the endpoint gives none.",
    ),
    click.option(
        "--resample",
        type=int,
        default=0,
        show_default=True,
        help="Plans drawn again at each turn where log-probabilities do not tell.",
    ),
    click.option(
        "--constrain",
        type=click.Choice(["schema", "grammar", "nothing"]),
        help="What plans are forced into their form by; by default what the endpoint knows.",
    ),
)


def asked(command: Command) -> Command:
    """Add the options that say which model is asked."""
    for option in reversed(_ASKED):
        command = option(command)
    return command


def drawn(command: Command) -> Command:
    """Add the options that say how an orchestrator's replies are drawn."""
    for option in reversed(_DRAWN):
        command = option(command)
    return command


def model(values: dict[str, Any], out: Path) -> "Asked | None":
    """Take the options of `asked` out of `values`, and return the model that they name if they do."""
    from entropyjax.jobs.asked import Asked, log_beside, read_endpoint

    path, log, replay, concurrency = (values.pop(name) for name in ("endpoint", "log", "replay", "concurrency"))
    if path is None:
        given = [
            name for name, value in (("--log", log), ("--replay", replay), ("--concurrency", concurrency)) if value
        ]
        if given:
            raise click.BadParameter(f"{given[0]} belongs to --endpoint; name one.")
        return None
    return Asked(read_endpoint(path, concurrency), log or log_beside(out), replay)


def second(values: dict[str, Any], path: Path | None, out: Path) -> "Asked | None":
    """Return a second model beside the one that `values` name, with a log of its own."""
    from entropyjax.jobs.asked import Asked, log_beside, read_endpoint

    if path is None:
        return None
    if values["endpoint"] is None:
        raise click.BadParameter("--second stands beside --endpoint; name the first solver too.")
    log = values["log"] or log_beside(out)
    endpoint = read_endpoint(path, values["concurrency"])
    return Asked(endpoint, log.with_name(f"{log.stem}.second{log.suffix}"), values["replay"])


def orchestrator(values: dict[str, Any], name: str | None, out: Path) -> "str | Asked":
    """Take the options of `asked` and `drawn` out of `values`, put what a job takes there, and return who is run."""
    found = model(values, out)
    values["chat"] = settings(values, found)
    if found is None:
        return name or "perfect"
    if name is not None:
        raise click.BadParameter(f"--endpoint is an orchestrator of its own; leave --orchestrator {name} out.")
    values["concurrency"] = found.endpoint.concurrency
    return found


def settings(values: dict[str, Any], found: "Asked | None") -> "ChatSettings":
    """Take the options of `drawn` out of `values`, and return how replies of a model are drawn."""
    from entropyjax.iwg import ChatSettings, Options

    temperature, tokens, alternatives = (values.pop(name) for name in ("temperature", "max_tokens", "top_logprobs"))
    resample, constrain = values.pop("resample"), values.pop("constrain")
    if found is None:
        return ChatSettings()
    endpoint = found.endpoint
    default = "schema" if endpoint.schemas else "grammar" if endpoint.grammars else "nothing"
    if (constrain == "schema" and not endpoint.schemas) or (constrain == "grammar" and not endpoint.grammars):
        raise click.BadParameter(
            f"The endpoint is not said to know a {constrain}; set {constrain}s = true in its file."
        )
    options = Options(temperature=temperature, max_tokens=tokens, top_logprobs=alternatives)
    return ChatSettings(options, resample, constrain=constrain or default)
