"""From the traces of two walks to a branch in the units of its problem."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from entropyjax.stability.continuation.branch import Branch, End, SpecialPoint
from entropyjax.stability.continuation.curve import Curve
from entropyjax.stability.continuation.problem import Quantity
from entropyjax.stability.continuation.special import Located, locate
from entropyjax.stability.continuation.trace import Row

_CRITICAL = {"equilibrium": 0, "fold": 1, "hopf": 2}
"""Eigenvalues that are on the imaginary axis all along a curve."""


def make_branch(curve: Curve, rows: Row, start: int, ends: tuple[End, End], tolerance: Array, length: int) -> Branch:
    """Return the branch of a curve.

    **Arguments:** `rows`: its points in order, as numpy arrays; `start`: the place of the first point in them;
    `length`: rows to pad to, so that branches of every length share their compiled code.
    """
    count = len(rows.point)
    padded = jax.tree.map(lambda part: jnp.asarray(_padded(part, length)), rows)
    seen = jax.tree.map(lambda part: np.asarray(part)[:count], _examine(curve, padded))
    parameters, state, columns, tests, jacobians = seen
    values = _sorted(np.linalg.eigvals(jacobians))
    unstable = _unstable(values, curve.system.kind)
    pieces = np.linalg.norm(np.diff(rows.point, axis=0), axis=1)
    arclength = np.concatenate([[0.0], np.cumsum(pieces)])
    arclength -= arclength[start]
    located = locate(curve, rows, tests, unstable, tolerance)
    return Branch(
        kind=curve.system.kind,
        parameters=parameters,
        state=state,
        columns=columns,
        quantities=_quantities(curve),
        eigenvalues=values,
        unstable=unstable,
        arclength=arclength,
        steps=np.asarray(rows.step),
        iterations=np.asarray(rows.iterations),
        residuals=np.asarray(rows.residual),
        special=tuple(_special(curve, one, arclength) for one in located),
        ends=ends,
        points=np.asarray(rows.point),
        tangents=np.asarray(rows.tangent),
    )


def _padded(part: np.ndarray, length: int) -> np.ndarray:
    return np.concatenate([part, np.repeat(part[-1:], length - len(part), axis=0)])


@eqx.filter_jit
def _examine(curve: Curve, rows: Row) -> Any:
    """Return parameters, states, columns, test functions and Jacobians F_y of points."""

    def one(row: Row) -> Any:
        tests = curve.tests(row.point, row.tangent, row.reference)
        _, theta = curve.split(row.point)
        return *_described(curve, row.point), tests, jax.jacfwd(curve.field)(row.point[: curve.n], theta)

    return jax.vmap(one)(rows)


@eqx.filter_jit
def _describe(curve: Curve, point: Array) -> Any:
    """Return what `_examine` does of one special point, without tests."""
    _, theta = curve.split(point)
    return *_described(curve, point), jax.jacfwd(curve.field)(point[: curve.n], theta)


def _described(curve: Curve, point: Array) -> tuple[dict, Any, dict]:
    problem, (_, theta) = curve.problem, curve.split(point)
    state = curve.state(point)
    parameters = {lens.name: lens.value(theta[place]) for place, lens in enumerate(curve.lenses)}
    columns = dict(zip(problem.names(), point[: curve.n] * curve.scale, strict=True))
    if problem.record is not None:
        columns |= problem.record(state, curve.params(theta))
    return parameters, state, columns


def _sorted(values: np.ndarray) -> np.ndarray:
    order = np.lexsort((-values.imag, -values.real), axis=-1)
    return np.take_along_axis(values, order, axis=-1)


def _unstable(values: np.ndarray, kind: str) -> np.ndarray:
    """Count eigenvalues with a positive real part, without those that the curve holds on the axis."""
    skip = _CRITICAL[kind]
    by_distance = np.argsort(np.abs(values if kind == "fold" else values.real), axis=-1, kind="stable")
    return np.sum(np.take_along_axis(values, by_distance[:, skip:], axis=-1).real > 0.0, axis=-1)


def _quantities(curve: Curve) -> dict[str, Quantity]:
    return {lens.name: Quantity(lens.symbol, lens.unit) for lens in curve.lenses} | dict(curve.problem.quantities)


def _special(curve: Curve, one: Located, arclength: np.ndarray) -> SpecialPoint:
    described = jax.tree.map(np.asarray, _describe(curve, jnp.asarray(one.point)))
    parameters, state, columns, jacobian = described
    here, there = (float(arclength[place]) for place in one.between)
    return SpecialPoint(
        kind=one.kind,
        status="converged" if one.converged else "guess",
        parameters={name: float(value) for name, value in parameters.items()},
        state=state,
        interval=(here + one.share[0] * (there - here), here + one.share[1] * (there - here)),
        between=one.between,
        residual=one.residual,
        omega=one.omega,
        eigenvalues=_sorted(np.linalg.eigvals(jacobian)),
        recorded={name: float(value) for name, value in columns.items()},
        point=one.point,
        tangent=one.tangent,
    )
