"""The profile of a free value, and the interval that it gives."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.stats import chi2

from entropyjax.inference.errors import InferenceError
from entropyjax.params import Support


class Profile(NamedTuple):
    """Profile of one free value.

    **Attributes:**

    - `values`: in the parameter's unit, rising; `places`: the same on the unconstrained scale.
    - `log_likelihood`: ln L at each, maximised over all others under their priors, less its largest value, in nat.
    - `low`, `high`: ends of the interval by the chi-square cut at `level`; `open_low`, `open_high`: whether the profile
      ends above the cut, so that nothing up to the end of the range is excluded.
    """

    label: str
    values: Float[np.ndarray, " points"]
    places: Float[np.ndarray, " points"]
    log_likelihood: Float[np.ndarray, " points"]
    level: float
    low: float
    high: float
    open_low: bool
    open_high: bool

    def __str__(self) -> str:
        end = f"({self.level:.0%} of the profile likelihood)."
        if self.open_low and self.open_high:
            return f"{self.label}: no value from {self.low:.3g} to {self.high:.3g} is excluded {end}"
        if self.open_low:
            return f"{self.label}: at most {self.high:.3g}, and no value down to {self.low:.3g} is excluded {end}"
        if self.open_high:
            return f"{self.label}: at least {self.low:.3g}, and no value up to {self.high:.3g} is excluded {end}"
        return f"{self.label}: {self.low:.3g} to {self.high:.3g} {end}"


def profile_of(label: str, support: Support, places: np.ndarray, found: np.ndarray, level: float) -> Profile:
    """Return the profile with its interval: where twice the fall from the top is chi-square's at `level`.

    **Raises:** `InferenceError` if it is hardly anywhere finite.
    """
    order = np.argsort(places, kind="stable")
    order = order[np.isfinite(found[order])]
    if len(order) < 5:
        raise InferenceError(f"The profile of {label} is hardly anywhere finite; narrow the ranges of the parameters.")
    places, fall = places[order], found[order] - _top(places[order], found[order])
    (low, open_low), (high, open_high) = (_crossing(places, fall, level, side) for side in (-1, 1))
    values = np.asarray(support.constrain(jnp.asarray([*places, low, high])))
    return Profile(label, values[:-2], places, fall, level, float(values[-2]), float(values[-1]), open_low, open_high)


def between(places: np.ndarray, found: np.ndarray, level: float) -> Float[np.ndarray, " points"]:
    """Return as many places again, within the steps of a profile in which it passes the cut."""
    found = np.where(np.isfinite(found), found, -1e30)
    above = np.flatnonzero(_root(found - found.max()) <= _root(-_cut(level)))
    first, last = np.clip([above[0] - 1, above[-1]], 0, len(places) - 2)
    half = len(places) // 2
    low = np.linspace(places[first], places[first + 1], half + 2)[1:-1]
    return np.concatenate([low, np.linspace(places[last], places[last + 1], len(places) - half + 2)[1:-1]])


def _cut(level: float) -> float:
    return 0.5 * float(chi2.ppf(level, 1))


def _root(fall: np.ndarray | float) -> Any:
    """Return the root of a fall, which is nearly straight on each side of the top."""
    return np.sqrt(np.maximum(-np.asarray(fall), 0.0))


def _top(places: np.ndarray, found: np.ndarray) -> float:
    """Return the top of the parabola through the highest point and its neighbours."""
    best = int(np.clip(np.argmax(found), 1, len(found) - 2))
    x, y = places[best - 1 : best + 2] - places[best], found[best - 1 : best + 2]
    if np.min(np.diff(x)) <= 0.0:
        return float(found.max())
    a, b, c = np.polyfit(x, y, 2)
    return float(max(found.max(), c - b**2 / (4.0 * a))) if a < 0.0 else float(found.max())


def _crossing(places: np.ndarray, fall: np.ndarray, level: float, side: int) -> tuple[float, bool]:
    """Return where the profile last passes the cut on one side, and whether it never falls below it there."""
    root, cut = _root(fall), float(_root(-_cut(level)))
    above = np.flatnonzero(root <= cut)
    if not len(above):
        return float(places[np.argmax(fall)]), False
    last = int(above[0] if side < 0 else above[-1])
    if not 0 <= last + side < len(places):
        return float(places[last]), True
    share = (cut - root[last]) / (root[last + side] - root[last])
    return float(places[last] + share * (places[last + side] - places[last])), False
