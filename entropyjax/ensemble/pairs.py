"""Pairs of trajectories: the same one with a step and with half of it, on the same Brownian path."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, UInt32

from entropyjax.ensemble.groups import Lanes, over_groups
from entropyjax.ensemble.lanes import Items, integrate_lane, lanes_of
from entropyjax.ensemble.moments import Moments, of_lanes
from entropyjax.ensemble.request import Ensemble
from entropyjax.ensemble.work import Work
from entropyjax.results import Failure, Outcome
from entropyjax.solve.sinks import Each, is_sink


class Pairs(NamedTuple):
    """Fine minus coarse over an item's pairs: collapse indicator, h at the save times, changed outcomes."""

    collapse: Moments
    entropy: Moments
    changed: Int[Array, ""]


class Member(NamedTuple):
    """What is compared of one member of a pair: outcome, failure, and h at the save times."""

    outcome: Any
    failure: Any
    entropy: Any


def _coarse(ensemble: Ensemble, item: Items, lane: UInt32[Array, ""], valid: Bool[Array, ""]) -> Member:
    return _member(dataclasses.replace(ensemble, substeps=2), item, lane)


def _fine(ensemble: Ensemble, item: Items, lane: UInt32[Array, ""], valid: Bool[Array, ""]) -> Member:
    return _member(dataclasses.replace(ensemble, grid=ensemble.grid.refined()), item, lane)


def _member(ensemble: Ensemble, item: Items, lane: UInt32[Array, ""]) -> Member:
    """Return what is compared of one trajectory, as sinks."""

    def save(params: Any, state: Any, alive: Any) -> Any:
        del alive
        return Each(ensemble.model.observe(state, params)["normalised_entropy"])

    result = integrate_lane(ensemble, item, item.first + lane, save)
    return Member(Each(result.outcome), Each(result.failure), result.saved)


def _pair_item(ensemble: Ensemble, lanes: Lanes, item: Items) -> Pairs:
    def members(member: Any) -> Member:
        def group(numbers: UInt32[Array, " group"], valid: Bool[Array, " group"]) -> Member:
            sinks = jax.vmap(lambda *lane: member(ensemble, item, *lane))(numbers, valid)
            return jax.tree.map(lambda sink: sink.value, sinks, is_leaf=is_sink)

        parts = over_groups(lanes, lanes.numbers(), group)
        return jax.tree.map(lambda part: part.reshape(-1, *part.shape[2:])[: lanes.block], parts)

    return _differences(ensemble, lanes.block, item, members(_coarse), members(_fine))


def _differences(ensemble: Ensemble, block: int, item: Items, rough: Member, smooth: Member) -> Pairs:
    """Return the statistics of an item's pairs, from arrays with a leading axis of lanes."""
    good = (rough.failure == Failure.NONE) & (smooth.failure == Failure.NONE)
    keep = lanes_of(ensemble, block, item)[1] & good
    indicator = [(member.outcome == Outcome.COLLAPSED).astype(ensemble.dtype) for member in (rough, smooth)]
    apart = smooth.entropy - rough.entropy
    return Pairs(
        of_lanes(indicator[1] - indicator[0], keep),
        of_lanes(apart, jnp.broadcast_to(keep[:, None], apart.shape)),
        jnp.sum(((rough.outcome != smooth.outcome) & keep).astype(jnp.int32)),
    )


def _pairs(ensemble: Ensemble, block: int, items: Items, results: list[Any]) -> Pairs:
    return jax.vmap(lambda item, *members: _differences(ensemble, block, item, *members))(items, *results)


COMPARISON = Work(_pair_item, (_coarse, _fine), _pairs)
"""Each trajectory with the step and with half of it."""
