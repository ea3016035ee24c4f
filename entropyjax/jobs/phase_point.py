"""What theory says of one orchestrator: its fixed points, its critical values, and what moves them most."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from entropyjax.io.config import SweepConfig
from entropyjax.results import Criterion, Kind, Phase, Validity, describe
from entropyjax.solve import Grid
from entropyjax.solve.lane import solve
from entropyjax.stability import NoiseError, critical_agents, critical_window, elasticities, escape, has_margin_window
from entropyjax.stability.diagram import fixed_points

_SHOWN = ("focus", "context", "right_probability", "normalised_entropy", "margin")
_EVENTS = {
    "focus_time": "focused from",
    "collapse_time": "focus lost at",
    "resolution_time": "resolved at",
    "horizon_time": "least entropy at",
}
_RANKED = 8


class PhasePoint(NamedTuple):
    """One parameter point, as JSON values: `record` for programs, and text that says the same when printed."""

    record: dict[str, Any]

    def __str__(self) -> str:
        told = self.record
        lines = [f"{told['title']}{told['model']} with {', '.join(told['settings'])}, in float64."]
        lines += (
            [f"The population of {', '.join(told['population'])} plays no part here."] if told["population"] else []
        )
        # Without forgetting there is nothing to certify.
        proof = "" if told["phase"] == "no_compaction" else " Certified." if told["certified"] else " NOT CERTIFIED."
        lines.append(f"{told['phase'].replace('_', ' ')}: {told['meaning']}{proof}")
        lines += [_fixed_point(one) for one in told["fixed_points"]]
        lines += [_critical(one) for one in told["critical"]]
        lines.append(_times(told["times"], told["horizon"]))
        lines += [_escape_line(told["escape"])] if told["escape"] else []
        if told["elasticities"]:
            lines.append(f"What moves the critical {_name(told['moved'])} most, if raised by 10%:")
            lines += [f"  {name:<20} {_percent(power)}" for name, power in told["elasticities"][:_RANKED]]
        return "\n".join(lines)


def phase_point(config: SweepConfig) -> PhasePoint:
    """Return what theory says of the orchestrator of a configuration; its runs, axes and population play no part.

    The event times are those of the ODE from the initial state, up to the horizon of the configuration.
    """
    model = config.model.build()
    with jax.enable_x64(True):
        params = model.params(**config.params)
        model = model.sized({name: getattr(params, name) for name in type(params).specs()})
        found = fixed_points(model, params)
        critical, moved, powers = _critical_values(model, params)
        times = _event_times(model, params, config)
        phase = Phase(int(found.phase))
        away = _escape(model, params) if phase is Phase.BISTABLE else None
    record = {
        "title": f"{config.title}: " if config.title else "",
        "model": config.model.name,
        "settings": [f"N = {float(params.n_agents):g}", f"W = {float(params.context_window):g} ktok"],
        "population": list(config.population),
        "phase": phase.name.lower(),
        "meaning": describe(phase),
        "certified": bool(found.certified),
        "fixed_points": [_point(found, slot) for slot in range(min(int(found.count), len(found.kind)))],
        "critical": critical,
        "times": times,
        "horizon": config.run.horizon,
        "escape": away,
        "moved": moved,
        "elasticities": powers,
    }
    return PhasePoint(json.loads(json.dumps(record)))


def _point(found: Any, slot: int) -> dict[str, Any]:
    pair = np.ravel(found.spectrum.pair[slot])
    return {
        "kind": Kind(int(found.kind[slot])).name.lower().replace("_", " "),
        **{name: np.ravel(found.observables[name][slot]).tolist() for name in _SHOWN if name in found.observables},
        "eigenvalues": [[float(one.real), float(one.imag)] for one in pair],
    }


def _critical_values(model: Any, params: Any) -> tuple[list[dict[str, Any]], str, list[tuple[str, float]]]:
    """Return the critical values that the model has, the one that is ranked, and the elasticities of it."""
    if not has_margin_window(model):
        return [], "", []

    def window(params: Any) -> Any:
        # A model of several stars is focused where the one that needs the largest window is.
        found = _per_node(critical_window, model, params)
        worst = jnp.argmax(found.value)
        return jax.tree.map(lambda leaf: leaf[worst], found)

    functions: dict[str, Callable[[Any], Any]] = {"context_window": window}
    if model.nodes(params) is params:
        functions = {"n_agents": critical_agents} | functions
    out = []
    for name, function in functions.items():
        found = jax.jit(function)(params)
        code, own = Criterion(int(found.criterion)), float(getattr(params, name))
        value = float(found.value)
        out.append({"of": name, "value": value if np.isfinite(value) else None, "criterion": code.name.lower()})
        out[-1] |= {"own": own, "meaning": describe(code)}
    number = out[-1]["value"]
    if not number:
        return out, "context_window", []
    ranked = elasticities(window, params, "critical window").ranked()
    return out, "context_window", [(name, power) for name, power in ranked if name != "context_window"]


def _per_node(function: Callable[[Any], Any], model: Any, params: Any) -> Any:
    """Return a function of the stars that a model is made of, along one axis."""
    nodes = model.nodes(params)
    size = max(np.size(leaf) for leaf in jax.tree.leaves(nodes))
    return jax.vmap(function)(jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (size,)), nodes))


def _escape(model: Any, params: Any) -> dict[str, Any] | None:
    """Return how long noise takes to the collapsed fixed point, or `None` for a model of several gaps."""
    try:
        found = jax.jit(lambda params: escape(model, params))(params)
    except NoiseError:
        return None
    status = Validity(int(found.status))
    values = {"mean_time": float(found.mean_time), "barrier": float(found.barrier)}
    values = {name: value if np.isfinite(value) else None for name, value in values.items()}
    return values | {"status": status.name.lower(), "meaning": describe(status)}


def _event_times(model: Any, params: Any, config: SweepConfig) -> dict[str, float | None]:
    grid = Grid.with_step(config.run.horizon, config.run.save_intervals, config.run.step or 0.25)
    events = jax.jit(lambda params: solve(model, params, grid=grid, criteria=config.criteria.build()).events)(params)
    found = {name: float(getattr(events, name)) for name in _EVENTS}
    return {name: value if np.isfinite(value) else None for name, value in found.items()}


def _fixed_point(one: dict[str, Any]) -> str:
    parts = [f"{_name(name)} {', '.join(f'{v:.4g}' for v in one[name])}" for name in _SHOWN if name in one]
    values = ", ".join(f"{complex(*pair):.3g}" if pair[1] else f"{pair[0]:.3g}" for pair in one["eigenvalues"])
    return f"  {one['kind']}: {'; '.join(parts)}; eigenvalues {values} per step"


def _critical(one: dict[str, Any]) -> str:
    unit = " ktok" if one["of"] == "context_window" else ""
    if not one["value"]:
        return f"Critical {_name(one['of'])}: none. {one['meaning']}"
    excess = one["own"] / one["value"] - 1.0
    side = "above" if excess >= 0.0 else "below"
    head = f"Critical {_name(one['of'])}: {one['value']:.6g}{unit} ({one['criterion']})"
    return f"{head}; yours, {one['own']:g}{unit}, is {abs(excess):.1%} {side}. {one['meaning']}"


def _times(times: dict[str, float | None], horizon: float) -> str:
    parts = [f"{_EVENTS[name]} {value:.4g}" for name, value in times.items() if value is not None]
    text = ", ".join(parts) if parts else "never focused and never resolved"
    return f"Without noise, from its start to T = {horizon:g} steps: {text}."


def _escape_line(found: dict[str, Any]) -> str:
    if found["mean_time"] is None:
        return f"By noise: no escape time. {found['meaning']}"
    head = f"By noise, were the task never resolved: collapsed after {found['mean_time']:.3g} steps on average"
    return f"{head}, over a barrier of {found['barrier']:.3g}. {found['meaning']}"


def _name(name: str) -> str:
    return {"n_agents": "executors", "right_probability": "q", "normalised_entropy": "h"}.get(
        name, name.replace("_", " ")
    )


def _percent(power: float) -> str:
    return f"{1.1**power - 1.0:+.1%}"
