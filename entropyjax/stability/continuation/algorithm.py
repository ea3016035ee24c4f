"""Algorithms: how the next point is predicted, and which condition the corrector adds to the equations."""

import abc
from typing import Any, ClassVar, Literal

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from entropyjax.stability.continuation.errors import ContinuationError
from entropyjax.stability.continuation.linear import last, unit

Point = Float[Array, " size"]


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
        # The sign keeps the sense of the walk; the length of d is 1 in the parameter.
        return tangent / jnp.abs(tangent[-1]), last(tangent.size) * jnp.sign(tangent[-1])


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

    initial: Any = 0.01
    minimum: Any = 1e-8
    maximum: Any = 0.1
    angle: Any = 0.2
    points: int = eqx.field(static=True, default=500)
    tolerance: Any = 1e-10
    iterations: int = eqx.field(static=True, default=8)

    def __check_init__(self) -> None:
        sizes = (self.minimum, self.initial, self.maximum)
        if any(isinstance(size, (int, float)) for size in sizes) and not 0.0 < sizes[0] <= sizes[1] <= sizes[2]:
            raise ContinuationError(
                f"The steps are minimum {sizes[0]}, initial {sizes[1]}, maximum {sizes[2]}; they must be positive and "
                "in this order."
            )
        if self.points < 2 or self.iterations < 2:
            raise ContinuationError(
                f"points = {self.points} and iterations = {self.iterations} must both be 2 or more to move at all."
            )
