"""The curve that continuation follows: as many equations as unknowns less one, in scaled coordinates."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from entropyjax.stability.continuation.lens import Lens
from entropyjax.stability.continuation.problem import Problem
from entropyjax.stability.continuation.systems.base import AbstractSystem

Point = Float[Array, " size"]
Reference = Float[Array, " n"]


class Curve(eqx.Module):
    """Points z = (u, theta): the unknowns u of a system, which begin with the scaled state, and free parameters.

    **Attributes:**

    - `system`: what kind of point lies on the curve.
    - `problem`: the residual and the parameters that are fixed.
    - `lenses`: the free parameters.
    """

    system: AbstractSystem
    problem: Problem
    lenses: tuple[Lens, ...]

    @property
    def n(self) -> int:
        """Components of the state."""
        return self.problem.size

    @property
    def scale(self) -> Float[Array, " n"]:
        """Scale of the state."""
        return ravel_pytree(self.problem.scale)[0]

    def split(self, z: Point) -> tuple[Array, Array]:
        """Return the unknowns of the system and the coordinates of the parameters."""
        cut = z.size - len(self.lenses)
        return z[:cut], z[cut:]

    def state(self, z: Point) -> Any:
        """Return y."""
        return self.problem.unravel(z[: self.n] * self.scale)

    def params(self, theta: Array) -> Any:
        """Return the parameters at the coordinates `theta`."""
        params = self.problem.params
        for place, lens in enumerate(self.lenses):
            params = lens.set(params, lens.value(theta[place]))
        return params

    def field(self, y: Float[Array, " n"], theta: Array) -> Float[Array, " n"]:
        """Return f(y, p) in scaled units per step; its Jacobian has the eigenvalues of f_y."""
        out = self.problem.residual(self.problem.unravel(y * self.scale), self.params(theta))
        return ravel_pytree(out)[0] / self.scale

    def equations(self, z: Point, reference: Reference) -> Array:
        """Return G(z), zero on the curve."""
        return self.system.equations(self.field, *self.split(z), reference)

    def refresh(self, z: Point, reference: Reference) -> Reference:
        """Return the reference vector for the neighbourhood of z."""
        return self.system.refresh(self.field, *self.split(z), reference)

    def tests(self, z: Point, tangent: Point, reference: Reference) -> Array:
        """Return the test functions of the system, each zero at its special point."""
        return self.system.tests(self.field, *self.split(z), tangent, reference)

    def bounds(self, size: int) -> tuple[Point, Point]:
        """Return the lower and upper bounds of z."""
        free = jnp.full(size - self.n - len(self.lenses), jnp.inf)
        problem, scale = self.problem, self.scale
        lower = [jnp.asarray([lens.coordinate(float(lens.lower)) for lens in self.lenses])]
        upper = [jnp.asarray([lens.coordinate(float(lens.upper)) for lens in self.lenses])]
        return (
            jnp.concatenate([ravel_pytree(problem.lower)[0] / scale, -free, *lower]),
            jnp.concatenate([ravel_pytree(problem.upper)[0] / scale, free, *upper]),
        )
