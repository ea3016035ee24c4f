"""Branch switching: the other branch through a simple branch point."""

from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array

from entropyjax.stability.continuation.algorithm import PseudoArclength, StepControl
from entropyjax.stability.continuation.branch import Branch, SpecialPoint
from entropyjax.stability.continuation.curve import Curve
from entropyjax.stability.continuation.errors import ContinuationError
from entropyjax.stability.continuation.follow import Direction, follow
from entropyjax.stability.continuation.linear import null_vectors, unit
from entropyjax.stability.continuation.problem import Problem
from entropyjax.stability.continuation.systems import Equilibrium
from entropyjax.stability.continuation.trace import Row

_DEGENERATE = 1e-6


def switch_branch(
    problem: Problem, point: SpecialPoint, *, control: StepControl = StepControl(), direction: Direction = "both"
) -> Branch:
    """Follow the branch that crosses the known one at a simple branch point (transcritical or pitchfork).

    The null space of G_z is spanned by the known tangent a and by b. With the left null vector w, the algebraic
    bifurcation equation w . G_zz[d, d] = 0 has the second solution

        d = b - (w . G_zz[b, b] / 2 w . G_zz[a, b]) a.

    **Arguments:** `point`: a branch point on a branch of the problem; `direction`: "forward" starts along d, whose
    sense along the parameter is arbitrary where it has none.

    **Raises:** `ContinuationError` if `point` is no branch point that converged, or w . G_zz[a, b] vanishes.
    """
    if point.kind != "branch_point" or point.status != "converged":
        raise ContinuationError(f"The point ({point}) is no branch point that converged; only those can be switched.")
    curve = Curve(Equilibrium(), problem, (problem.lens,))
    none = np.zeros(curve.n)
    jacobian = curve.evaluate(point.point, none)[1]
    plane, w = null_vectors(jacobian, 2), null_vectors(jacobian.T)[:, 0]
    along = unit(plane.T @ point.tangent)
    known, across = plane @ along, plane @ np.array([-along[1], along[0]])
    mixed, pure = (float(w @ _curvature(curve, point.point, across, other)) for other in (known, across))
    if abs(mixed) <= _DEGENERATE * max(abs(pure), 1.0):
        raise ContinuationError(
            f"The point ({point}) is degenerate: w . G_zz[a, b] = {mixed:.2g}, and no second branch crosses there "
            "with a direction of its own."
        )
    tangent = unit(across - 0.5 * pure / mixed * known)
    tangent = -tangent if tangent[-1] < 0.0 else tangent
    tests = curve.system.tests(point.point, jacobian, tangent, none)
    start = Row(point.point, tangent, jacobian, none, tests, 0.0, 0, point.residual)
    return follow(curve, start, PseudoArclength(), control, direction)


@eqx.filter_jit
def _curvature(curve: Curve, z: Any, first: Any, second: Any) -> Array:
    """Return G_zz[first, second]."""

    def push(at: Array) -> Array:
        return jax.jvp(lambda z: curve.equations(z, z[: curve.n]), (at,), (first,))[1]

    return jax.jvp(push, (z,), (second,))[1]
