"""The star for one trajectory in plain Python: what scipy and numba integrate, written apart from the package's own."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from entropyjax.jobs.bench.problem import float64
from entropyjax.models.gap import focus_at
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


class StarFunctions(NamedTuple):
    """The functions of one trajectory.

    `choice(x, d)` gives q, 1-q and h; `target(s, c, d)` is u; `drift(x, s, c, d)` gives the three slopes.
    """

    choice: Callable[..., Any]
    target: Callable[..., Any]
    drift: Callable[..., Any]


def derive(params: Any) -> np.ndarray:
    """Return the rows of `Derived` of many trajectories, in float64."""
    p = {name: np.asarray(getattr(params, name), np.float64) for name in type(params).specs()}
    rivals = p["roster_similarity"] * (p["n_agents"] - 1.0)
    criteria = Criteria()
    theta, hysteresis = float(criteria.collapse_threshold), float(criteria.hysteresis)
    with float64():
        # They are the same to rounding however they are found, so the package finds them.
        levels = (theta, theta - hysteresis)
        threshold, arming = (np.asarray(jax.vmap(lambda one, at=at: focus_at(at, one))(rivals)) for at in levels)
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


def star_functions(jit: Callable[[Any], Any], real: Callable[[float], Any]) -> StarFunctions:
    """Return the functions, each passed through `jit`, with constants of the type `real`."""
    exp, log, log1p = math.exp, math.log, math.log1p
    zero, one, bottom = real(0.0), real(1.0), real(-80.0)
    names = {name: place for place, name in enumerate(Derived._fields)}
    log_rivals, log_executors, static, capacity = (names[n] for n in Derived._fields[:4])
    rate, evidence, gain, order, kappa, inflow, error, compaction, reflexion = (names[n] for n in Derived._fields[4:13])

    def choice(x: Any, d: Any) -> Any:
        advantage = x - d[log_rivals]
        size = advantage if advantage >= zero else -advantage
        odds = exp(-size)
        more = one / (one + odds)
        less = odds * more
        wrong = less if advantage >= zero else more
        right = more if advantage >= zero else less
        entropy = log1p(odds) + size * less + wrong * d[log_rivals]
        return right, wrong, entropy / d[log_executors]

    def target(s: Any, c: Any, d: Any) -> Any:
        fill = (d[static] + c) / d[capacity]
        power = d[order] * log(fill) if fill > zero else bottom
        # Beyond it L^n would overflow, and m is 0 to rounding.
        attention = one / (one + exp(power)) if power < -bottom else zero
        return (d[evidence] + d[gain] * s) * attention

    choose, aim = jit(choice), jit(target)

    def drift(x: Any, s: Any, c: Any, d: Any) -> Any:
        right, wrong, h = choose(x, d)
        return (
            d[rate] * (aim(s, c, d) - x),
            d[kappa] * right * (one - s),
            d[inflow] + d[error] * wrong - (d[compaction] + d[reflexion] * h) * c,
        )

    return StarFunctions(choose, aim, jit(drift))
