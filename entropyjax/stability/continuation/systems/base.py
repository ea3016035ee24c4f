"""The contract of a system: the equations of one kind of point, written once for solving and for following."""

import abc
from collections.abc import Callable
from typing import ClassVar

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float

Field = Callable[[Array, Array], Array]
"""Called as `field(y, theta)`; the scaled residual F of the state y and the free parameters theta."""
Vector = Float[np.ndarray, " n"]
Matrix = Float[np.ndarray, "n n"]


class AbstractSystem(eqx.Module):
    """Equations G of a kind of point in unknowns u = (y, ...) and the free parameters theta; the first are F = 0.

    With as many parameters as make the system square it locates a point; with one more it defines a curve of
    such points, which continuation follows. A system may use a *reference*, a vector that is fixed during a
    step and renewed after it. The equations are in JAX; all else follows from G_z on the host.
    """

    kind: ClassVar[str]
    """Name of the points."""
    test_names: ClassVar[tuple[str, ...]]
    """Special points that `tests` finds on a curve."""
    parity: ClassVar[tuple[float, ...]]
    """Sign of each test function after a reversal of the tangent."""

    @abc.abstractmethod
    def equations(self, field: Field, u: Array, theta: Array, reference: Array) -> Array:
        """Return the residual of every equation."""

    @abc.abstractmethod
    def seed(self, jacobian: Matrix) -> tuple[np.ndarray, Vector]:
        """Return a guess of the unknowns after y, and the reference, at a point where F_y is `jacobian`."""

    @abc.abstractmethod
    def tests(self, z: np.ndarray, jacobian: np.ndarray, tangent: np.ndarray, reference: Vector) -> np.ndarray:
        """Return the test functions at a point of a curve, given G_z there, one for each of `test_names`."""

    def refresh(self, z: np.ndarray, jacobian: np.ndarray, reference: Vector) -> Vector:
        """Return the reference at a point, continuous along a curve."""
        del z, jacobian
        return reference
