"""A branch: a table of points with their stability, its special points, and why it ends."""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Complex, Float, Int

from entropyjax.stability.continuation.problem import Quantity

NAMES = {
    "fold": "fold",
    "hopf": "Hopf point",
    "branch_point": "branch point",
    "cusp": "cusp",
    "bogdanov_takens": "Bogdanov-Takens point",
    "unclassified": "unclassified change of stability",
}
"""Names of special points."""
_PLURALS = {"equilibrium": "equilibria", "fold": "folds", "hopf": "Hopf points"}


class End(NamedTuple):
    """Why a branch ends on one side: a sentence, and whether it is `partial`, so that it may go on beyond."""

    sentence: str
    partial: bool


class SpecialPoint(NamedTuple):
    """A bifurcation on a branch.

    **Attributes:**

    - `kind`: "fold", "hopf" or "branch_point" on a branch of equilibria, "cusp" or "bogdanov_takens" on a curve of
      folds or Hopf points; "unclassified" where the stability changes and no test function says why.
    - `status`: "converged" if the point's own equations are solved, "guess" if it is the end of the bracketing.
    - `parameters`: value of each free parameter by name.
    - `state`: y, like the problem's `state0`.
    - `interval`: bracket in the branch's arclength; `between`: the points of the branch around it.
    - `residual`: largest scaled residual of the point's own equations.
    - `omega`: frequency of a Hopf point in 1/step, else 0.
    - `eigenvalues`: of f_y, in 1/step.
    - `columns`: components of the state and what the problem records, by name.
    - `point`, `tangent`, `jacobian`: z, the branch's direction and f_y in scaled coordinates, for what starts here.
    """

    kind: str
    status: str
    parameters: Mapping[str, float]
    state: Any
    interval: tuple[float, float]
    between: tuple[int, int]
    residual: float
    omega: float
    eigenvalues: Complex[np.ndarray, " n"]
    columns: Mapping[str, float]
    point: Float[np.ndarray, " size"]
    tangent: Float[np.ndarray, " size"]
    jacobian: Float[np.ndarray, "n n"]

    def __str__(self) -> str:
        where = ", ".join(f"{name} = {value:.10g}" for name, value in self.parameters.items())
        frequency = f", omega = {self.omega:.6g}/step" if self.kind == "hopf" else ""
        doubt = "" if self.status == "converged" else f" ({self.status})"
        return f"{NAMES[self.kind]} at {where}{frequency}{doubt}"


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Branch:
    """A curve of equilibria, folds or Hopf points, one row a point.

    **Attributes:**

    - `kind`: "equilibrium", "fold" or "hopf".
    - `parameters`: values of the free parameters by name, in their units.
    - `state`: y, like the problem's `state0` with a leading axis of points.
    - `columns`: components of the state and what the problem records, by name.
    - `quantities`: symbol and unit of the parameters and columns that have them.
    - `eigenvalues`: of f_y in 1/step, by falling real part. `unstable`: how many have a positive real part; along
      folds and Hopf points those that are zero by construction do not count.
    - `omega`: frequency along Hopf points in 1/step; 0 where they have become neutral saddles, and on other branches.
    - `arclength`: along the branch in scaled units, 0 at the start. `steps`, `iterations`, `residuals`: length of
      the step that led to a point, the corrector's iterations and its largest scaled residual.
    - `special`: special points in the order of the branch. `ends`: why it ends at its first and at its last point.
    - `points`, `tangents`: z and the unit tangents in scaled coordinates.
    """

    kind: str
    parameters: Mapping[str, Float[np.ndarray, " points"]]
    state: Any
    columns: Mapping[str, Float[np.ndarray, " points"]]
    quantities: Mapping[str, Quantity]
    eigenvalues: Complex[np.ndarray, "points n"]
    unstable: Int[np.ndarray, " points"]
    omega: Float[np.ndarray, " points"]
    arclength: Float[np.ndarray, " points"]
    steps: Float[np.ndarray, " points"]
    iterations: Int[np.ndarray, " points"]
    residuals: Float[np.ndarray, " points"]
    special: tuple[SpecialPoint, ...]
    ends: tuple[End, End]
    points: Float[np.ndarray, "points size"]
    tangents: Float[np.ndarray, "points size"]

    def __len__(self) -> int:
        return len(self.arclength)

    @property
    def stable(self) -> Bool[np.ndarray, " points"]:
        """Whether each point has no unstable eigenvalue."""
        return self.unstable == 0

    @property
    def partial(self) -> bool:
        """Whether the branch may go on beyond one of its ends."""
        return any(end.partial for end in self.ends)

    def of_kind(self, kind: str) -> tuple[SpecialPoint, ...]:
        """Return the special points of one kind."""
        return tuple(point for point in self.special if point.kind == kind)

    def __str__(self) -> str:
        spans = ", ".join(
            f"{name} {values.min():.6g} to {values.max():.6g}" for name, values in self.parameters.items()
        )
        whole = "partial branch" if self.partial else "branch"
        lines = [f"{whole} of {_PLURALS[self.kind]} over {spans}: {len(self)} points, {self.stable.sum()} stable"]
        lines += [f"  {point}" for point in self.special]
        return "\n".join([*lines, f"  first end: {self.ends[0].sentence}", f"  last end: {self.ends[1].sentence}"])

    def __repr__(self) -> str:
        return str(self)
