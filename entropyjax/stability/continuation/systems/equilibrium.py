"""Equilibria: F(y) = 0."""

from typing import ClassVar

import numpy as np
from jaxtyping import Array

from entropyjax.stability.continuation.linear import bordered, pair_sums, signed_root
from entropyjax.stability.continuation.systems.base import AbstractSystem, Field, Matrix, Vector


class Equilibrium(AbstractSystem):
    """F(y, theta) = 0 in y.

    Test functions along a curve with the unit tangent t: the component of t along the parameter (fold),
    det [F_y F_theta; t] (branch point) and det of the bialternate sum of F_y (Hopf point).
    """

    kind: ClassVar[str] = "equilibrium"
    test_names: ClassVar[tuple[str, ...]] = ("fold", "branch_point", "hopf")
    parity: ClassVar[tuple[float, ...]] = (-1.0, -1.0, 1.0)

    def equations(self, field: Field, u: Array, theta: Array, reference: Array) -> Array:
        del reference
        return field(u, theta)

    def seed(self, jacobian: Matrix) -> tuple[np.ndarray, Vector]:
        return np.zeros(0), np.zeros(len(jacobian))

    def tests(self, z: np.ndarray, jacobian: np.ndarray, tangent: np.ndarray, reference: Vector) -> np.ndarray:
        del z, reference
        n = len(jacobian)
        pairs = signed_root(pair_sums(jacobian[:, :n])) if n > 1 else 1.0
        return np.array([tangent[-1], signed_root(bordered(jacobian, tangent)), pairs])
