"""From traps to variables with units."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from entropyjax.jobs.trap_scope import Scope
from entropyjax.models import Star
from entropyjax.params import cast, replace
from entropyjax.results import Effort, Optimum
from entropyjax.stability import (
    AtRest,
    ReasoningTrap,
    TaskSuccess,
    attention_cost,
    critical_gain,
    evidence_return,
)

KIND = "trap"
"""Value of the attribute `kind` of a dataset that holds a Reasoning Trap."""

_FIELDS = {
    "best": ("optimum", "ktok/step", "Effort tau_r at which success is largest."),
    "value": ("success_at_optimum", "1", "s(T) of the ODE at the best effort."),
    "value_without": ("success_without", "1", "s(T) of the ODE without reasoning."),
    "value_now": ("success_now", "1", "s(T) of the ODE at the effort of the configuration."),
    "slope_now": ("slope_now", "step/ktok", "Derivative of s(T) by tau_r at the effort of the configuration."),
    "label": ("label", "1", "Where the effort of the configuration stands to the best one; see the meaning."),
    "place": ("place", "1", "Where the best effort lies in the range: inside, at an end, or nowhere."),
}


def map_data(scope: Scope, found: ReasoningTrap) -> dict[str, Any]:
    """Return the variables over the plane and the task's length, and their axes."""
    dims = (scope.x.name, scope.y.name, "task_length")
    data = _fields(dims, found, "")
    specs = type(scope.params).specs()
    for axis in (scope.x, scope.y):
        spec = specs[axis.name]
        attrs = {"units": spec.unit, "long_name": spec.doc, "symbol": spec.symbol}
        data[axis.name] = (axis.name, axis.values, attrs)
    doc = "Time that a task takes when every dispatch is right, -ln(s_tol) / kappa."
    data["task_length"] = ("task_length", scope.lengths, {"units": "step", "long_name": doc, "symbol": "Lambda"})
    return data


def point_data(scope: Scope, trap: ReasoningTrap, changes: list[str]) -> dict[str, Any]:
    """Return the variables of the orchestrator as it is and with a parameter changed, and of the condition at rest."""
    data = _fields(("change",), trap, "point_")
    for name in ("at_optimum", "without", "now"):
        doc = f"Mean probability of the right executor up to T: success {name}, read as dispatches."
        data[f"point_right_{name}"] = ("change", mean_right(scope, data[f"point_success_{name}"][1]), _ones(doc))
    data["change"] = ("change", changes)
    if type(scope.model) is Star and float(scope.params.compaction_rate + scope.params.reflexion_rate) > 0.0:
        data |= {name: ((), value, {"units": unit, "long_name": doc}) for name, value, unit, doc in _condition(scope)}
    return data


def _ones(doc: str) -> dict[str, str]:
    return {"units": "1", "long_name": doc}


def _condition(scope: Scope) -> list[tuple[str, float, str, str]]:
    now = cast(scope.params, jnp.float64)
    still = replace(now, {"reasoning_tokens": jnp.zeros_like(now.reasoning_tokens)})
    both = jax.tree.map(lambda *leaves: jnp.stack(leaves), now, still)
    context = jax.jit(jax.vmap(AtRest("context")))(both)
    return [
        ("evidence_return", float(evidence_return(now, context[0])), "1/ktok", "What reasoning adds to ln Delta_eff."),
        ("attention_cost", float(attention_cost(now, context[0])), "1/ktok", "What context takes from ln m."),
        ("critical_gain", float(critical_gain(still, context[1])), "1", "Least b at which a little reasoning pays."),
    ]


def curve_data(
    scope: Scope, efforts: np.ndarray, curve: str, cases: np.ndarray, spans: ReasoningTrap, objective: TaskSuccess
) -> dict[str, Any]:
    """Return success along the effort and the optimum over the task's length, for each curve."""
    success = _success(scope, efforts, curve, cases, objective)
    right = "Mean probability q of the right executor up to T, by the ODE."
    effort_attrs = {"units": "ktok/step", "long_name": "Reasoning effort.", "symbol": "tau_r"}
    doc = "Effort at which success is largest."
    return {
        "curve_success": (("effort", "curve"), success, _ones("s(T) of the ODE.")),
        "curve_right": (("effort", "curve"), mean_right(scope, success), _ones(right)),
        "curve_optimum": (("curve", "span"), spans.best, {"units": "ktok/step", "long_name": doc}),
        "curve_label": (("curve", "span"), spans.label, {"units": "1"}),
        "effort": ("effort", efforts, effort_attrs),
        "span": ("span", scope.spans, {"units": "step", "long_name": "Length of the task.", "symbol": "Lambda"}),
        "curve": ("curve", cases, _curve_attrs(scope, curve)),
    }


def _curve_attrs(scope: Scope, curve: str) -> dict[str, str]:
    spec = type(scope.params).specs()[curve] if curve else None
    return {"units": spec.unit, "long_name": spec.doc, "symbol": spec.symbol, "name": curve} if spec else {"name": ""}


def mean_right(scope: Scope, success: np.ndarray) -> np.ndarray:
    """Return the mean of q up to T, -ln((1 - s(T)) / (1 - s(0))) / (kappa T), since ds/dt = kappa q (1 - s)."""
    left = np.log1p(-success) - np.log1p(-float(scope.params.initial_progress))
    return left / (scope.patience * np.log(scope.tolerance))


def _success(scope: Scope, efforts: np.ndarray, curve: str, cases: np.ndarray, objective: TaskSuccess) -> np.ndarray:
    effort, case = np.meshgrid(efforts, cases, indexing="ij")
    values = {"reasoning_tokens": effort.ravel()} | ({curve: case.ravel()} if curve else {})
    params = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, effort.size), cast(replace(scope.params, values), float))
    return np.asarray(jax.jit(jax.vmap(objective))(params)).reshape(effort.shape)


def _fields(dims: tuple[str, ...], found: ReasoningTrap, prefix: str) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for field, (name, unit, doc) in _FIELDS.items():
        values = np.asarray(getattr(found, field))
        out[prefix + name] = (dims, values, {"units": unit, "long_name": doc})
    for name, code in (("label", Effort), ("place", Optimum)):
        out[prefix + name][2]["codes"] = [item.name.lower() for item in code]
    return out
