"""Moments, their merging, and the order in which items fold into cells."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st

from entropyjax.ensemble import Accumulator, Moments, Statistics
from entropyjax.ensemble.moments import across_lanes, merge, of_lanes
from entropyjax.ensemble.reduce import fold_blocks

values = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40)


def of(numbers):
    array = np.asarray(numbers, float)
    mean = array.mean() if len(array) else 0.0
    return Moments(np.float64(len(array)), np.float64(mean), np.float64(((array - mean) ** 2).sum()))


@given(values, st.data())
def test_merged_parts_are_the_whole(numbers, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(numbers)), max_size=5)))
    total = of([])
    for part in np.split(np.asarray(numbers), cuts):
        total = merge(total, of(part))
    scale = max(abs(n) for n in numbers) + 1.0
    assert total.count == len(numbers)
    np.testing.assert_allclose(total.mean, np.mean(numbers), atol=1e-13 * scale)
    spread = np.var(numbers, ddof=1) if len(numbers) > 1 else 0.0
    np.testing.assert_allclose(total.variance, spread, rtol=1e-10, atol=1e-13 * scale**2)


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=10), st.data())
def test_lanes_that_are_not_kept_do_not_count(numbers, data):
    keep = np.array(data.draw(st.lists(st.booleans(), min_size=len(numbers), max_size=len(numbers))))
    # What is left out may be anything, not-a-number included.
    array = np.where(keep, numbers, np.nan)
    kept = np.asarray(numbers)[keep]
    for found in (
        of_lanes(jnp.asarray(array), jnp.asarray(keep)),
        jax.vmap(lambda v, k: across_lanes(v, k, "i"), axis_name="i", out_axes=None)(
            jnp.asarray(array), jnp.asarray(keep)
        ),
    ):
        for a, b in zip(found, of(kept), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-9)


def test_moments_of_columns():
    rows = np.random.default_rng(0).normal(size=(9, 4))
    keep = np.arange(9) != 5
    found = of_lanes(jnp.asarray(rows), jnp.broadcast_to(jnp.asarray(keep)[:, None], rows.shape))
    np.testing.assert_allclose(found.mean, rows[keep].mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.variance, rows[keep].var(axis=0, ddof=1), rtol=1e-12)


def test_merging_keeps_precision_far_from_zero():
    rng = np.random.default_rng(0)
    numbers = 1e8 + rng.normal(size=10_000)
    total = of([])
    for part in np.split(numbers, 100):
        total = merge(total, of(part))
    np.testing.assert_allclose(total.variance, np.var(numbers, ddof=1), rtol=1e-7)


# --- Items into cells -------------------------------------------------------------------------------------------

CELLS, BLOCKS = 3, 4


def items(seed=0):
    """Statistics of the items of a run, as a chunk would hold them."""
    rng = np.random.default_rng(seed)
    size = CELLS * BLOCKS

    def moments(*shape):
        count = rng.integers(0, 9, (size, *shape)).astype(float)
        mean = np.where(count > 0, rng.normal(size=(size, *shape)), 0.0)
        return Moments(count, mean, np.where(count > 1, rng.random((size, *shape)), 0.0))

    def counts(*shape):
        return rng.integers(0, 100, (size, *shape))

    return Statistics(
        {"entropy": moments(5), "context": moments(5)},
        counts(4),
        counts(4),
        counts(),
        counts(),
        counts(8),
        counts(8),
        moments(),
        moments(),
        moments(),
        moments(),
    )


def cut(part, start, end):
    return jax.tree.map(lambda leaf: leaf[start:end], part)


def accumulate(part, edges):
    total = Accumulator(CELLS, BLOCKS)
    for start, end in itertools.pairwise(edges):
        total.add(start, cut(part, start, end))
    return total


@given(st.lists(st.integers(0, CELLS * BLOCKS), max_size=12))
def test_any_cutting_into_chunks_gives_the_same_bits(places):
    part = items()
    whole = accumulate(part, [0, CELLS * BLOCKS])
    pieces = accumulate(part, sorted({0, CELLS * BLOCKS, *places}))
    jax.tree.map(np.testing.assert_array_equal, pieces.cells, whole.cells)
    assert pieces.items == whole.items == CELLS * BLOCKS


@given(st.integers(0, 11), st.integers(1, 12))
def test_chunks_that_overlap_count_once(start, size):
    part = items()
    whole = accumulate(part, [0, CELLS * BLOCKS])
    total = Accumulator(CELLS, BLOCKS)
    total.add(0, cut(part, 0, start + 1))
    total.add(start, cut(part, start, start + size))
    total.add(0, cut(part, 0, 1))
    total.add(0, part)
    jax.tree.map(np.testing.assert_array_equal, total.cells, whole.cells)


@given(st.lists(st.integers(1, CELLS * BLOCKS), min_size=1, max_size=6, unique=True).map(sorted))
def test_totals_that_were_kept_can_be_gone_on_from(ends):
    part, total, again = items(), Accumulator(CELLS, BLOCKS), Accumulator(CELLS, BLOCKS)
    for start, end in itertools.pairwise([0, *ends]):
        total.add(start, cut(part, start, end))
        again.restore(start, end, jax.tree.map(np.copy, total.totals(start)))
    jax.tree.map(np.testing.assert_array_equal, again.cells, total.cells)
    again.add(ends[-1], cut(part, ends[-1], CELLS * BLOCKS))
    jax.tree.map(np.testing.assert_array_equal, again.cells, accumulate(part, [0, CELLS * BLOCKS]).cells)


def test_a_gap_raises():
    total = Accumulator(CELLS, BLOCKS)
    total.add(0, cut(items(), 0, 2))
    with pytest.raises(ValueError, match="Items 2 to 3 are missing before item 4"):
        total.add(4, cut(items(), 4, 5))


def test_cells_are_the_sums_of_their_items():
    part, total = items(), accumulate(items(), [0, 5, 12])
    np.testing.assert_array_equal(total.cells.outcomes, part.outcomes.reshape(CELLS, BLOCKS, 4).sum(axis=1))
    folded = fold_blocks(part.observables["entropy"], BLOCKS)
    jax.tree.map(np.testing.assert_array_equal, total.cells.observables["entropy"], folded)
    count = part.collapse_time.count.reshape(CELLS, BLOCKS)
    mean = (count * part.collapse_time.mean.reshape(CELLS, BLOCKS)).sum(axis=1) / count.sum(axis=1)
    np.testing.assert_allclose(total.cells.collapse_time.mean, mean, rtol=1e-12)
