"""Bifurcation diagrams: what they show, mark, label and refuse."""

import dataclasses

import numpy as np
import pytest

from entropyjax.plots import PlotError, bifurcation_diagram, fold_curves, save_figure
from entropyjax.plots.bifurcation import KINDS, NEUTRAL, STABLE, UNSTABLE
from entropyjax.stability import Branch, End, Quantity, SpecialPoint

END = End("the branch met its bound.", False)


def made_up(kind, x, parameters, special, **columns):
    """A branch of Bogdanov-Takens without having followed it: x' = y, y' = b1 + b2 x + x^2 - x y at y = 0."""
    zeros, size = np.zeros(x.size), {"columns": {"y[0]": x, "y[1]": 0.0 * x}, "state": x[:, None]}
    return Branch(
        kind=kind,
        parameters=parameters,
        quantities={"b1": Quantity("beta_1", "nat"), "b2": Quantity("", "-")},
        eigenvalues=np.zeros((x.size, 2), complex),
        arclength=np.linspace(0.0, 1.0, x.size),
        special=special,
        ends=(END, END),
        points=x[:, None],
        tangents=x[:, None],
        **size,
        **dict.fromkeys(("steps", "iterations", "residuals"), zeros),
        **{"unstable": zeros.astype(int), "omega": zeros, **columns},
    )


def point(kind, x, between, **parameters):
    none = np.zeros(2)
    return SpecialPoint(
        kind=kind,
        status="converged",
        parameters=parameters,
        state=none,
        interval=(0.0, 1.0),
        between=(between, between + 1),
        residual=0.0,
        omega=0.0,
        eigenvalues=none + 0j,
        columns={"y[0]": x, "y[1]": 0.0},
        point=none,
        tangent=none,
        jacobian=np.zeros((2, 2)),
    )


@pytest.fixture(scope="module")
def branch_and_curves():
    """At b2 = -1: a fold at x = 1/2, a Hopf point at x = 0, stable between; and the curves of both."""
    x = np.linspace(-0.95, 1.75, 28)
    stable = (x > 0.0) & (x < 0.5)
    special = (
        point("hopf", 0.0, int(np.sum(x < 0.0)) - 1, b1=0.0),
        point("fold", 0.5, int(np.sum(x < 0.5)) - 1, b1=0.25),
    )
    branch = made_up("equilibrium", x, {"b1": x - x**2}, special, unstable=np.where(stable, 0, 1))
    b2 = np.linspace(-2.95, 0.95, 40)
    takens = (point("bogdanov_takens", 0.0, int(np.sum(b2 < 0.0)) - 1, b1=1e-17, b2=0.0),)
    folds = made_up("fold", -b2 / 2.0, {"b1": b2**2 / 4.0, "b2": b2}, takens)
    hopfs = made_up("hopf", 0.0 * b2, {"b1": 0.0 * b2, "b2": b2}, takens, omega=np.sqrt(np.maximum(-b2, 0.0)))
    return branch, [folds, hopfs]


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
