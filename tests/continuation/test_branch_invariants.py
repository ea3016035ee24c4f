"""What holds on every branch of a family of vector fields, whatever its coefficients."""

import jax.numpy as jnp
import numpy as np
from forms import check_branch
from hypothesis import given, settings, strategies as st

from entropyjax.stability.continuation import Lens, Problem, StepControl, continue_equilibrium

FREE = Lens("a", -3.0, 3.0)


def field(z, p):
    """Cubic in x, so with up to three equilibria; y couples back, so with Hopf points too."""
    x, y = z[0], z[1]
    slope = p["b"] * x + p["q"] * x**2
    return jnp.stack([p["a"] + slope - x**3 - p["turn"] * y, p["pace"] * (x - y)])


def exact(p, x):
    """a on the equilibria at x, and the Jacobian there."""
    a = -(p["b"] * x + p["q"] * x**2 - x**3 - p["turn"] * x)
    slope = p["b"] + 2.0 * p["q"] * x - 3.0 * x**2
    rows = [[slope, np.full_like(x, -p["turn"])], [np.full_like(x, p["pace"]), np.full_like(x, -p["pace"])]]
    return a, np.moveaxis(np.array(rows), -1, 0)


@settings(max_examples=10)
@given(
    st.floats(-1.0, 2.0),
    st.floats(-1.0, 1.0),
    st.floats(0.0, 2.0),
    st.floats(0.1, 2.0),
    st.sampled_from([0.05, 0.1, 0.2]),
)
def test_branches_of_a_family(b, q, turn, pace, largest):
    p = {"a": 0.0, "b": b, "q": q, "turn": turn, "pace": pace}
    control = StepControl(maximum=largest)
    start = jnp.asarray([-2.0, -2.0])
    p["a"] = float(exact(p, np.array([-2.0]))[0][0])
    if abs(p["a"]) > 3.0:
        p["a"], start = 3.0, jnp.asarray([3.0, 3.0])
    branch = continue_equilibrium(Problem(field, start, p, FREE), control=control)
    x = branch.state[:, 0]
    a, jacobians = exact(p, x)
    np.testing.assert_allclose(branch.parameters["a"], a, atol=1e-8)
    np.testing.assert_allclose(branch.state[:, 1], x, atol=1e-9)
    assert not branch.partial
    expected = np.linalg.eigvals(jacobians)
    np.testing.assert_allclose(branch.eigenvalues.sum(1), expected.sum(1), atol=1e-7)
    check_branch(branch, control, {})
    for point in branch.special:
        _, (jacobian,) = exact(p, point.state[:1])
        assert point.status == "converged"
        quantity = np.linalg.det(jacobian) if point.kind == "fold" else np.trace(jacobian)
        assert abs(quantity) < 1e-8
        if point.kind == "hopf":
            np.testing.assert_allclose(point.omega**2, np.linalg.det(jacobian), rtol=1e-7, atol=1e-10)
