"""What a user calls: branches of equilibria, curves of folds and of Hopf points."""

from typing import Literal

import numpy as np
from jaxtyping import Float

from entropyjax.stability.continuation.algorithm import AbstractAlgorithm, PseudoArclength, StepControl
from entropyjax.stability.continuation.branch import Branch, SpecialPoint
from entropyjax.stability.continuation.corrector import Known, correct
from entropyjax.stability.continuation.curve import Curve
from entropyjax.stability.continuation.ends import ends_of, joined, reversed_row
from entropyjax.stability.continuation.errors import ContinuationError
from entropyjax.stability.continuation.lens import Lens, as_lens
from entropyjax.stability.continuation.linear import null_vectors
from entropyjax.stability.continuation.locate import ITERATIONS
from entropyjax.stability.continuation.newton import newton
from entropyjax.stability.continuation.problem import Problem
from entropyjax.stability.continuation.systems import AbstractSystem, Equilibrium, Fold, Hopf
from entropyjax.stability.continuation.table import make_branch
from entropyjax.stability.continuation.trace import Code, Row, Trace
from entropyjax.stability.continuation.walk import Bounds, walk

Point = Float[np.ndarray, " size"]
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
    ways_of(direction)
    curve = Curve(Equilibrium(), problem, (problem.lens,))
    return follow(curve, _equilibrium(curve, control), algorithm, control, direction)


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
    return _follow_special(problem, point, second, Fold(), control, direction)


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
    return _follow_special(problem, point, second, Hopf(), control, direction)


def follow(
    curve: Curve, start: Row, algorithm: AbstractAlgorithm, control: StepControl, direction: Direction
) -> Branch:
    """Follow a curve from a point of it in one or both directions, and examine what was found."""
    bounds = Bounds(*curve.bounds(start.point.size))
    parity = curve.system.parity
    traces: dict[float, Trace] = {}
    for way in ways_of(direction):
        if not any(trace.code is Code.CLOSED for trace in traces.values()):
            turned = start if way > 0.0 else reversed_row(start, parity)
            traces[way] = walk(curve, algorithm, control, bounds, turned)
    rows, place = joined(traces, parity)
    return make_branch(curve, rows, place, ends_of(curve, algorithm, traces), control.tolerance, 2 * control.points)


def ways_of(direction: Direction) -> tuple[float, ...]:
    """Return the signs of the start's tangent to walk with.

    **Raises:** `ContinuationError` for a word that is no direction.
    """
    if direction not in _WAYS:
        raise ContinuationError(f"direction = {direction!r} is none; use 'both', 'forward' or 'backward'.")
    return _WAYS[direction]


def start_row(curve: Curve, guess: Point, reference: np.ndarray, control: StepControl) -> Row | None:
    """Return the point of a curve at which its last parameter has the value of `guess`, or `None`.

    The tangent, in the sense in which the first parameter that changes goes up, comes from the null space of G_z,
    which serves where the last parameter turns back as well.
    """

    def evaluate(z: Point) -> tuple[np.ndarray, np.ndarray]:
        value, jacobian = curve.evaluate(np.append(z, guess[-1]), reference)
        return value, jacobian[:, :-1]

    found = newton(evaluate, guess[:-1], control.tolerance, ITERATIONS)
    if not found.converged:
        return None
    point = np.append(found.point, guess[-1])
    along = null_vectors(curve.evaluate(point, reference)[1])[:, 0]
    moving = [part for part in along[-len(curve.lenses) :] if abs(part) > _LEVEL]
    along = along * np.sign(moving[0]) if moving else along
    return correct(curve, point, along, Known(point, along, reference), control.tolerance, ITERATIONS)


def _equilibrium(curve: Curve, control: StepControl) -> Row:
    """Return the equilibrium near the problem's start."""
    problem = curve.problem
    value = float(problem.lens.get(problem.params))
    row = start_row(curve, curve.place(problem.state0, [value]), np.zeros(curve.n), control)
    if row is None:
        raise ContinuationError(
            f"Newton's method finds no equilibrium from the start state {problem.state0} at {problem.lens.name} = "
            f"{value:g}, or one where branches cross; start from another state, or at another value of the parameter."
        )
    return row


def _follow_special(
    problem: Problem,
    point: SpecialPoint,
    second: Lens | str,
    system: AbstractSystem,
    control: StepControl,
    direction: Direction,
) -> Branch:
    """Follow the points of a system that has one equation more than an equilibrium, in two parameters."""
    ways_of(direction)
    first, second = problem.lens, as_lens(second).resolve(problem.params)
    if point.kind != system.kind or tuple(point.parameters) != (first.name,):
        raise ContinuationError(
            f"The point is a {point.kind} in {', '.join(point.parameters)}; this curve starts from a {system.kind} in "
            f"{first.name}, found by continue_equilibrium of the same problem."
        )
    if second.name == first.name:
        raise ContinuationError(f"{first.name} is the branch's own parameter; name another one as the second.")
    unknowns, reference = system.seed(point.jacobian)
    curve = Curve(system, problem, (first, second))
    values = [point.parameters[first.name], float(second.get(problem.params))]
    row = start_row(curve, curve.place(point.state, values, unknowns), reference, control)
    if row is None:
        raise ContinuationError(
            f"No {system.kind} is near the point ({point}): its equations do not converge from there."
        )
    return follow(curve, row, PseudoArclength(), control, direction)
