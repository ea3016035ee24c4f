"""What cannot be continued is refused with a sentence; what ends early says why."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from forms import line, polynomial

from entropyjax.models import Star
from entropyjax.params import AbstractParams, parameter
from entropyjax.params.support import POSITIVE
from entropyjax.stability import (
    ContinuationError,
    Lens,
    Problem,
    PseudoArclength,
    StepControl,
    continue_equilibrium,
    continue_fold,
    from_model,
    switch_branch,
)

P = {"const": 1.0, "linear": 0.0, "quadratic": -1.0, "cubic": 0.0}


def problem(lens="const", y0=1.0, params=P, **more):
    return Problem(polynomial, jnp.asarray(y0), params, lens, **more)


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: problem("cnst"), "did you mean 'const'"),
        (lambda: problem("const.inner"), "has no parts"),
        (lambda: problem(Lens("const", 2.0, 0.0)), r"bounds of const are \[2, 0\]"),
        (lambda: problem(Lens("const", 2.0, 3.0)), "starts at 1, outside"),
        (lambda: problem(Lens("linear", log=True)), "no logarithm"),
        (lambda: problem(Lens("const", scale=-1.0)), "scale of const is -1"),
        (lambda: problem(params=P | {"const": jnp.ones(2)}), "not one number"),
        (lambda: problem(params=P | {"linear": float("inf")}), "not finite"),
        (lambda: problem(params=P | {"linear": np.float32(0.1)}), "float32"),
        (lambda: problem(y0=float("nan")), "not finite"),
        (lambda: problem(bounds=(2.0, 3.0)), "outside its bounds"),
        (lambda: problem(bounds=(3.0, 2.0)), "must be the smaller"),
        (lambda: problem(bounds=((0.0, 1.0), 2.0)), "must be one number or like the state"),
        (lambda: problem(scale=0.0), "must be positive"),
        (lambda: Problem(lambda y, p: jnp.zeros(3), jnp.zeros(2), P, "const"), "state of 2 numbers"),
        (lambda: from_model(Star(), Star().params(), Lens("n_agents", 1.0, 8.0)), "leave its support"),
        (
            lambda: from_model(Star(), Star().params(compaction_rate=0.0), Lens("n_agents", log=True)),
            "Without forgetting",
        ),
        (lambda: StepControl(initial=1.0), "in this order"),
        (lambda: StepControl(points=1), "to move at all"),
        (lambda: StepControl(tolerance=1.0), "between 1e-14 and 1e-6"),
        (lambda: PseudoArclength("tangent"), "use 'bordered' or 'secant'"),
        (lambda: continue_equilibrium(problem(y0=-1.0, params=P | {"const": -1.0})), "finds no equilibrium"),
        (lambda: continue_equilibrium(problem(), direction="up"), "use 'both'"),
    ],
)
def test_refused_with_a_sentence(build, says):
    with pytest.raises(ContinuationError, match=says) as caught:
        build()
    assert str(caught.value).endswith((".", "?"))


def test_only_special_points_of_the_right_kind_start_a_curve():
    one = problem(Lens("const", -1.0, 2.0))
    (fold,) = continue_equilibrium(one).special
    with pytest.raises(ContinuationError, match="is no branch point"):
        switch_branch(one, fold)
    with pytest.raises(ContinuationError, match="own parameter"):
        continue_fold(one, fold, "const")
    with pytest.raises(ContinuationError, match="starts from a fold in linear"):
        continue_fold(problem("linear"), fold, "const")


def test_float32_is_refused():
    with jax.enable_x64(False), pytest.raises(ContinuationError, match="needs float64"):
        problem()


def test_state_bounds_and_one_direction():
    """A branch ends on a bound of the state, exactly, and is not followed where nobody asked."""
    branch = continue_equilibrium(problem(Lens("const", -1.0, 9.0), bounds=(-1.5, 2.0)), direction="forward")
    np.testing.assert_allclose([branch.state[0], branch.state[-1]], [1.0, 2.0], rtol=1e-12)
    assert branch.ends[1].sentence == "y met its bound at const = 4"
    assert "not followed this way" in branch.ends[0].sentence
    back = continue_equilibrium(problem(Lens("const", -1.0, 9.0), bounds=(-1.5, 2.0)), direction="backward")
    np.testing.assert_allclose([back.state[0], back.state[-1]], [-1.5, 1.0], rtol=1e-12)


class Nested(AbstractParams):
    rate: float = parameter(1.0, "1/step", POSITIVE, "r", "A rate.")


def test_lens_reaches_into_trees_and_takes_units_from_parameters():
    tree = {"inner": [Nested(rate=2.0), 3.0]}
    lens = Lens("inner.0.rate")
    assert lens.get(tree) == 2.0
    assert Lens("inner.1").get(lens.set(tree, jnp.asarray(5.0))) == 3.0
    assert lens.get(lens.set(tree, jnp.asarray(5.0))) == 5.0
    resolved = Lens("n_agents").resolve(Star().params())
    assert (resolved.symbol, resolved.unit, float(resolved.lower)) == ("N", "-", 2.0)


def test_a_start_on_the_bound_goes_the_other_way():
    branch = continue_equilibrium(line(Lens("const", -1.0, 1.0), 1.0, const=1.0, quadratic=-1.0))
    np.testing.assert_allclose(branch.state[[0, -1]], [-1.0, 1.0], rtol=1e-12)
