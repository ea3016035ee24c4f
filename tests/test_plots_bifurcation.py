"""Bifurcation diagrams: what they show, mark, label and refuse."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from entropyjax.plots import PlotError, bifurcation_diagram, fold_curves, save_figure
from entropyjax.plots.bifurcation import KINDS, NEUTRAL, STABLE, UNSTABLE
from entropyjax.stability import Lens, Problem, continue_equilibrium, continue_fold, continue_hopf


def takens(z, p):
    return jnp.stack([z[1], p["b1"] + p["b2"] * z[0] + z[0] ** 2 - z[0] * z[1]])


@pytest.fixture(scope="module")
def branch_and_curves():
    """Bogdanov-Takens: a branch with a fold and a Hopf point, and the curves of both."""
    lens = Lens("b1", -2.0, 2.0, symbol="beta_1", unit="nat")
    problem = Problem(takens, jnp.zeros(2), {"b1": -0.5, "b2": -1.0}, lens)
    branch = continue_equilibrium(problem)
    second = Lens("b2", -3.0, 1.0)
    return branch, [
        continue_fold(problem, branch.of_kind("fold")[0], second),
        continue_hopf(problem, branch.of_kind("hopf")[0], second),
    ]


def drawn(ax, look):
    return [line for line in ax.lines if line.get_color() == look.colour and line.get_marker() == "None"]


def test_diagram_draws_stability_and_special_points(branch_and_curves, tmp_path):
    branch, _ = branch_and_curves
    ax = bifurcation_diagram(branch, y="y[0]")
    assert (len(drawn(ax, STABLE)), len(drawn(ax, UNSTABLE))) == (1, 2)
    (stable,) = drawn(ax, STABLE)
    # The stable stretch goes from the Hopf point to the fold and to nothing beyond.
    ends = np.sort(np.asarray(stable.get_xydata())[[0, -1]], axis=0)
    np.testing.assert_allclose(ends, [[0.0, 0.0], [0.25, 0.5]], atol=1e-8)
    assert ax.get_xlabel() == "b1 beta_1 (nat)"
    assert sorted(text.get_text() for text in ax.texts) == ["Hopf, beta_1 = 0", "fold, beta_1 = 0.25"]
    assert [path.suffix for path in save_figure(ax, tmp_path / "branch")] == [".png", ".svg"]


def test_curves_draw_cusps_and_neutral_saddles(branch_and_curves):
    _, curves = branch_and_curves
    ax = fold_curves(curves, y="b1")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("b2", "b1 beta_1 (nat)")
    assert len(drawn(ax, KINDS["hopf"][0])) == len(drawn(ax, NEUTRAL)) == 1
    # One mark and label for the point that both curves have.
    assert [text.get_text() for text in ax.texts] == ["BT (0, 0)"]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["folds", "Hopf points", "neutral saddles"]


def test_a_guess_is_hollow(branch_and_curves):
    branch, _ = branch_and_curves
    fold = branch.of_kind("fold")[0]
    ax = bifurcation_diagram(dataclasses.replace(branch, special=(fold._replace(status="guess"),)))
    assert [line.get_markerfacecolor() for line in ax.lines if line.get_marker() == "o"] == ["white"]


@pytest.mark.parametrize(
    ("draw", "says"),
    [
        (lambda branch, curves: bifurcation_diagram(curves), "over b1 and b2"),
        (lambda branch, curves: bifurcation_diagram(branch, y="z"), "draw one of y"),
        (lambda branch, curves: bifurcation_diagram([]), "no branch to draw"),
        (lambda branch, curves: fold_curves(branch), "over one parameter"),
        (lambda branch, curves: fold_curves(curves, x="b1", y="c"), "not over b1 and c"),
    ],
)
def test_refused_with_a_sentence(draw, says, branch_and_curves):
    with pytest.raises(PlotError, match=says):
        draw(*branch_and_curves)
