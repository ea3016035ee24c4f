"""Where a test function changes its sign between two points of a branch, and the equations of what lies there."""

from typing import NamedTuple

import numpy as np

from entropyjax.stability.continuation.corrector import correct
from entropyjax.stability.continuation.curve import Curve
from entropyjax.stability.continuation.newton import Solution, newton
from entropyjax.stability.continuation.trace import Row

ITERATIONS = 12


class Bracket(NamedTuple):
    """The last point found in a bracket, and the bracket's ends as shares of the chord."""

    row: Row
    share: tuple[float, float]


def bracket(curve: Curve, begin: Row, end: Row, which: int, positive: bool, tolerance: float, halvings: int) -> Bracket:
    """Bisect the sign of a test function along the branch between two of its points.

    The point at the share r of the chord is where the branch meets the plane across it.

    **Arguments:** `which`: number of the test function; `positive`: whether it is so at `begin`.
    """
    chord = end.point - begin.point
    across = chord / np.linalg.norm(chord)
    low, high, row = 0.0, 1.0, begin
    for _ in range(halvings):
        middle = 0.5 * (low + high)
        found = correct(curve, begin.point + middle * chord, across, begin, tolerance, ITERATIONS)
        # Beside a crossing of branches the corrector can fail; the bracket that is left still holds the point.
        if found is None:
            break
        row = found
        low, high = (middle, high) if (row.tests[which] > 0.0) == positive else (low, middle)
    return Bracket(row, (low, high))


def solve_square(curve: Curve, guess: np.ndarray, reference: np.ndarray, tolerance: float) -> Solution:
    """Solve the equations of a curve whose system has as many of them as unknowns."""
    return newton(lambda z: curve.evaluate(z, reference), guess, tolerance, ITERATIONS)
