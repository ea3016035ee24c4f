"""Posterior files: a TOML file of an orchestrator whose population is a posterior, which sweeps can build on."""

import dataclasses
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from entropyjax.agents import micro_step
from entropyjax.inference.draws import FITTED, PRIOR, ParameterDraws
from entropyjax.inference.effect import SPREAD
from entropyjax.io.config import ConfigError, Samples, load
from entropyjax.io.store import write_text
from entropyjax.models import MODELS

ROWS = "posterior"
"""Name of the rows that the parameters of a posterior share."""

_NOTHING_LEARNT = 1.0


def write_posterior(draws: ParameterDraws, path: str | os.PathLike, title: str = "") -> Path:
    """Write the draws as a configuration: `base = "posterior.toml"` makes a sweep draw from the posterior.

    `[params]` has every parameter, medians of those that are drawn; `[population]` the draws, one row each;
    `[sources]` what each value rests on.

    **Raises:** `StoreError` if the path is taken or cannot be written.
    """
    return write_text("\n".join([*_lines(draws, title), ""]), path)


def _lines(draws: ParameterDraws, title: str) -> Iterator[str]:
    columns, varying = draws.columns, draws.varying
    yield f"title = {_text(title or f'Posterior of {draws.condition}')}"
    yield f"description = {_text(_description(draws))}"
    yield from ("", "[model]", f"name = {_text(MODELS.name_of(draws.model))}")
    yield from (f"{key} = {_value(value)}" for key, value in dataclasses.asdict(draws.model).items())
    yield from ("", "[run]", f"dynamics = {_text(_dynamics(draws))}", "", "[params]")
    yield from (f"{name} = {_value(float(np.median(column)))}" for name, column in columns.items())
    for name in varying:
        yield from ("", f"[population.{name}]", 'distribution = "samples"', f"rows = {_text(ROWS)}")
        yield f"values = [{', '.join(_value(float(value)) for value in columns[name])}]"
    yield from ("", "[sources]")
    yield from (f"{name} = {_text(_source(draws, name))}" for name in columns)


def _description(draws: ParameterDraws) -> str:
    text = f"{draws.size} draws ({draws.method}) of {draws.condition}"
    spread = float(np.median(draws.effects.get(SPREAD.name, 0.0)))
    return f"{text}, for a task in the middle: tasks differ by {spread:.2g} nat in the gap" if spread else text


def _dynamics(draws: ParameterDraws) -> str:
    agents = micro_step.dispatch(type(draws.model)) is not micro_step.dispatch(object)
    return "agents" if agents else "ode"


def _source(draws: ParameterDraws, name: str) -> str:
    status = draws.rests_on(name)
    if name not in draws.widths:
        return status
    low, high = np.quantile(draws.columns[name], [0.05, 0.95])
    width = f"its interval of 90%, {low:.4g} to {high:.4g}, is {draws.widths[name]:.3g} times as wide as the prior's"
    return f"{status}; {width}"


def read_posterior(path: str | os.PathLike) -> ParameterDraws:
    """Return the draws of a posterior file.

    **Raises:** `ConfigError` for a file that is no configuration, or draws no rows of a posterior.
    """
    config = load(os.fspath(path))
    drawn = {name: entry for name, entry in config.population.items() if isinstance(entry, Samples)}
    if not drawn or len(drawn) < len(config.population) or {entry.rows for entry in drawn.values()} != {ROWS}:
        raise ConfigError(
            [f"{os.fspath(path)} is no posterior: every [population] entry needs samples with rows = '{ROWS}'."]
        )
    model: Any = config.model.build()
    size = len(next(iter(drawn.values())).values)
    values = {name: np.full(size, config.params.get(name, spec.default)) for name, spec in model.Params.specs().items()}
    values |= {name: np.array(entry.values, float) for name, entry in drawn.items()}
    return ParameterDraws(
        model=model,
        params=model.Params(**values),
        effects={},
        widths=_widths(config.sources),
        condition=(config.title or os.fspath(path)).removeprefix("Posterior of "),
        method=(config.description or "").partition("(")[2].partition(")")[0] or "samples",
    )


def _widths(sources: Mapping[str, str]) -> dict[str, float]:
    """Return the widths over the prior's that the sources tell."""
    out = {}
    for name, text in sources.items():
        if text.partition(";")[0] in (FITTED, PRIOR):
            number = text.partition(", is ")[2].partition(" times")[0]
            out[name] = float(number) if number else (0.0 if text.startswith(FITTED) else _NOTHING_LEARNT)
    return out


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _value(value: Any) -> str:
    # JSON's numbers, texts, booleans and arrays are TOML's, but for exponents without a point.
    return json.dumps(list(value) if isinstance(value, tuple) else value)
