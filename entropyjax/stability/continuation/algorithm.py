"""Algorithms: how the next point is predicted, and which condition the corrector adds to the equations."""

import abc
from typing import ClassVar, Literal

import equinox as eqx
import numpy as np
from jaxtyping import Float

from entropyjax.stability.continuation.errors import ContinuationError
from entropyjax.stability.continuation.linear import unit

Point = Float[np.ndarray, " size"]


class AbstractAlgorithm(eqx.Module):
    """Predictor z + ds d and corrector G(z) = 0, row . z = row . predictor."""

    name: ClassVar[str]

    @abc.abstractmethod
    def predict(self, tangent: Point, secant: Point) -> tuple[Point, Point]:
        """Return d and row, given the unit tangent and the last step (the tangent at the start)."""


class PseudoArclength(AbstractAlgorithm):
    """Keller's pseudo-arclength continuation: the corrector works across the predictor, so it turns with the branch.

    **Attributes:** `tangent`: "bordered" predicts along the tangent (error of second order in the step), "secant"
    along the last step.
    """

    tangent: Literal["bordered", "secant"] = eqx.field(static=True, default="bordered")

    name: ClassVar[str] = "pseudo-arclength"

    def __check_init__(self) -> None:
        if self.tangent not in ("bordered", "secant"):
            raise ContinuationError(f"tangent = {self.tangent!r} is not a predictor; use 'bordered' or 'secant'.")

    def predict(self, tangent: Point, secant: Point) -> tuple[Point, Point]:
        direction = tangent if self.tangent == "bordered" else unit(secant)
        return direction, direction


class Natural(AbstractAlgorithm):
    """Natural continuation: the corrector holds the parameter, so a branch ends where it folds back."""

    name: ClassVar[str] = "natural"

    def predict(self, tangent: Point, secant: Point) -> tuple[Point, Point]:
        del secant
        # Of length 1 in the parameter, so that the step is one of the parameter.
        return tangent / max(abs(tangent[-1]), 1e-300), np.eye(tangent.size)[-1]


class StepControl(eqx.Module):
    """Sizes of the steps along a branch in scaled units, and when a point counts as found.

    A step grows while the corrector takes fewer than four iterations and the tangent turns little; it is halved
    where the corrector fails, moves more than half of the step, or the tangent turns by more than `angle`.

    **Attributes:**

    - `initial`, `minimum`, `maximum`: step sizes.
    - `angle`: most that the tangent turns in one step, in radians.
    - `points`: most points in each direction.
    - `tolerance`: of the largest scaled residual, and of the last Newton step.
    - `iterations`: most iterations of the corrector.
    """

    initial: float = 0.01
    minimum: float = 1e-8
    maximum: float = 0.1
    angle: float = 0.2
    points: int = 500
    tolerance: float = 1e-10
    iterations: int = 8

    def __check_init__(self) -> None:
        if not 0.0 < self.minimum <= self.initial <= self.maximum:
            raise ContinuationError(
                f"The steps are minimum {self.minimum}, initial {self.initial}, maximum {self.maximum}; they must be "
                "positive and in this order."
            )
        if not (0.0 < self.angle < np.pi and 1e-14 <= self.tolerance <= 1e-6):
            raise ContinuationError(
                f"angle = {self.angle} must be in (0, pi) and tolerance = {self.tolerance} between 1e-14 and 1e-6."
            )
        if self.points < 2 or self.iterations < 2:
            raise ContinuationError(
                f"points = {self.points} and iterations = {self.iterations} must both be 2 or more to move at all."
            )
