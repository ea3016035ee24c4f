"""Special points of a branch in scaled coordinates: found by sign, bracketed, solved and named."""

from typing import NamedTuple

import numpy as np

from entropyjax.stability.continuation.curve import Curve
from entropyjax.stability.continuation.linear import pair_product
from entropyjax.stability.continuation.locate import bracket, solve_square
from entropyjax.stability.continuation.systems import BranchPoint, Equilibrium, Fold, Hopf
from entropyjax.stability.continuation.trace import Row

_UNFOLDING = 1e-8
"""Largest unfolding b of a branch point that still counts as zero."""
_SAME = 1e-4
"""Scaled distance within which two special points are one."""
_SHARP = 1e-6
"""Largest test function at a point that was bracketed to the last digits."""


class Located(NamedTuple):
    """A special point.

    **Attributes:**

    - `kind`: "fold", "hopf", "branch_point", "cusp" or "bogdanov_takens"; "unclassified" where the stability
      changes and no test function says why.
    - `place`: the point of the branch that it comes after. `share`: its bracket, as shares of the chord to the next.
    - `point`, `tangent`: z, and the unit tangent of the branch there.
    - `jacobian`: F_y.
    - `residual`: largest residual of the point's own equations.
    - `converged`: whether they were solved; otherwise the point is the end of the bracketing.
    - `omega`: frequency of a Hopf point in 1/step, else 0.
    """

    kind: str
    place: int
    share: tuple[float, float]
    point: np.ndarray
    tangent: np.ndarray
    jacobian: np.ndarray
    residual: float
    converged: bool
    omega: float = 0.0


def locate(
    curve: Curve, rows: list[Row], unstable: np.ndarray, critical: np.ndarray, tolerance: float
) -> list[Located]:
    """Return the special points of a branch in its order.

    **Arguments:** `rows`: the branch's points; `unstable`: their numbers of unstable eigenvalues; `critical`:
    whether one is on the imaginary axis, so that its side means nothing.
    """
    signs, found = _signs(rows), []
    for place in range(len(rows) - 1):
        changed = np.flatnonzero(signs[place] * signs[place + 1] < 0.0)
        solved = [
            _solve(curve, rows, place, int(which), bool(signs[place, which] > 0.0), tolerance) for which in changed
        ]
        here = [one for one in solved if one is not None]
        told = not critical[place : place + 2].any()
        if not here and told and unstable[place] != unstable[place + 1]:
            here = [_unclassified(curve, rows, place)]
        found += sorted(here, key=lambda one: one.share)
    return _without_doubles(found, curve)


def _signs(rows: list[Row]) -> np.ndarray:
    """Return the signs of the test functions; an exact zero has that of the point before it."""
    signs = np.sign([row.tests for row in rows])
    for place in range(1, len(signs)):
        signs[place] = np.where(signs[place] == 0.0, signs[place - 1], signs[place])
    return signs


def _solve(curve: Curve, rows: list[Row], place: int, which: int, positive: bool, tolerance: float) -> Located | None:
    """Return the special point of one test function, or `None` if the sign change is no bifurcation."""
    begin, end = rows[place], rows[place + 1]
    own = isinstance(curve.system, Equilibrium)
    # Where no equations of its own refine the point, the bracket gives every digit.
    about = bracket(curve, begin, end, which, positive, tolerance, halvings=20 if own else 42)
    row = about.row
    rough = Located(
        kind=curve.system.test_names[which],
        place=place,
        share=about.share,
        point=row.point,
        tangent=row.tangent,
        jacobian=row.jacobian[: curve.n, : curve.n],
        residual=max(row.residual, abs(float(row.tests[which]))),
        converged=False,
    )
    if not own:
        sharp = about.share[1] - about.share[0] < tolerance and rough.residual < _SHARP
        return rough._replace(converged=sharp)
    return _refined(curve, rough, begin, end, tolerance)


_SYSTEMS = {"fold": Fold(), "branch_point": BranchPoint(), "hopf": Hopf()}


def _refined(curve: Curve, rough: Located, begin: Row, end: Row, tolerance: float) -> Located | None:
    """Solve the equations of a special point on a branch of equilibria; return `None` for a neutral saddle."""
    system = _SYSTEMS[rough.kind]
    own = Curve(system, curve.problem, curve.lenses)
    unknowns, reference = system.seed(rough.jacobian)
    y, theta = np.split(rough.point, [curve.n])
    found = solve_square(own, np.concatenate([y, unknowns, theta]), reference, tolerance)
    genuine = not isinstance(system, BranchPoint) or abs(found.point[-2]) <= _UNFOLDING
    point = own.seen(found.point)
    if found.converged and genuine and _beside(begin, end, point):
        jacobian = found.jacobian[: curve.n, : curve.n]
        rough = rough._replace(point=point, jacobian=jacobian, residual=found.residual, converged=True)
    if rough.kind != "hopf":
        return rough
    squared = pair_product(np.linalg.eigvals(rough.jacobian))
    return rough._replace(omega=float(np.sqrt(squared))) if squared > 0.0 else None


def _beside(begin: Row, end: Row, point: np.ndarray) -> bool:
    """Return whether a point lies beside the chord between two points."""
    chord, away = end.point - begin.point, point - begin.point
    length = chord @ chord
    return bool(-0.05 <= away @ chord / length <= 1.05 and away @ away <= 2.0 * length)


def _unclassified(curve: Curve, rows: list[Row], place: int) -> Located:
    row = rows[place]
    middle = 0.5 * (row.point + rows[place + 1].point)
    jacobian = row.jacobian[: curve.n, : curve.n]
    return Located("unclassified", place, (0.0, 1.0), middle, row.tangent, jacobian, np.nan, converged=False)


def _without_doubles(found: list[Located], curve: Curve) -> list[Located]:
    """Drop the fold that a branch seems to have where another crosses it: its test function is zero there too."""
    crossings = [curve.seen(one.point) for one in found if one.kind == "branch_point"]

    def crossing(one: Located) -> bool:
        return any(np.linalg.norm(curve.seen(one.point) - at) < _SAME for at in crossings)

    return [one for one in found if one.kind != "fold" or not crossing(one)]
