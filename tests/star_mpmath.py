"""The fixed points of the star in 40-digit arithmetic, written from the model page and from nothing of the package."""

import mpmath as mp
from systems import DEFAULTS

mp.mp.dps = 40


def residual(c, **values):
    """F(c) of the model page, section 3, at s = 1."""
    p = {name: mp.mpf(repr(value)) for name, value in DEFAULTS.items()} | values
    evidence = p["evidence"] * (1 + p["reasoning_gain"] * mp.log(1 + p["reasoning_tokens"] / p["reasoning_scale"]))
    evidence *= 1 + p["progress_gain"]
    load = (p["system_tokens"] + p["n_agents"] * p["roster_tokens"] + c) / (
        p["effective_fraction"] * p["context_window"]
    )
    x = evidence / (1 + load ** p["dilution_order"])
    rivals = p["roster_similarity"] * (p["n_agents"] - 1)
    q = 1 / (1 + rivals * mp.exp(-x))
    entropy = -q * mp.log(q) - (1 - q) * mp.log((1 - q) / rivals)
    h = entropy / mp.log(1 + rivals)
    inflow = p["executor_tokens"] + p["reasoning_tokens"] + p["error_tokens"] * (1 - q)
    return inflow - (p["compaction_rate"] + p["reflexion_rate"] * h) * c


def fold(free, start, **values):
    """Solve F = F' = 0 for c and the parameter `free`, near `start` = (c, value)."""

    def equations(c, value):
        at = {**values, free: value}
        return [residual(c, **at), mp.diff(lambda c: residual(c, **at), c)]

    return mp.findroot(equations, start)[1]


def cusp(start, **values):
    """Solve F = F' = F'' = 0 for (c, N, W) near `start`."""

    def equations(c, agents, window):
        at = {**values, "n_agents": agents, "context_window": window}
        return [mp.diff(lambda c: residual(c, **at), c, order) for order in range(3)]

    _, agents, window = mp.findroot(equations, start)
    return agents, window


def root(low, high, **values):
    """Solve F = 0 for c between two ends."""
    return mp.findroot(lambda c: residual(c, **values), (low, high), solver="anderson")
