"""Priors: a parameter's range of 90%, normal on the scale on which it is fitted."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from entropyjax.inference.errors import InferenceError
from entropyjax.params import Parameter

_Z90 = 1.6448536269514722
"""The 95th percentile of the standard normal distribution."""

RANGES: Mapping[str, tuple[float, float]] = {
    "focus_rate": (0.15, 3.0),
    "evidence": (1.0, 15.0),
    "effective_fraction": (0.01, 1.5),
    "dilution_order": (0.5, 4.0),
    "roster_similarity": (0.05, 0.95),
    "system_tokens": (0.1, 20.0),
    "roster_tokens": (0.01, 1.0),
    "executor_tokens": (0.05, 4.0),
    "reasoning_tokens": (0.05, 4.0),
    "error_tokens": (0.1, 12.0),
    "compaction_rate": (0.003, 0.3),
    "reflexion_rate": (0.003, 0.3),
    "reasoning_gain": (0.02, 2.0),
    "progress_gain": (0.02, 2.0),
    "resolution_rate": (0.005, 0.3),
    "initial_focus": (-3.0, 9.0),
    "initial_context": (0.05, 10.0),
    "initial_normalised_entropy": (0.02, 0.98),
    "final_normalised_entropy": (0.02, 0.98),
    "entropy_slope": (-0.1, 0.1),
    "relaxation_time": (0.5, 40.0),
    "focusing_rate": (0.02, 2.0),
    "loading_rate": (0.02, 2.0),
    "natural_frequency": (0.05, 2.0),
    "damping_ratio": (0.05, 3.0),
    "initial_trend": (-0.3, 0.3),
    "task_spread": (0.1, 4.0),
    "increment_noise": (0.03, 4.0),
    "token_scale": (0.5, 4.0),
    "diversity": (0.02, 2.0),
}
"""Ranges that hold 90% of the prior where a fit names none, in each parameter's unit.

They say what an orchestrator may be like before anything is seen of it, and are wide: the evidence from hardly any to
certainty, the effective window from 1% of the nominal one to more than it.
"""


class Prior(NamedTuple):
    """Normal prior on the unconstrained scale: `mean` and `sd`."""

    mean: float
    sd: float


def prior_of(spec: Parameter, low: float | None = None, high: float | None = None) -> Prior:
    """Return the prior that holds 90% between `low` and `high`, in the parameter's unit.

    **Raises:** `InferenceError` where there is no range, or it is empty or not inside the support.
    """
    if low is None or high is None:
        if spec.name not in RANGES:
            raise InferenceError(
                f"No prior is known for {spec.name}; give the range that holds it with 90%, as in {spec.name}:1..5."
            )
        low, high = RANGES[spec.name]
    ends = [np.asarray(spec.support.unconstrain(float(end)), float) for end in (low, high)]
    if not (low < high and np.all(np.isfinite(ends))):
        raise InferenceError(
            f"The range of {spec.name} from {low:g} to {high:g} must rise and be inside {spec.support}, ends excluded."
        )
    return Prior(float(0.5 * (ends[0] + ends[1])), float((ends[1] - ends[0]) / (2.0 * _Z90)))
