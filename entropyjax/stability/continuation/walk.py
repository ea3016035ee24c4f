"""The walk along a curve in one direction."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from entropyjax.stability.continuation.algorithm import AbstractAlgorithm, StepControl
from entropyjax.stability.continuation.corrector import correct
from entropyjax.stability.continuation.curve import Curve
from entropyjax.stability.continuation.trace import Code, Row, Trace

Point = Float[np.ndarray, " size"]


class Bounds(NamedTuple):
    """Lower and upper bounds of z."""

    lower: Point
    upper: Point

    def hold(self, point: Point, slack: float) -> bool:
        """Return whether a point is within bounds, up to `slack` of 1 + |z|."""
        room = slack * (1.0 + np.abs(point))
        return bool(np.all((point >= self.lower - room) & (point <= self.upper + room)))


class _Attempt(NamedTuple):
    """A predictor, the condition of its corrector, its distance, and the bound that it lands on or -1."""

    guess: Point
    condition: Point
    reach: float
    landing: int


def walk(curve: Curve, algorithm: AbstractAlgorithm, control: StepControl, bounds: Bounds, start: Row) -> Trace:
    """Follow a curve from a point of it until a bound, the start, or the end of what the corrector can do."""
    rows, size, secant = [start], control.initial, start.tangent
    while True:
        here = rows[-1]
        attempt = _predict(here, secant, size, algorithm, bounds)
        if attempt.landing >= 0 and attempt.reach <= control.minimum:
            return Trace(rows, Code.BOUND, attempt.landing)
        row = correct(curve, attempt.guess, attempt.condition, here, control.tolerance, control.iterations)
        failure = _failure(control, bounds, here, attempt, row)
        if row is None or failure:
            size *= 0.5
            if size < control.minimum:
                return Trace(rows, failure or Code.NEWTON)
            continue
        secant = row.point - here.point
        if len(rows) > 2 and _passes(start, here.point, row.point):
            return Trace([*rows, row._replace(point=start.point)], Code.CLOSED)
        rows.append(row)
        if attempt.landing >= 0:
            return Trace(rows, Code.BOUND, attempt.landing)
        if len(rows) >= control.points:
            return Trace(rows, Code.POINTS)
        size = min(size * _growth(control, _angle(here, row), row.iterations), control.maximum)


def _predict(here: Row, secant: Point, size: float, algorithm: AbstractAlgorithm, bounds: Bounds) -> _Attempt:
    """Predict a point, or the first bound on the way there."""
    direction, condition = algorithm.predict(here.tangent, secant)
    step = size * direction
    moving = step != 0.0
    room = np.where(step > 0.0, bounds.upper, bounds.lower) - here.point
    share = np.where(moving, room, np.inf) / np.where(moving, step, 1.0)
    first = int(np.argmin(share))
    if share[first] > 1.0:
        return _Attempt(here.point + step, condition, float(np.linalg.norm(step)), -1)
    step = max(share[first], 0.0) * step
    return _Attempt(here.point + step, np.eye(step.size)[first], float(np.linalg.norm(step)), first)


def _failure(control: StepControl, bounds: Bounds, here: Row, attempt: _Attempt, row: Row | None) -> Code | None:
    """Return why a point is refused: it was not found nearby and within bounds, or the tangent turned too much."""
    slack = 10.0 * control.tolerance
    if row is None or not bounds.hold(row.point, slack):
        return Code.NEWTON
    moved = np.linalg.norm(row.point - attempt.guess)
    if moved > 0.5 * attempt.reach + slack * (1.0 + np.max(np.abs(row.point))):
        return Code.NEWTON
    return Code.TURN if _angle(here, row) > control.angle else None


def _angle(here: Row, row: Row) -> float:
    return float(np.arccos(np.clip(here.tangent @ row.tangent, -1.0, 1.0)))


def _growth(control: StepControl, angle: float, iterations: int) -> float:
    """Return the factor on the step: more for an easy corrector, so much that the next turn is half of the limit."""
    ease = 2.0 ** ((4 - iterations) / 3.0)
    return float(np.clip(min(ease, 0.5 * control.angle / max(angle, 1e-12)), 0.5, 1.5))


def _passes(start: Row, before: Point, after: Point) -> bool:
    """Return whether the step from `before` to `after` runs through the start, as on a closed curve."""
    behind = start.tangent @ (before - start.point) < 0.0
    beyond = start.tangent @ (after - start.point) >= 0.0
    near = np.linalg.norm(after - start.point) <= np.linalg.norm(after - before)
    return bool(behind and beyond and near)
