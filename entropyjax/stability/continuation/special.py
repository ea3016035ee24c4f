"""Special points of a branch in scaled coordinates: found by sign, bracketed, solved and named."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from entropyjax.stability.continuation.curve import Curve
from entropyjax.stability.continuation.locate import bracket, solve_point, solve_test, state_jacobian
from entropyjax.stability.continuation.systems import AbstractSystem, BranchPoint, Equilibrium, Fold, Hopf
from entropyjax.stability.continuation.trace import Row

_UNFOLDING = 1e-8
"""Largest unfolding b of a branch point that still counts as zero."""
_SAME = 1e-4
"""Scaled distance within which two special points are one."""


class Located(NamedTuple):
    """A special point.

    **Attributes:**

    - `kind`: "fold", "hopf", "branch_point", "cusp" or "bogdanov_takens"; "unclassified" where the stability
      changes and no test function says why.
    - `between`: the two points of the branch that it lies between.
    - `share`: the bracket, as shares of the chord between them.
    - `point`, `tangent`: z, and the unit tangent of the branch there.
    - `residual`: largest residual of the point's own equations.
    - `converged`: whether they were solved; otherwise the point is the middle of the bracket.
    - `omega`: frequency of a Hopf point in 1/step, else 0.
    """

    kind: str
    between: tuple[int, int]
    share: tuple[float, float]
    point: np.ndarray
    tangent: np.ndarray
    residual: float
    converged: bool
    omega: float = 0.0


class _Interval(NamedTuple):
    """Two neighbouring points of a branch, with the reference of the first."""

    place: int
    begin: Array
    end: Array
    reference: Array


def locate(curve: Curve, rows: Row, tests: np.ndarray, unstable: np.ndarray, tolerance: Array) -> list[Located]:
    """Return the special points of a branch in its order.

    **Arguments:** `rows`: the branch's points; `tests`: their test functions; `unstable`: their numbers of unstable
    eigenvalues.
    """
    signs, found = _signs(tests), []
    for place in range(len(tests) - 1):
        changed = np.flatnonzero(signs[place] * signs[place + 1] < 0.0)
        if not changed.size and unstable[place] == unstable[place + 1]:
            continue
        interval = _Interval(place, *map(jnp.asarray, (*rows.point[place : place + 2], rows.reference[place])))
        solved = [_solve(curve, interval, int(which), bool(signs[place, which] > 0.0), tolerance) for which in changed]
        here = [one for one in solved if one is not None]
        if not here and unstable[place] != unstable[place + 1]:
            here = [_unclassified(rows, place)]
        found += sorted(here, key=lambda one: one.share)
    return _without_doubles(found, curve)


def _signs(tests: np.ndarray) -> np.ndarray:
    """Return the signs of the test functions; an exact zero has that of the point before it."""
    signs = np.sign(tests)
    for place in range(1, len(signs)):
        signs[place] = np.where(signs[place] == 0.0, signs[place - 1], signs[place])
    return signs


def _solve(curve: Curve, interval: _Interval, which: int, positive: bool, tolerance: Array) -> Located | None:
    """Return the special point of one test function, or `None` if the sign change is no bifurcation."""
    ends = (interval.begin, interval.end)
    about = bracket(curve, ends, interval.reference, (jnp.asarray(which), jnp.asarray(positive)), tolerance)
    kind, omega = curve.system.test_names[which], 0.0
    if isinstance(curve.system, Equilibrium):
        jacobian = state_jacobian(curve, about.point)
        system = _SYSTEMS[kind](jacobian)
        if system is None:
            # Two opposite real eigenvalues: a neutral saddle.
            return None
        own = Curve(system, curve.problem, curve.lenses)
        unknowns, reference = system.seed(jacobian)
        y, theta = about.point[: curve.n], about.point[curve.n :]
        solution = solve_point(own, jnp.concatenate([y, unknowns, theta]), reference, tolerance)
        u, theta = own.split(solution.point)
        point = jnp.concatenate([u[: curve.n], theta])
        converged = bool(solution.converged) and _genuine(system, u)
        if isinstance(system, Hopf):
            omega = float(jnp.sqrt(jnp.maximum(system.omega_squared(u), 0.0)))
    else:
        reference = curve.refresh(about.point, interval.reference)
        solution = solve_test(curve, about.point, reference, jnp.asarray(which), tolerance)
        point, converged = solution.point, bool(solution.converged)
    converged = converged and _within(curve, interval, np.asarray(point))
    share = (float(about.share[0]), float(about.share[1]))
    at = np.asarray(point if converged else about.point)
    between = (interval.place, interval.place + 1)
    return Located(kind, between, share, at, np.asarray(about.tangent), float(solution.residual), converged, omega)


_SYSTEMS = {"fold": lambda _: Fold(), "branch_point": lambda _: BranchPoint(), "hopf": Hopf.at}


def _genuine(system: AbstractSystem, u: Array) -> bool:
    """Return whether a solution of the equations is what they stand for."""
    if isinstance(system, BranchPoint):
        return abs(float(u[-1])) <= _UNFOLDING
    return not isinstance(system, Hopf) or float(u[-1]) > 0.0


def _within(curve: Curve, interval: _Interval, point: np.ndarray) -> bool:
    """Return whether a point lies beside the chord of its interval, in state and parameters."""
    begin, end, at = (_seen(curve, np.asarray(z)) for z in (interval.begin, interval.end, point))
    chord = end - begin
    length = float(chord @ chord)
    share = float((at - begin) @ chord) / length
    return -0.05 <= share <= 1.05 and float((at - begin) @ (at - begin)) <= 2.0 * length


def _seen(curve: Curve, z: np.ndarray) -> np.ndarray:
    """Return the state and the parameters of z, without what else a system solves for."""
    return np.concatenate([z[: curve.n], z[z.size - len(curve.lenses) :]])


def _unclassified(rows: Row, place: int) -> Located:
    middle = 0.5 * (rows.point[place] + rows.point[place + 1])
    return Located(
        "unclassified", (place, place + 1), (0.0, 1.0), middle, np.asarray(rows.tangent[place]), np.nan, False
    )


def _without_doubles(found: list[Located], curve: Curve) -> list[Located]:
    """Drop the fold that a branch seems to have where another crosses it (the test function is zero there too)."""
    crossings = [_seen(curve, one.point) for one in found if one.kind == "branch_point"]

    def crossing(one: Located) -> bool:
        return any(np.linalg.norm(_seen(curve, one.point) - at) < _SAME for at in crossings)

    return [one for one in found if one.kind != "fold" or not crossing(one)]
