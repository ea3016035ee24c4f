"""Checks of [run]: the method, the step, the replicates, and what agents need."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from entropyjax.agents import AgentError, check_rates
from entropyjax.io.config.errors import Problem
from entropyjax.io.config.tables import RunConfig
from entropyjax.models import MODELS, AbstractModel
from entropyjax.params import OrchestratorParams, UnknownNameError
from entropyjax.solve import DEFAULT_METHOD, METHODS, refusal

Values = Mapping[str, tuple[float, ...]]
"""All values that each parameter takes in the cells of a sweep, by name."""
_MOST_STEPS = 2**31
_WHOLE = 1e-9
_RATES = ("compaction_rate", "reflexion_rate", "resolution_rate")


def check_run(run: RunConfig, drawn: bool) -> Iterator[Problem]:
    """Yield what is wrong within [run]; `drawn` says whether there is a population."""
    try:
        method = METHODS.get(run.method)
    except UnknownNameError as error:
        yield Problem(("run", "method"), str(error))
    else:
        if method.dynamics != run.dynamics:
            fitting = [name for name in METHODS if METHODS.get(name).dynamics == run.dynamics]
            text = (
                f"method '{run.method}' solves dynamics '{method.dynamics}', not '{run.dynamics}'; choose "
                f"{' or '.join(fitting)}, or leave it out for {DEFAULT_METHOD[run.dynamics]}."
            )
            yield Problem(("run", "method"), text)
    if run.dynamics == "ode" and run.replicates != 1 and not drawn:
        text = (
            f"replicates = {run.replicates} would be that many times the same trajectory: an ODE "
            "without [population] has no randomness; leave replicates out, or add a population."
        )
        yield Problem(("run", "replicates"), text)
    if run.dynamics == "agents" and run.step is not None:
        text = f"step = {run.step:g} does not apply to agents: params.step_size is their micro-step"
        yield Problem(("run", "step"), f"{text}; leave step out.")
    elif run.step is not None and _per_interval(run, run.step) * run.save_intervals >= _MOST_STEPS:
        text = f"step = {run.step:g} step is too short for horizon = {run.horizon:g} step: 2^31 steps or more."
        yield Problem(("run", "step"), f"{text} Take a longer step.")


def check_dynamics(model: type[AbstractModel], run: RunConfig, values: Values) -> Iterator[Problem]:
    """Yield that the model has no such dynamics; of agents also unfit micro-steps and rates that are too high."""
    if sentence := refusal(model, run.dynamics, f"model '{run_name(model)}'"):
        yield Problem(("run", "dynamics"), sentence)
    elif run.dynamics == "agents" and issubclass(model.Params, OrchestratorParams):
        yield from _check_agents(model, run, values)


def _check_agents(model: type[AbstractModel], run: RunConfig, values: Values) -> Iterator[Problem]:
    for size in values["step_size"]:
        ratio = _per_interval(run, size)
        if ratio * run.save_intervals >= _MOST_STEPS:
            text = f"step_size = {size:g} step is too short for horizon = {run.horizon:g} step"
            yield Problem(("params", "step_size"), f"{text}: 2^31 steps or more. Take a longer one.")
        elif round(ratio) < 1 or abs(ratio - round(ratio)) > _WHOLE * ratio:
            interval = run.horizon / run.save_intervals
            text = (
                f"horizon / save_intervals = {interval:g} step is not a whole multiple of "
                f"step_size = {size:g} step; change horizon, save_intervals or params.step_size."
            )
            yield Problem(("run", "save_intervals"), text)
    worst = model.Params(**{name: max(values[name]) for name in _RATES})
    try:
        check_rates(worst, max(values["step_size"]))
    except AgentError as error:
        yield Problem(("params", "step_size"), str(error))


def check_drawn_step(run: RunConfig, population: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield that agents draw their micro-step, which one compiled grid cannot hold."""
    if run.dynamics == "agents" and "step_size" in population:
        text = "step_size is the micro-step of agents and cannot be drawn; give it in [params]."
        yield Problem(("population", "step_size"), text)


def run_name(model: type[AbstractModel]) -> str:
    """Return the name under which a class of models is registered, else its own."""
    return next((name for name in MODELS if MODELS.get(name) is model), model.__name__)


def _per_interval(run: RunConfig, step: float) -> float:
    try:
        return run.horizon / run.save_intervals / step
    except OverflowError:
        return math.inf
