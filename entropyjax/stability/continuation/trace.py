"""What a walk leaves behind: its points, and why it ended."""

import enum
from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class Code(enum.Enum):
    """Why a walk ended."""

    BOUND = "met a bound"
    CLOSED = "came back to its start"
    POINTS = "took as many points as allowed"
    NEWTON = "the corrector failed in the smallest step"
    TURN = "the tangent turned too much in the smallest step"


class Row(NamedTuple):
    """One point of a curve.

    **Attributes:** `point`: z; `tangent`: of unit length; `jacobian`: G_z; `reference`: of the curve's system;
    `tests`: its test functions; `step`: distance of the predictor; `iterations`, `residual`: of the corrector.
    """

    point: Float[np.ndarray, " size"]
    tangent: Float[np.ndarray, " size"]
    jacobian: Float[np.ndarray, "equations size"]
    reference: Float[np.ndarray, " n"]
    tests: Float[np.ndarray, " tests"]
    step: float
    iterations: int
    residual: float


class Trace(NamedTuple):
    """The points of a walk, why it ended, and the place in z of the bound that it met, if any."""

    rows: list[Row]
    code: Code
    coordinate: int = -1
