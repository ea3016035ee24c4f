"""Cells of a sweep: the outer product of axes in C order."""

import itertools

import numpy as np
from hypothesis import given, strategies as st

from entropyjax.phase import Cells

axes = st.dictionaries(
    st.sampled_from("abcd"), st.lists(st.integers(-5, 5), min_size=1, max_size=4, unique=True), max_size=4
)


@given(axes)
def test_cells_are_the_outer_product_in_c_order(given_axes):
    cells = Cells(given_axes)
    expected = list(itertools.product(*given_axes.values()))
    assert len(cells) == len(expected)
    assert cells.shape == tuple(len(v) for v in given_axes.values())
    assert [tuple(cells[i].values()) for i in range(len(cells))] == expected
    columns = cells.columns()
    assert list(columns) == list(given_axes)
    for place, name in enumerate(given_axes):
        np.testing.assert_array_equal(columns[name], [row[place] for row in expected])


def test_no_axes_are_one_cell():
    cells = Cells({})
    assert len(cells) == 1
    assert cells[0] == {}
    assert cells.columns() == {}


def test_values_keep_their_types():
    cells = Cells({"model.name": ("star", "replicator"), "affinities": ((0.5,), (0.1, 0.2))})
    assert cells[1] == {"model.name": "star", "affinities": (0.1, 0.2)}
    assert Cells({"n": (2, 3), "w": (1.0,)}).columns()["n"].dtype.kind == "i"
