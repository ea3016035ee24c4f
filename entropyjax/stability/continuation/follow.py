"""What a user calls: branches of equilibria, curves of folds and of Hopf points."""

from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from entropyjax.stability.continuation.algorithm import AbstractAlgorithm, PseudoArclength, StepControl
from entropyjax.stability.continuation.arrays import as_float64
from entropyjax.stability.continuation.branch import Branch, SpecialPoint
from entropyjax.stability.continuation.curve import Curve
from entropyjax.stability.continuation.ends import ends_of, joined
from entropyjax.stability.continuation.errors import ContinuationError
from entropyjax.stability.continuation.lens import Lens, as_lens
from entropyjax.stability.continuation.locate import solve_point, start_tangent, state_jacobian
from entropyjax.stability.continuation.problem import Problem
from entropyjax.stability.continuation.systems import AbstractSystem, Equilibrium, Fold, Hopf
from entropyjax.stability.continuation.table import make_branch
from entropyjax.stability.continuation.trace import Code, Trace
from entropyjax.stability.continuation.walk import Bounds, Start, walk

Direction = Literal["both", "forward", "backward"]
_WAYS = {"both": (1.0, -1.0), "forward": (1.0,), "backward": (-1.0,)}
_LEVEL = 1e-8
"""Component of a tangent below which a parameter counts as standing still."""


def continue_equilibrium(
    problem: Problem,
    algorithm: AbstractAlgorithm = PseudoArclength(),
    *,
    control: StepControl = StepControl(),
    direction: Direction = "both",
) -> Branch:
    """Follow the equilibria of a problem along its parameter, from the one near `state0`.

    **Arguments:** `direction`: where the parameter goes from the start: up ("forward"), down, or both ways.

    **Raises:** `ContinuationError` if there is no equilibrium near `state0`.
    """
    curve = Curve(Equilibrium(), problem, (problem.lens,))
    y = _equilibrium(problem, control)
    theta = problem.lens.coordinate(float(problem.lens.get(problem.params)))
    return follow(curve, jnp.append(y, theta), jnp.zeros_like(y), algorithm, control, direction)


def continue_fold(
    problem: Problem,
    point: SpecialPoint,
    second: Lens | str,
    *,
    control: StepControl = StepControl(),
    direction: Direction = "both",
) -> Branch:
    """Follow a fold of a problem in two parameters; cusps and Bogdanov-Takens points are its special points.

    **Arguments:** `point`: a fold on a branch of the problem; `second`: the other parameter; `direction`: where
    the first parameter goes from the start.

    **Raises:** `ContinuationError` if `point` is no fold, or the second parameter is the first one.
    """
    return _follow_special(problem, point, second, "fold", lambda _: Fold(), control, direction)


def continue_hopf(
    problem: Problem,
    point: SpecialPoint,
    second: Lens | str,
    *,
    control: StepControl = StepControl(),
    direction: Direction = "both",
) -> Branch:
    """Follow a Hopf point of a problem in two parameters; arguments and errors as for `continue_fold`.

    Beyond a Bogdanov-Takens point the curve goes on as one of neutral saddles, whose omega^2 is negative.
    """
    return _follow_special(problem, point, second, "hopf", Hopf.at, control, direction)


def follow(
    curve: Curve,
    point: Array,
    reference: Array,
    algorithm: AbstractAlgorithm,
    control: StepControl,
    direction: Direction,
    tangent: Array | None = None,
) -> Branch:
    """Follow a curve from a point of it in one or both directions, and examine what was found.

    **Arguments:** `point`: z; `reference`: of the curve's system; `tangent`: direction to start in, by default the
    one in which the first parameter goes up.
    """
    if direction not in _WAYS:
        raise ContinuationError(f"direction = {direction!r} is none; use 'both', 'forward' or 'backward'.")
    control = as_float64(control, "step control")
    along, reference = start_tangent(curve, point, reference)
    along = _upwards(along, len(curve.lenses)) if tangent is None else tangent
    bounds = Bounds(*curve.bounds(point.size))
    traces: dict[float, Trace] = {}
    for way in _WAYS[direction]:
        if not any(trace.code == Code.CLOSED for trace in traces.values()):
            start = Start(point, way * along, reference)
            traces[way] = jax.tree.map(np.asarray, walk(curve, algorithm, control, bounds, start))
    rows, place = joined(traces)
    return make_branch(curve, rows, place, ends_of(curve, traces), control.tolerance, 2 * control.points)


def _upwards(tangent: Array, parameters: int) -> Array:
    """Return the tangent in the sense in which the first parameter that changes goes up."""
    for part in np.asarray(tangent)[-parameters:]:
        if abs(part) > _LEVEL:
            return tangent * float(np.sign(part))
    return tangent


def _flat(state: Any) -> Array:
    return jnp.concatenate([jnp.ravel(jnp.asarray(leaf)) for leaf in jax.tree.leaves(state)])


def _equilibrium(problem: Problem, control: StepControl) -> Array:
    """Return the scaled equilibrium near the problem's start."""
    fixed = Curve(Equilibrium(), problem, ())
    guess = _flat(problem.state0) / fixed.scale
    found = solve_point(fixed, guess, jnp.zeros_like(guess), jnp.asarray(float(control.tolerance)))
    if not bool(found.converged):
        value = float(problem.lens.get(problem.params))
        raise ContinuationError(
            f"There is no equilibrium near the start state {np.asarray(_flat(problem.state0))} at {problem.lens.name} "
            f"= {value:g}: Newton's method stopped with the scaled residual {float(found.residual):.2g}. Start from "
            "another state, or at another value of the parameter."
        )
    return found.point


def _follow_special(
    problem: Problem,
    point: SpecialPoint,
    second: Lens | str,
    kind: str,
    system_at: Callable[[Array], AbstractSystem | None],
    control: StepControl,
    direction: Direction,
) -> Branch:
    """Follow the points of a system that has one equation more than an equilibrium, in two parameters."""
    first, second = problem.lens, as_lens(second).resolve(problem.params)
    if point.kind != kind or tuple(point.parameters) != (first.name,):
        raise ContinuationError(
            f"The point is a {point.kind} in {', '.join(point.parameters)}; this curve starts from a {kind} in "
            f"{first.name}, found by continue_equilibrium of the same problem."
        )
    if second.name == first.name:
        raise ContinuationError(f"{first.name} is the branch's own parameter; name another one as the second.")
    plain = Curve(Equilibrium(), problem, (first,))
    start = jnp.append(_flat(point.state) / plain.scale, first.coordinate(point.parameters[first.name]))
    jacobian = state_jacobian(plain, start)
    system = system_at(jacobian)
    if system is None:
        raise ContinuationError(f"The point ({point}) has no complex eigenvalues: it is no Hopf point.")
    unknowns, reference = system.seed(jacobian)
    guess = jnp.concatenate([start[:-1], unknowns, start[-1:]])
    tolerance = jnp.asarray(float(control.tolerance))
    found = solve_point(Curve(system, problem, (first,)), guess, reference, tolerance)
    if not bool(found.converged):
        raise ContinuationError(f"No {kind} is near the point ({point}): its equations do not converge from there.")
    z = jnp.append(found.point, second.coordinate(float(second.get(problem.params))))
    return follow(Curve(system, problem, (first, second)), z, reference, PseudoArclength(), control, direction)
