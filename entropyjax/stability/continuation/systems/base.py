"""The contract of a system: the equations of one kind of point, written once for solving and for following."""

import abc
from collections.abc import Callable
from typing import ClassVar

import equinox as eqx
from jaxtyping import Array, Float

Field = Callable[[Array, Array], Array]
"""Called as `field(y, theta)`; the scaled residual F of the state y and the free parameters theta."""
Vector = Float[Array, " n"]


class AbstractSystem(eqx.Module):
    """Equations of a kind of point in unknowns u = (y, ...) and the free parameters theta.

    With as many parameters as make the system square it locates a point; with one more it defines a curve of
    such points, which continuation follows. A system may use a *reference*, a vector that is fixed during a
    step and renewed after it.
    """

    kind: ClassVar[str]
    """Name of the points."""
    codimension: ClassVar[int]
    """Free parameters that make the system square."""
    test_names: ClassVar[tuple[str, ...]]
    """Special points that `tests` finds on a curve."""

    @abc.abstractmethod
    def equations(self, field: Field, u: Array, theta: Array, reference: Vector) -> Array:
        """Return the residual of every equation."""

    @abc.abstractmethod
    def seed(self, jacobian: Float[Array, "n n"]) -> tuple[Array, Vector]:
        """Return a guess of the unknowns after y, and the reference, at a point where F_y is `jacobian`."""

    def refresh(self, field: Field, u: Array, theta: Array, reference: Vector) -> Vector:
        """Return the reference at a point, continuous along a curve."""
        del field, u, theta
        return reference

    def tests(self, field: Field, u: Array, theta: Array, tangent: Array, reference: Vector) -> Array:
        """Return the test functions at a point of a curve with this unit tangent, one for each of `test_names`."""
        raise NotImplementedError(f"No curve of the points of {type(self).__name__} is followed.")
