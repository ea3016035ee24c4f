"""Two walks from one point: joined into one branch, and why it ends on each side."""

from collections.abc import Mapping

import numpy as np

from entropyjax.stability.continuation.branch import End
from entropyjax.stability.continuation.curve import Curve
from entropyjax.stability.continuation.trace import Code, Row, Trace

_BEGUN = End("the branch was started here and not followed this way", False)
_CLOSED = End("the branch closes on itself", False)


def joined(traces: Mapping[float, Trace]) -> tuple[Row, int]:
    """Return the rows of the walks forward (1) and backward (-1) in one order, and the place of the start."""
    ahead, behind = (_rows(traces[way]) if way in traces else None for way in (1.0, -1.0))
    if behind is None:
        assert ahead is not None
        return ahead, 0
    turned = Row(*(part[::-1] for part in behind))
    turned = turned._replace(tangent=-turned.tangent)
    place = len(turned.point) - 1
    if ahead is None:
        return turned, place
    pairs = zip(turned, ahead, strict=True)
    return Row(*(np.concatenate([before, after[1:]]) for before, after in pairs)), place


def ends_of(curve: Curve, traces: Mapping[float, Trace]) -> tuple[End, End]:
    """Return why a branch ends at its first point (of the walk backward) and at its last one."""
    if any(trace.code == Code.CLOSED for trace in traces.values()):
        return _CLOSED, _CLOSED
    behind, ahead = (_end(curve, traces[way]) if way in traces else _BEGUN for way in (-1.0, 1.0))
    return behind, ahead


def _rows(trace: Trace) -> Row:
    return Row(*(part[: int(trace.count)] for part in trace.rows))


def _end(curve: Curve, trace: Trace) -> End:
    rows = _rows(trace)
    place = ", ".join(f"{name} = {value:.6g}" for name, value in _values(curve, rows.point[-1]).items())
    match Code(int(trace.code)):
        case Code.BOUND:
            return End(f"{_coordinate(curve, rows, int(trace.coordinate))} met its bound at {place}", False)
        case Code.POINTS:
            return End(f"{len(rows.point)} points were taken, the most that StepControl.points allows, at {place}", True)
        case Code.TURN:
            return End(f"the branch turns by more than StepControl.angle in the smallest step, at {place}", True)
        case _:
            return End(f"the corrector failed in the smallest step, at {place}", True)


def _values(curve: Curve, z: np.ndarray) -> dict[str, float]:
    theta = z[z.size - len(curve.lenses) :]
    return {lens.name: float(lens.value(theta[place])) for place, lens in enumerate(curve.lenses)}


def _coordinate(curve: Curve, rows: Row, place: int) -> str:
    """Return the name of a coordinate of z; only the state and the parameters have bounds."""
    free = place - (rows.point.shape[1] - len(curve.lenses))
    return curve.lenses[free].name if free >= 0 else curve.problem.names()[place]
