"""The corrector: the point of a curve on a plane, with all that is known of it there."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from entropyjax.stability.continuation.curve import Curve
from entropyjax.stability.continuation.linear import bordered, unit
from entropyjax.stability.continuation.newton import newton
from entropyjax.stability.continuation.trace import Row

Point = Float[np.ndarray, " size"]


class Known(NamedTuple):
    """A point nearby: its tangent gives the sense of the new one, and its reference holds for the step."""

    point: Point
    tangent: Point
    reference: Float[np.ndarray, " n"]


def correct(
    curve: Curve, guess: Point, condition: Point, known: Known | Row, tolerance: float, iterations: int
) -> Row | None:
    """Return the point with G(z) = 0 and condition . (z - guess) = 0 near a guess, or `None` if that fails."""

    def evaluate(z: Point) -> tuple[np.ndarray, np.ndarray]:
        value, jacobian = curve.evaluate(z, known.reference)
        return np.append(value, condition @ (z - guess)), bordered(jacobian, condition)

    found = newton(evaluate, guess, tolerance, iterations)
    if not found.converged:
        return None
    jacobian = found.jacobian[:-1]
    along = tangent(jacobian, known.tangent)
    if along is None:
        return None
    reference = curve.system.refresh(found.point, jacobian, known.reference)
    tests = curve.system.tests(found.point, jacobian, along, reference)
    step = float(np.linalg.norm(guess - known.point))
    return Row(found.point, along, jacobian, reference, tests, step, found.iterations, found.residual)


def tangent(jacobian: np.ndarray, along: Point) -> Point | None:
    """Return the unit tangent t of G(z) = 0, G_z t = 0, with t . `along` > 0, or `None` at a singular point."""
    try:
        return unit(np.linalg.solve(bordered(jacobian, along), np.eye(along.size)[-1]))
    except np.linalg.LinAlgError:
        return None
