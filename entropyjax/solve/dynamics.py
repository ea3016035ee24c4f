"""Which levels of description a model has: its ODE, its SDE if it has noise, its agents if some are paired with it."""

from entropyjax.agents import micro_step
from entropyjax.models import AbstractModel
from entropyjax.solve.method import Dynamics


def refusal(model: type[AbstractModel], dynamics: Dynamics, name: str | None = None) -> str | None:
    """Return why a model has no such dynamics, or `None` if it has.

    **Arguments:** `name`: what the sentence calls the model, by default its class.
    """
    called = name or model.__name__
    others = "'sde' or 'ode'" if model.has_noise() else "'ode'"
    if dynamics == "agents" and micro_step.dispatch(model) is micro_step.dispatch(object):
        return f"{called} has no agent-level simulator; use dynamics {others}."
    if dynamics == "sde" and not model.has_noise():
        return f"{called} has no noise, so that its SDE is its ODE; use dynamics 'ode'."
    return None
