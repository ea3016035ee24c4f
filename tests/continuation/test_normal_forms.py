"""Bifurcations of normal forms, whose places are known exactly."""

import jax.numpy as jnp
import numpy as np
import pytest
from forms import hopf_form, line, takens

from entropyjax.stability.continuation import (
    Lens,
    Natural,
    Problem,
    PseudoArclength,
    StepControl,
    continue_equilibrium,
    continue_fold,
    continue_hopf,
    switch_branch,
)

EIGHT = {"rtol": 1e-8, "atol": 1e-8}


def only(branch, kind):
    (point,) = branch.of_kind(kind)
    assert len(branch.special) == 1
    assert point.status == "converged"
    assert point.residual < 1e-9
    return point


def test_saddle_node():
    """y' = a - y^2: y = +-sqrt(a), of which the upper is stable."""
    branch = continue_equilibrium(line(Lens("const", -1.0, 2.0), 1.0, const=1.0, quadratic=-1.0))
    fold = only(branch, "fold")
    np.testing.assert_allclose([fold.parameters["const"], fold.state], 0.0, **EIGHT)
    np.testing.assert_allclose(branch.state**2, branch.parameters["const"], **EIGHT)
    np.testing.assert_array_equal(branch.stable, branch.state > 0.0)
    np.testing.assert_allclose(branch.parameters["const"][[0, -1]], 2.0, **EIGHT)
    assert not branch.partial
    low, high = fold.interval
    assert branch.arclength[fold.between[0]] <= low < high <= branch.arclength[fold.between[1]]
    assert str(branch).splitlines()[1] == f"  {fold}"


def test_predictors_agree_and_natural_continuation_stops_at_the_fold():
    problem = line(Lens("const", -1.0, 2.0), 1.0, const=1.0, quadratic=-1.0)
    fold = only(continue_equilibrium(problem, PseudoArclength("secant")), "fold")
    np.testing.assert_allclose(fold.parameters["const"], 0.0, **EIGHT)
    branch = continue_equilibrium(problem, Natural())
    assert branch.partial and branch.ends[0].partial and not branch.ends[1].partial
    assert "natural continuation cannot pass a fold" in branch.ends[0].sentence
    assert 0.0 <= branch.parameters["const"].min() < 1e-5
    assert branch.special == ()


def test_transcritical():
    """y' = b y - y^2: y = 0 and y = b cross at b = 0 and exchange stability."""
    problem = line(Lens("linear", -2.0, 1.5), 0.0, linear=-1.0, quadratic=-1.0)
    branch = continue_equilibrium(problem)
    point = only(branch, "branch_point")
    np.testing.assert_allclose([point.parameters["linear"], point.state], 0.0, **EIGHT)
    other = switch_branch(problem, point)
    np.testing.assert_allclose(other.state, other.parameters["linear"], **EIGHT)
    np.testing.assert_allclose(other.parameters["linear"][[0, -1]], [-2.0, 1.5], **EIGHT)
    for one, sign in ((branch, -1.0), (other, 1.0)):
        away = np.abs(one.parameters["linear"]) > 1e-6
        np.testing.assert_array_equal(one.stable[away], (sign * one.parameters["linear"] > 0.0)[away])
    np.testing.assert_allclose(only(other, "branch_point").parameters["linear"], 0.0, **EIGHT)


def test_pitchfork():
    """y' = b y - y^3: y = +-sqrt(b) leaves y = 0 at b = 0, sideways."""
    problem = line(Lens("linear", -2.0, 2.0), 0.0, linear=-1.0, cubic=-1.0)
    point = only(continue_equilibrium(problem), "branch_point")
    np.testing.assert_allclose(point.parameters["linear"], 0.0, **EIGHT)
    other = switch_branch(problem, point)
    np.testing.assert_allclose(other.state**2, other.parameters["linear"], **EIGHT)
    assert other.state.min() < -1.4 and other.state.max() > 1.4 and other.stable.all()
    only(other, "branch_point")


def test_imperfect_pitchfork_is_no_branch_point():
    """y' = 1e-4 + b y - y^3: two branches pass each other; a step across the gap is told as a guess."""
    problem = line(Lens("linear", -2.0, 2.0), 1e-4, const=1e-4, linear=-1.0, cubic=-1.0)
    (point,) = continue_equilibrium(problem).special
    assert (point.kind, point.status) == ("branch_point", "guess")
    fine = continue_equilibrium(problem, control=StepControl(maximum=0.01))
    assert fine.special == () and fine.stable.all()
    np.testing.assert_allclose(fine.state[-1], np.sqrt(2.0), rtol=1e-4)


def test_cusp():
    """y' = b + a y - y^3/2 has folds on 8 a^3 = 27 b^2, which end in a cusp at a = b = 0."""
    problem = line(Lens("const", -2.0, 2.0), -1.5, const=-1.0, linear=1.0, cubic=-0.5)
    branch = continue_equilibrium(problem)
    edge = np.sqrt(8.0 / 27.0)
    np.testing.assert_allclose([fold.parameters["const"] for fold in branch.of_kind("fold")], [edge, -edge], **EIGHT)
    curve = continue_fold(problem, branch.of_kind("fold")[0], Lens("linear", -1.0, 2.0))
    a, b = curve.parameters["linear"], curve.parameters["const"]
    np.testing.assert_allclose(8.0 * a**3, 27.0 * b**2, **EIGHT)
    np.testing.assert_allclose(a[[0, -1]], 2.0, **EIGHT)
    cusp = only(curve, "cusp")
    np.testing.assert_allclose([*cusp.parameters.values(), cusp.state], 0.0, **EIGHT)


@pytest.mark.parametrize("size", [2, 3])
def test_hopf(size):
    """The Hopf normal form at omega = 2, in the plane and with a state that decays beside it."""
    problem = Problem(hopf_form, jnp.zeros(size), {"mu": -0.5, "omega": 2.0}, Lens("mu", -1.0, 1.0))
    branch = continue_equilibrium(problem)
    point = only(branch, "hopf")
    np.testing.assert_allclose([point.parameters["mu"], point.omega - 2.0], 0.0, **EIGHT)
    np.testing.assert_array_equal(branch.unstable, np.where(branch.parameters["mu"] > 0.0, 2, 0))
    np.testing.assert_allclose(sorted(point.eigenvalues.imag)[:: size - 1], [-2.0, 2.0], **EIGHT)


def test_bogdanov_takens():
    """Both curves through the point b1 = b2 = 0, with the frequency sqrt(-b2) along the Hopf points."""
    problem = Problem(takens, jnp.zeros(2), {"b1": -0.5, "b2": -1.0}, Lens("b1", -2.0, 2.0))
    branch = continue_equilibrium(problem)
    (fold,), (hopf,) = branch.of_kind("fold"), branch.of_kind("hopf")
    np.testing.assert_allclose([fold.parameters["b1"], hopf.parameters["b1"], hopf.omega], [0.25, 0.0, 1.0], **EIGHT)
    second = Lens("b2", -3.0, 1.0)
    folds, hopfs = continue_fold(problem, fold, second), continue_hopf(problem, hopf, second)
    np.testing.assert_allclose(folds.parameters["b1"], folds.parameters["b2"] ** 2 / 4.0, **EIGHT)
    np.testing.assert_allclose(hopfs.parameters["b1"], 0.0, **EIGHT)
    squared = np.prod(hopfs.eigenvalues, axis=1)
    np.testing.assert_allclose(squared, -hopfs.parameters["b2"], **EIGHT)
    np.testing.assert_allclose(hopfs.parameters["b2"][[0, -1]], [-3.0, 1.0], **EIGHT)
    for curve in (folds, hopfs):
        np.testing.assert_allclose([*only(curve, "bogdanov_takens").parameters.values()], 0.0, **EIGHT)


def test_neutral_saddle_is_no_hopf_point():
    """With b2 = 1 the point x = 0 at b1 = 0 has the eigenvalues 1 and -1: their sum vanishes, nothing bifurcates."""
    problem = Problem(takens, jnp.zeros(2), {"b1": -0.5, "b2": 1.0}, Lens("b1", -0.5, 0.2))
    branch = continue_equilibrium(problem)
    assert branch.parameters["b1"].min() < 0.0 < branch.parameters["b1"].max()
    assert branch.special == ()


def test_closed_branch():
    """y^2 + l^2 = 1 is followed once round."""
    ring = Problem(lambda y, p: y**2 + p["l"] ** 2 - 1.0, jnp.asarray(1.0), {"l": 0.0}, Lens("l", -3.0, 3.0, scale=1.0))
    branch = continue_equilibrium(ring)
    np.testing.assert_allclose([point.parameters["l"] for point in branch.special], [1.0, -1.0], **EIGHT)
    assert {end.sentence for end in branch.ends} == {"the branch closes on itself"}
    np.testing.assert_allclose(branch.arclength[-1], 2.0 * np.pi, rtol=1e-3)


def test_points_run_out():
    branch = continue_equilibrium(
        line(Lens("const", -1.0, 2.0), 1.0, const=1.0, quadratic=-1.0), control=StepControl(points=5)
    )
    assert len(branch.steps) == 9 and branch.partial
    assert "StepControl.points" in branch.ends[0].sentence
    assert str(branch).startswith("partial branch of equilibria over const")
