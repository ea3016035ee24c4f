"""Entropies over the steps of runs, from the tallies of tasks and how often each task counts."""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int

from entropyjax.entropy import chao_shen, conditional, miller_madow, plug_in
from entropyjax.entropy.nsb import Tables, log_prior, mean_entropy
from entropyjax.inference.tallies import SUMS

_ROWS = 64


class Series(NamedTuple):
    """What a series is: unit, meaning, and the name of the count that it rests on."""

    unit: str
    doc: str
    rests_on: str


SERIES: Mapping[str, Series] = {
    "pooled_plug_in": Series("nat", "Entropy over tasks and runs, plug-in.", "runs"),
    "pooled_miller_madow": Series("nat", "Entropy over tasks and runs, Miller-Madow.", "runs"),
    "pooled_chao_shen": Series("nat", "Entropy over tasks and runs, Chao-Shen.", "runs"),
    "pooled_nsb": Series("nat", "Entropy over tasks and runs, NSB.", "runs"),
    "within_plug_in": Series("nat", "Entropy over repeats of a task, plug-in; a mean weighed by runs.", "within_runs"),
    "within_miller_madow": Series("nat", "Entropy over repeats of a task, Miller-Madow.", "within_runs"),
    "within_chao_shen": Series("nat", "Entropy over repeats of a task, Chao-Shen.", "within_runs"),
    "within_nsb": Series("nat", "Entropy over repeats of a task, NSB.", "within_runs"),
    "history_plug_in": Series("nat", "Entropy over repeats with a common history, plug-in.", "history_runs"),
    "history_miller_madow": Series("nat", "Entropy over repeats with a common history, Miller-Madow.", "history_runs"),
    "history_chao_shen": Series("nat", "Entropy over repeats with a common history, Chao-Shen.", "history_runs"),
    "history_nsb": Series("nat", "Entropy over repeats with a common history, NSB.", "history_runs"),
    "lag_one_plug_in": Series("nat", "H(a_t | a_(t-1)) over tasks and runs, plug-in.", "lagged_runs"),
    "lag_one_miller_madow": Series("nat", "H(a_t | a_(t-1)) over tasks and runs, Miller-Madow.", "lagged_runs"),
    "path_divergence": Series("nat", "I(a; history | task): within less history, Miller-Madow.", "history_runs"),
    "task_diversity": Series("nat", "I(a; task): pooled less within, Miller-Madow.", "within_runs"),
    "history_share": Series("1", "Share of pairs with a common history that agree.", "history_pairs"),
    "task_share": Series("1", "Share of pairs of repeats that agree, whatever their history.", "task_pairs"),
    "pooled_share": Series("1", "Share of pairs of different tasks that agree.", "runs"),
    "gauge": Series("1", "Agreement at the first free step of the task's other runs.", "gauge_pairs"),
    "corrected_share": Series(
        "1", "history_share times its value at the first free step over the gauge.", "gauge_pairs"
    ),
    "history_renyi2": Series("nat", "-ln history_share: decision entropy of order 2.", "history_pairs"),
    "corrected_renyi2": Series("nat", "-ln corrected_share.", "gauge_pairs"),
    "task_renyi2": Series("nat", "-ln task_share.", "task_pairs"),
    "pooled_renyi2": Series("nat", "-ln pooled_share.", "runs"),
    "path_divergence2": Series("nat", "Of order 2: task_renyi2 less history_renyi2.", "history_pairs"),
    "task_diversity2": Series("nat", "Of order 2: pooled_renyi2 less task_renyi2.", "task_pairs"),
    "parallel": Series("nat", "ln of the executors dispatched in a turn, over turns.", "turns"),
    "log_probability": Series("nat", "Entropy of the log-probabilities over the roster.", "known"),
    "valid_mass": Series("1", "Probability that fell on the roster at all.", "known"),
}
"""Every series that is estimated, over steps; `parallel` over turns."""


class Parts(NamedTuple):
    """Tallies as arrays of the device, and what NSB sums over."""

    agents: Float[Array, "tasks steps agents"]
    previous: Float[Array, "tasks steps agents"]
    pairs: Float[Array, "tasks steps pairs"]
    sums: Float[Array, "tasks steps sums"]
    nodes: Float[Array, " nodes"]
    tables: Tables


@jax.jit
def estimate(
    weights: Float[Array, "replicates tasks"], parts: Parts, roster: Float[Array, ""], free: Int[Array, ""]
) -> dict[str, Float[Array, "replicates steps"]]:
    """Return every series with each task counted as often as `weights` says; all ones give the estimates themselves."""
    agents, previous, pairs, sums = (_weigh(weights, part) for part in parts[:4])
    of = {name: sums[..., place] for place, name in enumerate(SUMS)}
    out = {f"pooled_{e.__name__}": e(agents) for e in (plug_in, miller_madow, chao_shen)}
    out["pooled_nsb"] = _nsb(agents, parts, roster)
    for prefix in ("within", "history"):
        for name in ("plug_in", "miller_madow", "chao_shen", "nsb"):
            out[f"{prefix}_{name}"] = _ratio(of[f"{prefix}_{name}"], of[f"{prefix}_runs"])
    for e in (plug_in, miller_madow):
        out[f"lag_one_{e.__name__}"] = conditional(pairs, previous, e)
    out["path_divergence"] = out["within_miller_madow"] - out["history_miller_madow"]
    out["task_diversity"] = out["pooled_miller_madow"] - out["within_miller_madow"]
    out["history_share"] = _ratio(of["history_agreeing"], of["history_pairs"])
    out["task_share"] = _ratio(of["task_agreeing"], of["task_pairs"])
    out["pooled_share"] = _between(weights, parts.agents, agents)
    out["gauge"] = _ratio(of["gauge_sum"], of["gauge_pairs"])
    start = lax.dynamic_slice_in_dim(out["history_share"], free, 1, axis=1)
    out["corrected_share"] = out["history_share"] * _ratio(jnp.broadcast_to(start, out["gauge"].shape), out["gauge"])
    for name in ("history", "task", "pooled", "corrected"):
        out[f"{name}_renyi2"] = -jnp.log(out[f"{name}_share"])
    out["path_divergence2"] = out["task_renyi2"] - out["history_renyi2"]
    out["task_diversity2"] = out["pooled_renyi2"] - out["task_renyi2"]
    out["parallel"] = _ratio(of["parallel"], of["turns"])
    for name in ("log_probability", "valid_mass"):
        out[name] = _ratio(of[name], of["known"])
    return {name: out[name] for name in SERIES}


def _weigh(weights: Array, part: Array) -> Array:
    flat = part.reshape(part.shape[0], -1)
    return (weights @ flat).reshape(-1, *part.shape[1:])


def _ratio(above: Array, below: Array) -> Array:
    """Return a mean, and NaN where there is nothing to take it of."""
    return jnp.where(below > 0.0, above / jnp.where(below > 0.0, below, 1.0), jnp.nan)


def _between(weights: Array, agents: Array, counts: Array) -> Array:
    """Return the share that agrees of pairs of runs of different tasks, unbiased for sum_k (mean of p_k over tasks)^2.

    A task that a bootstrap draws twice is no different task: its pairs with itself stay out.
    """
    squares = weights**2
    itself = squares @ jnp.sum(agents**2, axis=-1)
    own = squares @ jnp.sum(agents, axis=-1) ** 2
    return _ratio(jnp.sum(counts**2, axis=-1) - itself, jnp.sum(counts, axis=-1) ** 2 - own)


def _nsb(counts: Array, parts: Parts, roster: Array) -> Array:
    rows = jnp.round(counts).astype(np.int32).reshape(-1, counts.shape[-1])
    prior = log_prior(parts.nodes, roster)
    one = partial(mean_entropy, categories=roster, b=parts.nodes, prior=prior, tables=parts.tables)
    return lax.map(one, rows, batch_size=_ROWS).reshape(counts.shape[:-1])
