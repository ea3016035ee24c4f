"""The star for one trajectory in plain Python, written apart from the package's own: what scipy integrates."""

import math
from typing import Any, NamedTuple

import jax
import numpy as np

from entropyjax.entropy import gap_at
from entropyjax.jobs.bench.problem import float64
from entropyjax.solve import Criteria


class Derived(NamedTuple):
    """What the equations need of one trajectory; the last two are the x at which h is theta, and at which it arms."""

    log_rivals: Any
    log_executors: Any
    static: Any
    capacity: Any
    rate: Any
    evidence: Any
    gain: Any
    order: Any
    kappa: Any
    inflow: Any
    error: Any
    compaction: Any
    reflexion: Any
    gap_noise: Any
    token_noise: Any
    step_size: Any
    threshold: Any
    arming: Any


def derive(params: Any) -> np.ndarray:
    """Return the rows of `Derived` of many trajectories, in float64."""
    p = {name: np.asarray(getattr(params, name), np.float64) for name in type(params).specs()}
    rivals = p["roster_similarity"] * (p["n_agents"] - 1.0)
    criteria = Criteria()
    theta, hysteresis = float(criteria.collapse_threshold), float(criteria.hysteresis)
    with float64():
        # They are the same to rounding however they are found, so the package finds them.
        levels = (theta, theta - hysteresis)
        threshold, arming = (np.asarray(jax.vmap(lambda one, at=at: gap_at(at, one))(rivals)) for at in levels)
    evidence = p["evidence"] * (1.0 + p["reasoning_gain"] * np.log1p(p["reasoning_tokens"] / p["reasoning_scale"]))
    rows = Derived(
        log_rivals=np.log(rivals),
        log_executors=np.log1p(rivals),
        static=p["system_tokens"] + p["n_agents"] * p["roster_tokens"],
        capacity=p["effective_fraction"] * p["context_window"],
        rate=p["focus_rate"],
        evidence=evidence,
        gain=evidence * p["progress_gain"],
        order=p["dilution_order"],
        kappa=p["resolution_rate"],
        inflow=p["executor_tokens"] + p["reasoning_tokens"],
        error=p["error_tokens"],
        compaction=p["compaction_rate"],
        reflexion=p["reflexion_rate"],
        gap_noise=p["focus_noise"],
        token_noise=p["token_noise"],
        step_size=p["step_size"],
        threshold=threshold,
        arming=arming,
    )
    return np.stack(np.broadcast_arrays(*rows))


def choice(x: float, d: Derived) -> tuple[float, float, float]:
    """Return q, 1 - q and h at the gap x."""
    advantage = x - d.log_rivals
    odds = math.exp(-abs(advantage))
    more = 1.0 / (1.0 + odds)
    less = odds * more
    right, wrong = (more, less) if advantage >= 0.0 else (less, more)
    entropy = math.log1p(odds) + abs(advantage) * less + wrong * d.log_rivals
    return right, wrong, entropy / d.log_executors


def target(s: float, c: float, d: Derived) -> float:
    """Return u, the gap that the context supports."""
    return (d.evidence + d.gain * s) / (1.0 + math.exp(d.order * math.log((d.static + c) / d.capacity)))


def drift(x: float, s: float, c: float, d: Derived) -> tuple[float, float, float]:
    """Return dx/dt, ds/dt and dc/dt."""
    right, wrong, h = choice(x, d)
    return (
        d.rate * (target(s, c, d) - x),
        d.kappa * right * (1.0 - s),
        d.inflow + d.error * wrong - (d.compaction + d.reflexion * h) * c,
    )
