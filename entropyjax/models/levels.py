"""The levels of a tree: how many there are, and the star that a node of each is (model page, section 5)."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from entropyjax.models.base import Scalar
from entropyjax.params import OrchestratorParams, parameter, replace
from entropyjax.params.support import AT_LEAST_TWO, UNIT

Levels = Float[Array, " levels"]

TOLERANCE = 2.0**-21
"""Relative excess of N over a power of k, of four units in the last place of float32, that counts as rounding."""

CLOCKED = ("focus_rate", "compaction_rate", "reflexion_rate")
"""Rates that run on a node's own turns where it has its own clock."""


class TreeParams(OrchestratorParams):
    """The orchestrator's parameters and the shape of the tree; N counts the executors, its leaves."""

    branching: Any = parameter(4.0, "-", AT_LEAST_TWO, "k", "Most children that a node has.")
    summary_ratio: Any = parameter(0.2, "-", UNIT, "r_sum", "Share of the executors' output that is passed on upwards.")


class Stack(NamedTuple):
    """The stars that the nodes of a tree are, one for each level.

    **Attributes:** `levels`: Lv; `there`: which levels the tree has; `place`: the number l of a level, 0 for those that
    the tree does not have, which repeat the root; `nodes`: parameters of the stars.
    """

    levels: Scalar
    there: Bool[Array, " levels"]
    place: Levels
    nodes: Any


def stack_of(params: Any, room: int, own_turn_clock: bool) -> Stack:
    """Return the levels of a tree, of which there are as few as can be: k^Lv >= N, or as many as there is room for.

    **Arguments:** `params`: of one lane; `room`: static number of levels; `own_turn_clock`: whether a level's rates are
    times rho_l.
    """
    agents, branching = jnp.asarray(params.n_agents), jnp.asarray(params.branching)
    # Products of whole numbers are exact; a logarithm would make 1000 = 10^3 a matter of rounding.
    reach = jnp.stack([branching**level for level in range(room)])
    numbers = jnp.arange(room, dtype=agents.dtype)
    there = (numbers == 0.0) | (reach < agents * (1.0 - TOLERANCE))
    levels, place = jnp.sum(there, dtype=agents.dtype), jnp.where(there, numbers, 0.0)
    children = jnp.where(levels > 1.0, agents ** (1.0 / levels), agents)
    share = children ** (-place)
    changed = {"n_agents": children} | _read(params, share, place == levels - 1.0)
    if own_turn_clock:
        changed |= {name: share * getattr(params, name) for name in CLOCKED}
        changed["focus_noise"] = jnp.sqrt(share) * params.focus_noise
    return Stack(levels, there, place, replace(params, changed))


def _read(params: Any, share: Levels, last: Bool[Array, " levels"]) -> dict[str, Any]:
    """Return the tokens that one node of each level reads, by the star's names."""
    passed = jnp.where(last, 1.0, params.summary_ratio)
    output = params.executor_tokens + params.reasoning_tokens
    # tau_l / (tau_e + tau_r), exactly 1 on the last level.
    kept = 1.0 - (1.0 - passed) * params.executor_tokens / jnp.where(output > 0.0, output, 1.0)
    return {
        "executor_tokens": share * passed * params.executor_tokens,
        "reasoning_tokens": share * params.reasoning_tokens,
        # What reasoning adds to the evidence does not depend on how often a node's turn comes.
        "reasoning_scale": share * params.reasoning_scale,
        "error_tokens": share * params.error_tokens,
        "token_noise": share * kept * params.token_noise,
    }


def levels_needed(agents: float, branching: float) -> int:
    """Return Lv, the smallest integer with branching^Lv >= agents, at least 1.

    **Arguments:** `agents`: N; `branching`: k >= 2.
    """
    levels, reach = 1, float(branching)
    while reach < float(agents) * (1.0 - TOLERANCE):
        levels, reach = levels + 1, reach * float(branching)
    return levels
