"""Groups of lanes on the scan, and the order in which they are taken: both change rounding and nothing else."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st

from entropyjax.ensemble import Accumulator, Ensemble, EnsembleError, Uniform, groups, make_plan, run_chunks
from entropyjax.ensemble.groups import NUMBERED, PREDICTED, Lanes
from entropyjax.ensemble.order import by_predicted_steps
from entropyjax.models import Star
from entropyjax.params import cast
from entropyjax.solve import METHODS, Criteria, Grid

# --- Groups ---------------------------------------------------------------------------------------------------


@given(block=st.integers(1, 1024), together=st.integers(1, 2048))
def test_groups_hold_every_lane_once_and_advance_in_equal_numbers(block, together):
    lanes = Lanes(block, together)
    numbers = np.asarray(lanes.numbers())
    assert numbers.shape == (lanes.groups, lanes.group)
    assert lanes.group <= groups.GROUP
    np.testing.assert_array_equal(numbers.ravel()[:block], np.arange(block))
    assert numbers.size - block < max(lanes.groups, groups.VECTORS * lanes.groups)
    assert lanes.group < groups.VECTORS or lanes.group % groups.VECTORS == 0
    assert lanes.groups % lanes.abreast == 0
    assert lanes.abreast == 1 or lanes.abreast * lanes.group <= together


def star(method="tsit5_adaptive", dtype="float64", **changes):
    dtype = np.dtype(dtype)
    request = Ensemble(
        model=Star(),
        method=METHODS.get(method)(),
        grid=cast(Grid(32.0, 4, 8), dtype),
        constants=cast(Star().params(initial_focus=3.0), dtype),
        cells={"context_window": np.array([16.0, 48.0])},
        criteria=cast(Criteria(), dtype),
        cell_criteria={},
        population={
            "n_agents": Uniform(jnp.asarray(4.0, dtype), jnp.asarray(40.0, dtype)),
            "focus_rate": Uniform(jnp.asarray(0.5, dtype), jnp.asarray(8.0, dtype)),
        },
        replicates=75,
        key=jax.random.key(2),
        dtype=dtype,
        observables=("normalised_entropy", "context"),
    )
    return dataclasses.replace(request, **changes)


def statistics(request, **choices):
    plan = make_plan(request, devices=1, path="scan", **choices)
    total = Accumulator(request.n_cells, plan.blocks)
    for start, _, part in run_chunks(request, plan, range(plan.chunks)):
        total.add(start, part)
    return plan, total.cells


@pytest.fixture
def small_groups(monkeypatch):
    """Five groups of 15 lanes of 75 in a cell."""
    monkeypatch.setattr(groups, "GROUP", 16)


@pytest.mark.parametrize(
    "method",
    [
        pytest.param("tsit5_adaptive", marks=pytest.mark.slow),
        "rk4",
        pytest.param("euler_maruyama", marks=pytest.mark.slow),
    ],
)
def test_groups_and_order_change_rounding_only(method, small_groups):
    request = star(method)
    wholes, whole = statistics(request, lanes=75)
    parts, few = statistics(request, lanes=15)
    assert (wholes.lanes.abreast, parts.lanes.abreast, parts.lanes.groups) == (5, 1, 5)
    assert parts.order.name == (PREDICTED if method == "tsit5_adaptive" else NUMBERED)
    assert wholes.order.name == NUMBERED

    def check(a, b):
        if a.dtype.kind == "i":
            np.testing.assert_array_equal(a, b)
        else:
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)

    jax.tree.map(check, few, whole)
    # With steps of a whole orchestration step the fastest trajectories diverge; they count like the others.
    assert whole.failures.sum() == 150


# --- Order ----------------------------------------------------------------------------------------------------


def test_lanes_come_in_the_order_of_steps_that_follow_from_what_they_drew():
    rng = np.random.default_rng(0)
    drawn = {name: jnp.asarray(rng.uniform(0.5, 2.0, 400)) for name in ("rate", "size")}
    steps = np.round(40.0 * np.exp(0.8 * np.asarray(drawn["rate"]) - 0.3 * np.asarray(drawn["size"])))
    order = np.asarray(by_predicted_steps(drawn, jnp.asarray(steps[:64], jnp.int32)))
    np.testing.assert_array_equal(np.sort(order), np.arange(64, 400))
    # The prediction is linear in the logarithm, and steps are whole numbers: neighbours may change places.
    assert np.corrcoef(steps[order], np.arange(336))[0, 1] > 0.97
    assert np.all(np.sort(steps[order]) * 0.95 <= steps[order] + 1.0)


def test_an_order_exists_where_nothing_differs():
    same = {"rate": jnp.ones(40), "size": jnp.ones(40)}
    order = np.asarray(by_predicted_steps(same, jnp.full(8, 7, jnp.int32)))
    np.testing.assert_array_equal(np.sort(order), np.arange(8, 40))


@pytest.mark.parametrize(
    ("method", "changes", "choices", "words"),
    [
        ("tsit5_adaptive", {}, {"lanes": 15}, "by the steps that they are predicted to take, for a group of them ends"),
        ("tsit5_adaptive", {}, {"lanes": 75}, "as they are numbered, for all of an item's advance together"),
        (
            "tsit5_adaptive",
            {"population": {}},
            {"lanes": 15},
            "as they are numbered, for the lanes of a cell are alike",
        ),
        ("tsit5_adaptive", {}, {"lanes": 15, "order": "numbered"}, "as they are numbered, for it was asked for"),
        ("rk4", {}, {"lanes": 15}, "as they are numbered, for all of them take the same steps"),
    ],
)
def test_a_plan_tells_the_order_of_lanes_and_why(method, changes, choices, words, small_groups):
    assert words in str(make_plan(star(method, **changes), devices=1, path="scan", **choices))


def test_an_order_that_cannot_be_had_is_refused_in_a_sentence(small_groups):
    with pytest.raises(EnsembleError, match="'sideways' is not an order of lanes; choose one of auto, numbered"):
        make_plan(star(), devices=1, path="scan", order="sideways")
    with pytest.raises(EnsembleError, match="all of them take the same steps"):
        make_plan(star("rk4"), devices=1, path="scan", order="predicted", lanes=15)
