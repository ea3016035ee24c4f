"""What logs say of tokens directly, so that nothing of it needs a fit."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from entropyjax.inference.units import Units
from entropyjax.params import OrchestratorParams
from entropyjax.records import TraceSet

_ENOUGH = 20
"""Steps that a mean must rest on."""


class Account(NamedTuple):
    """Parameters of the context, one value for each condition; NaN where the log does not say.

    **Attributes:**

    - `system_tokens`, `roster_tokens`: the context at the first decision, split between prompt and roster.
    - `executor_tokens`, `reasoning_tokens`, `error_tokens`: what a step adds, and what more after an error.
    - `token_noise`: standard deviation of what a step without an error adds.
    - `compaction_rate`: what the context loses of itself, from one decision to the next.
    """

    system_tokens: Float[np.ndarray, " conditions"]
    roster_tokens: Float[np.ndarray, " conditions"]
    executor_tokens: Float[np.ndarray, " conditions"]
    reasoning_tokens: Float[np.ndarray, " conditions"]
    error_tokens: Float[np.ndarray, " conditions"]
    token_noise: Float[np.ndarray, " conditions"]
    compaction_rate: Float[np.ndarray, " conditions"]

    def known(self) -> dict[str, Float[np.ndarray, " conditions"]]:
        """Return by name the values that every condition has."""
        return {name: value for name, value in self._asdict().items() if np.all(np.isfinite(value))}


def bookkeeping(traces: TraceSet, units: Units) -> Account:
    """Return what the logs say of the context's parameters.

    An error flag stands for a wrong dispatch, which it need not be. A log that never tells of errors, or whose context
    only grows, gives no error tokens and a compaction of 0.
    """
    condition = units.condition[units.of_run[traces.run]]
    rows = [_account(traces, condition == one, int(size)) for one, size in enumerate(units.conditions.size)]
    return Account(*(np.array(column) for column in zip(*rows, strict=True)))


def _account(traces: TraceSet, here: np.ndarray, agents: int) -> tuple[float, ...]:
    first = _mean(traces.context[here & (traces.place == 0)], enough=1)
    default = OrchestratorParams.specs()["roster_tokens"].default
    # The log does not say what of the prompt describes executors: half of it at the most.
    roster = min(default, 0.5 * first / agents) if np.isfinite(first) else np.nan
    reasoning = _mean(traces.reasoning[here])
    thought = reasoning if np.isfinite(reasoning) else 0.0
    usual = traces.tokens[here & (traces.error != 1)]
    right, wrong = _mean(usual), _mean(traces.tokens[here & (traces.error == 1)])
    usual = usual[np.isfinite(usual)]
    return (
        first - agents * roster,
        roster,
        max(right - thought, 0.0) if np.isfinite(right) else np.nan,
        thought if np.isfinite(right) else np.nan,
        max(wrong - right, 0.0) if np.isfinite(wrong) else np.nan,
        float(usual.std()) if len(usual) >= _ENOUGH else np.nan,
        _compaction(traces, here, first),
    )


def _compaction(traces: TraceSet, here: np.ndarray, first: float) -> float:
    """Return the share that the context beyond the first one loses at a step: least squares through the origin."""
    going = np.flatnonzero(here[:-1] & (np.diff(traces.run) == 0))
    lost = traces.context[going] + traces.tokens[going] - traces.context[going + 1]
    beyond = traces.context[going] - first
    kept = np.isfinite(lost) & np.isfinite(beyond)
    square = float((beyond[kept] ** 2).sum())
    if kept.sum() < _ENOUGH or square == 0.0:
        return np.nan
    return float(np.clip((lost[kept] * beyond[kept]).sum() / square, 0.0, 0.99))


def _mean(values: np.ndarray, enough: int = _ENOUGH) -> float:
    values = values[np.isfinite(values)]
    return float(values.mean()) if len(values) >= enough else np.nan
