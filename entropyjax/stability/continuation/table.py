"""From the rows of two walks to a branch in the units of its problem."""

import operator

import jax
import numpy as np

from entropyjax.stability.continuation.branch import Branch, End, SpecialPoint
from entropyjax.stability.continuation.curve import Curve
from entropyjax.stability.continuation.linear import opposite_pair, pair_product
from entropyjax.stability.continuation.problem import Quantity
from entropyjax.stability.continuation.special import Located, locate
from entropyjax.stability.continuation.trace import Row

_HELD = {"equilibrium": lambda _: [], "fold": lambda row: np.argmin(np.abs(row)), "hopf": opposite_pair}
"""Places of the eigenvalues that a curve holds on the imaginary axis."""
_ON_AXIS = 1e-9
"""Real part in 1/step below which an eigenvalue counts as being on it."""


def make_branch(
    curve: Curve, rows: list[Row], start: int, ends: tuple[End, End], tolerance: float, length: int
) -> Branch:
    """Return the branch of a curve.

    **Arguments:** `rows`: its points in order; `start`: the place of the first one in them; `length`: rows to pad
    to, so that branches of every length share their compiled code.
    """
    points = np.stack([row.point for row in rows])
    values = _eigenvalues(np.stack([row.jacobian[: curve.n, : curve.n] for row in rows]))
    unstable, critical = _stability(values, curve.system.kind)
    pieces = np.linalg.norm(np.diff(points, axis=0), axis=1)
    arclength = np.concatenate([[0.0], np.cumsum(pieces)])
    arclength -= arclength[start]
    seen = curve.describe(points, length)
    return Branch(
        kind=curve.system.kind,
        parameters=seen.parameters,
        state=seen.state,
        columns=seen.columns,
        quantities=_quantities(curve),
        eigenvalues=values,
        unstable=unstable,
        omega=np.array([_omega(row) for row in values] if curve.system.kind == "hopf" else np.zeros(len(values))),
        arclength=arclength,
        steps=np.array([row.step for row in rows]),
        iterations=np.array([row.iterations for row in rows]),
        residuals=np.array([row.residual for row in rows]),
        special=_special(curve, locate(curve, rows, unstable, critical, tolerance), arclength, length),
        ends=ends,
        points=points,
        tangents=np.stack([row.tangent for row in rows]),
    )


def _eigenvalues(jacobians: np.ndarray) -> np.ndarray:
    values = np.linalg.eigvals(jacobians).astype(complex)
    order = np.lexsort((-np.imag(values), -np.real(values)), axis=-1)
    return np.take_along_axis(values, order, axis=-1)


def _stability(values: np.ndarray, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of unstable eigenvalues of each point, and whether one is on the imaginary axis.

    Those that the curve holds there do not count.
    """
    real = np.real(np.stack([np.delete(row, _HELD[kind](row)) for row in values]))
    return np.sum(real > _ON_AXIS, axis=-1), np.any(np.abs(real) <= _ON_AXIS, axis=-1)


def _omega(values: np.ndarray) -> float:
    return float(np.sqrt(max(pair_product(values), 0.0)))


def _quantities(curve: Curve) -> dict[str, Quantity]:
    return {lens.name: Quantity(lens.symbol, lens.unit) for lens in curve.lenses} | dict(curve.problem.quantities)


def _special(curve: Curve, located: list[Located], arclength: np.ndarray, length: int) -> tuple[SpecialPoint, ...]:
    if not located:
        return ()
    seen = curve.describe(np.stack([one.point for one in located]), length)
    values = _eigenvalues(np.stack([one.jacobian for one in located]))
    out = []
    for place, one in enumerate(located):
        here, there = arclength[one.place : one.place + 2]
        low, high = (float(here + share * (there - here)) for share in one.share)
        special = SpecialPoint(
            kind=one.kind,
            status="converged" if one.converged else "guess",
            parameters={name: float(column[place]) for name, column in seen.parameters.items()},
            state=jax.tree.map(operator.itemgetter(place), seen.state),
            columns={name: float(column[place]) for name, column in seen.columns.items()},
            interval=(low, high),
            between=(one.place, one.place + 1),
            residual=one.residual,
            omega=one.omega,
            eigenvalues=values[place],
            point=one.point,
            tangent=one.tangent,
            jacobian=one.jacobian,
        )
        out.append(special)
    return tuple(out)
