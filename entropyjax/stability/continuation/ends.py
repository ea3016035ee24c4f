"""Two walks from one point: joined into one branch, and why it ends on each side."""

from collections.abc import Mapping, Sequence

import numpy as np

from entropyjax.stability.continuation.algorithm import AbstractAlgorithm, Natural
from entropyjax.stability.continuation.branch import End
from entropyjax.stability.continuation.curve import Curve
from entropyjax.stability.continuation.trace import Code, Row, Trace

_BEGUN = End("the branch was started here and not followed this way", False)
_CLOSED = End("the branch closes on itself", False)


def reversed_row(row: Row, parity: Sequence[float]) -> Row:
    """Return a point as a walk in the other direction sees it.

    **Arguments:** `parity`: sign of each test function after a reversal of the tangent.
    """
    return row._replace(tangent=-row.tangent, tests=row.tests * np.asarray(parity))


def joined(traces: Mapping[float, Trace], parity: Sequence[float]) -> tuple[list[Row], int]:
    """Return the rows of the walks forward (1) and backward (-1) in one order, and the place of the start."""
    ahead = traces[1.0].rows if 1.0 in traces else []
    behind = [reversed_row(row, parity) for row in traces[-1.0].rows[::-1]] if -1.0 in traces else []
    return behind + ahead[1 if behind else 0 :], max(len(behind) - 1, 0)


def ends_of(curve: Curve, algorithm: AbstractAlgorithm, traces: Mapping[float, Trace]) -> tuple[End, End]:
    """Return why a branch ends at its first point (of the walk backward) and at its last one."""
    if any(trace.code is Code.CLOSED for trace in traces.values()):
        return _CLOSED, _CLOSED
    behind, ahead = (_end(curve, algorithm, traces[way]) if way in traces else _BEGUN for way in (-1.0, 1.0))
    return behind, ahead


def _end(curve: Curve, algorithm: AbstractAlgorithm, trace: Trace) -> End:
    place = ", ".join(f"{name} = {value:.6g}" for name, value in _values(curve, trace.rows[-1].point).items())
    hint = "; natural continuation cannot pass a fold, PseudoArclength can" if isinstance(algorithm, Natural) else ""
    match trace.code:
        case Code.BOUND:
            return End(f"{_coordinate(curve, trace)} met its bound at {place}", False)
        case Code.POINTS:
            return End(f"{len(trace.rows)} points were taken, all that StepControl.points allows, at {place}", True)
        case Code.TURN:
            return End(f"the branch turns by more than StepControl.angle in the smallest step, at {place}{hint}", True)
        case _:
            return End(f"the corrector failed in the smallest step, at {place}{hint}", True)


def _values(curve: Curve, z: np.ndarray) -> dict[str, float]:
    theta = z[z.size - len(curve.lenses) :]
    return {lens.name: float(lens.host_value(theta[place])) for place, lens in enumerate(curve.lenses)}


def _coordinate(curve: Curve, trace: Trace) -> str:
    """Return the name of the coordinate that met a bound; only the state and the parameters have any."""
    free = trace.coordinate - (trace.rows[-1].point.size - len(curve.lenses))
    return curve.lenses[free].name if free >= 0 else curve.problem.names()[trace.coordinate]
