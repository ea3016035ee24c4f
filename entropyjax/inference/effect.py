"""The random effect of a task on the gap: its parameter and its quadrature."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from entropyjax.params import Parameter, Support

SPREAD = Parameter(
    "task_spread",
    "sigma_task",
    0.0,
    "nat",
    Support(lower=0.0),
    "Standard deviation of the gap between tasks.",
)


class Nodes(NamedTuple):
    """Values of a standard normal effect and their chances: Gauss-Hermite quadrature."""

    values: Float[np.ndarray, " nodes"]
    weights: Float[np.ndarray, " nodes"]


def nodes(number: int) -> Nodes:
    """Return a quadrature that is exact for polynomials up to degree 2 `number` - 1."""
    values, weights = np.polynomial.hermite_e.hermegauss(number)
    return Nodes(values, weights / weights.sum())
