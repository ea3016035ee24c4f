"""Newton's method on a square system; the function and its derivative are compiled, the loop is not."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

Vector = Float[np.ndarray, " n"]
Matrix = Float[np.ndarray, "n n"]


class Solution(NamedTuple):
    """Where Newton's method ended.

    **Attributes:** `point`: z; `jacobian` and the largest `residual`: of the iterate before the last step, which was
    within the tolerance if `converged`; `iterations`: steps taken.
    """

    point: Vector
    jacobian: Matrix
    residual: float
    iterations: int
    converged: bool


def newton(
    evaluate: Callable[[Vector], tuple[Vector, Matrix]], guess: Vector, tolerance: float, iterations: int
) -> Solution:
    """Solve for a zero of a function from a guess.

    It has converged once a step is within `tolerance` (of 1 + max |z|) and so was the residual before it; the error
    that is left is of the order of the square of that step.

    **Arguments:** `evaluate`: returns the function and its Jacobian.
    """
    point, converged, taken = guess, False, 0
    while True:
        value, jacobian = evaluate(point)
        residual, taken = float(np.max(np.abs(value))), taken + 1
        step = _step(value, jacobian, solved=residual <= tolerance)
        if step is not None:
            point = point + step
            size = np.max(np.abs(step))
            converged = bool(size <= tolerance * (1.0 + np.max(np.abs(point))) and residual <= tolerance)
        if step is None or converged or taken == iterations:
            return Solution(point, jacobian, residual, taken, converged)


def _step(value: Vector, jacobian: Matrix, solved: bool) -> Vector | None:
    """Return the Newton step, or `None` where there is none."""
    if not (np.isfinite(value).all() and np.isfinite(jacobian).all()):
        return None
    try:
        return np.linalg.solve(jacobian, -value)
    except np.linalg.LinAlgError:
        # Where the Jacobian is singular a solution is one all the same.
        return np.zeros_like(value) if solved else None
