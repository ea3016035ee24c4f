"""The curve that continuation follows: as many equations as unknowns less one, in scaled coordinates."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from entropyjax.stability.continuation.lens import Lens
from entropyjax.stability.continuation.problem import Problem
from entropyjax.stability.continuation.systems import AbstractSystem

Point = Float[Array, " size"]
HostPoint = Float[np.ndarray, " size"]


class Description(NamedTuple):
    """Points in the units of their problem: parameters, state, components and recorded numbers by name."""

    parameters: dict[str, Any]
    state: Any
    columns: dict[str, Any]


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

    def equations(self, z: Point, reference: Array) -> Array:
        """Return G(z), zero on the curve."""
        cut = z.size - len(self.lenses)
        return self.system.equations(self.field, z[:cut], z[cut:], reference)

    def evaluate(self, z: HostPoint, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return G and G_z."""
        jacobian, value = _evaluate(self, z, reference)
        return np.asarray(value), np.asarray(jacobian)

    def describe(self, points: Float[np.ndarray, "rows size"], length: int) -> Description:
        """Return what points stand for, as numpy arrays with a leading axis.

        **Arguments:** `length`: rows to pad to, so that branches of every length share their compiled code.
        """
        flat = points[:, : self.n] * np.asarray(self.scale)
        columns = dict(zip(self.problem.names(), flat.T, strict=True))
        if self.problem.record is not None:
            padded = np.concatenate([points, np.repeat(points[-1:], length - len(points), axis=0)])
            recorded = _record(self, padded)
            columns |= {name: np.asarray(values)[: len(points)] for name, values in recorded.items()}
        theta = points.T[points.shape[1] - len(self.lenses) :]
        parameters = {lens.name: lens.host_value(values) for lens, values in zip(self.lenses, theta, strict=True)}
        return Description(parameters, self.problem.host_unravel(flat), columns)

    def place(self, state: Any, values: Sequence[float], unknowns: np.ndarray | None = None) -> HostPoint:
        """Return z of a state, values of the parameters, and what else the system solves for."""
        flat = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(state)])
        theta = [lens.coordinate(value) for lens, value in zip(self.lenses, values, strict=True)]
        rest = np.zeros(0) if unknowns is None else unknowns
        return np.concatenate([flat / np.asarray(self.scale), rest, theta])

    def seen(self, z: HostPoint) -> HostPoint:
        """Return the state and the parameters of z, without what else the system solves for."""
        return np.concatenate([z[: self.n], z[z.size - len(self.lenses) :]])

    def bounds(self, size: int) -> tuple[HostPoint, HostPoint]:
        """Return the lower and upper bounds of z."""
        free = np.full(size - self.n - len(self.lenses), np.inf)
        lower = [lens.coordinate(float(lens.lower)) for lens in self.lenses]
        upper = [lens.coordinate(float(lens.upper)) for lens in self.lenses]
        below, above = (ravel_pytree(tree)[0] / self.scale for tree in (self.problem.lower, self.problem.upper))
        return np.concatenate([below, -free, lower]), np.concatenate([above, free, upper])


@eqx.filter_jit
def _evaluate(curve: Curve, z: Any, reference: Any) -> tuple[Array, Array]:
    return jax.jacfwd(lambda at: (curve.equations(at, reference),) * 2, has_aux=True)(z)


@eqx.filter_jit
def _record(curve: Curve, points: Any) -> dict[str, Array]:
    """Return what the problem records at points of a curve."""
    record = curve.problem.record
    assert record is not None

    def one(z: Point) -> dict[str, Array]:
        state = curve.problem.unravel(z[: curve.n] * curve.scale)
        return dict(record(state, curve.params(z[z.size - len(curve.lenses) :])))

    return jax.vmap(one)(points)
