"""Every branch over one parameter and every curve of folds over two, against other ways to find them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from entropyjax.models import Mesh, Star, Tree
from entropyjax.stability import (
    ContinuationError,
    Lens,
    bifurcation_branches,
    critical_window,
    folds_over,
)

N = Lens("n_agents", 2.0, 128.0, log=True)
W = Lens("context_window", 16.0, 512.0, log=True)
STAR = Star()


@pytest.fixture(scope="module")
def wedge():
    return folds_over(STAR, STAR.params(), N, W)


@pytest.mark.slow
def test_the_folds_are_those_of_the_critical_window(wedge):
    assert not wedge.missing and len(wedge.curves) == 1
    agents, windows = (wedge.curves[0].parameters[name] for name in ("n_agents", "context_window"))
    # Close to a cusp the grid of log-odds of the other way sees one fold where there are two.
    away = np.all([np.abs(np.log(agents / cusp.parameters["n_agents"])) > 0.05 for cusp in wedge.cusps], axis=0)
    params = STAR.params()
    batched = jax.jit(jax.vmap(lambda n: critical_window(params, n).value))
    focused = np.asarray(batched(jnp.asarray(agents[away])))
    # On one of its two sides the curve is the fold at which the focused fixed point vanishes. Newton's tolerance is
    # 1e-10 in scaled units; both ways solve the fold's own equations.
    same = np.abs(windows[away] / focused - 1.0) < 1e-7
    lower = windows[away] < np.exp(np.interp(np.log(agents[away]), *_middle(agents, windows)))
    np.testing.assert_array_equal(same, lower)


def _middle(agents, windows):
    """Logarithms of executors and of the window half way between the two sides of the wedge."""
    ends = np.argsort(agents)[[0, -1]]
    order = np.roll(np.arange(len(agents)), -ends[0])
    turn = int(np.flatnonzero(order == ends[1])[0])
    grid = np.linspace(np.log(agents.min()), np.log(agents.max()), 200)
    sides = []
    for rows in (order[: turn + 1], order[turn:]):
        along = np.argsort(agents[rows])
        sides.append(np.interp(grid, np.log(agents[rows][along]), np.log(windows[rows][along])))
    return grid, np.mean(sides, axis=0)


def test_its_ends_are_the_cusps(wedge):
    found = sorted((cusp.parameters["n_agents"], cusp.parameters["context_window"]) for cusp in wedge.cusps)
    # By 40-digit arithmetic, as in tests/test_stability_critical.py.
    expected = [(2.7568973547780, 40.396942429821), (68.539404376048, 164.33023466079)]
    np.testing.assert_allclose(found, expected, rtol=1e-8)


@pytest.mark.slow
def test_an_interval_inside_the_wedge_has_three_branches_that_no_fold_connects():
    found = bifurcation_branches(STAR, STAR.params(), Lens("n_agents", 7.5, 8.5))
    assert len(found.branches) == 3 and not found.partial
    assert sorted(bool(branch.stable.all()) for branch in found.branches) == [False, True, True]
    assert all("met its bound" in end.sentence for branch in found.branches for end in branch.ends)


def test_a_parameter_outside_of_the_interval_starts_at_its_nearest_end():
    found = bifurcation_branches(STAR, STAR.params(n_agents=8.0), Lens("n_agents", 20.0, 40.0))
    assert len(found.branches) == 1 and found.branches[0].parameters["n_agents"].min() == 20.0


@pytest.mark.slow
def test_levels_of_a_tree_have_their_own_folds():
    params = Tree().params(n_agents=16.0)
    (branch,) = bifurcation_branches(Tree(), params, W).branches
    folds = sorted(fold.parameters["context_window"] for fold in branch.of_kind("fold"))
    nodes = Tree().sized({"n_agents": 16.0, "branching": params.branching}).nodes(params)
    lanes = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (2,)), nodes)
    # The root is one star among the levels, and has both folds.
    ends = [
        jax.vmap(lambda lane, b=b: critical_window(lane, branch=b).value)(lanes)[0] for b in ("focused", "collapsed")
    ]
    np.testing.assert_allclose(folds, sorted(map(float, ends)), rtol=1e-7)


@pytest.mark.parametrize(
    ("model", "values", "lens", "message"),
    [
        (Star(), {}, Lens("context_windw", 1.0, 2.0), "did you mean 'context_window'"),
        (Star(), {}, Lens("context_window"), r"has \[0, inf\]"),
        (Star(), {}, Lens("context_window", 50.0, 20.0), "the lower comes first"),
        (Star(), {"compaction_rate": 0.0}, W, r"No fixed point exists for context_window in \[16, 512\]"),
        (Tree(), {}, N, "changes with n_agents"),
    ],
)
def test_mistakes_are_told_in_a_sentence(model, values, lens, message):
    with pytest.raises(ContinuationError, match=message):
        bifurcation_branches(model, model.params(**values), lens)


@pytest.mark.slow
def test_where_there_are_no_folds_there_is_no_curve():
    found = folds_over(Mesh(), Mesh().params(sharing=1.0, error_tokens=0.0), N, W)
    assert found.curves == () and found.missing == ()
