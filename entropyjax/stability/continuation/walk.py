"""The walk along a curve in one direction, as one compiled loop."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from entropyjax.stability.continuation.algorithm import AbstractAlgorithm, StepControl
from entropyjax.stability.continuation.curve import Curve
from entropyjax.stability.continuation.linear import tangent
from entropyjax.stability.continuation.newton import Solution, newton
from entropyjax.stability.continuation.trace import Code, Row, Trace, append, begin

Point = Float[Array, " size"]
Scalar = Float[Array, ""]


class Start(NamedTuple):
    """Where a walk starts: a point of the curve, the unit tangent, and the reference."""

    point: Point
    tangent: Point
    reference: Float[Array, " n"]


class Bounds(NamedTuple):
    """Lower and upper bounds of z."""

    lower: Point
    upper: Point


class _State(NamedTuple):
    row: Row
    secant: Point
    size: Scalar
    trace: Trace


class _Attempt(NamedTuple):
    """A predictor, the condition of its corrector, its distance, and whether it lands on a bound."""

    guess: Point
    condition: Point
    reach: Scalar
    landing: Bool[Array, ""]
    coordinate: Int[Array, ""]


class _Verdict(NamedTuple):
    """Whether a point is accepted, the size of the next step, and the code."""

    accepted: Bool[Array, ""]
    size: Scalar
    code: Int[Array, ""]


@eqx.filter_jit
def walk(curve: Curve, algorithm: AbstractAlgorithm, control: StepControl, bounds: Bounds, start: Start) -> Trace:
    """Follow a curve from a point of it until a bound, the start, or the end of what the corrector can do."""
    zero = jnp.zeros(())
    first = Row(*start, zero, jnp.zeros((), jnp.int64), jnp.max(jnp.abs(curve.equations(start.point, start.reference))))
    state = _State(first, start.tangent, control.initial, begin(first, control.points))

    def advance(state: _State) -> _State:
        attempt = _predict(state, algorithm, bounds)
        found = _correct(curve, control, state, attempt)
        reference = curve.refresh(found.point, state.row.reference)
        turned = tangent(jax.jacfwd(curve.equations)(found.point, state.row.reference), state.row.tangent)
        row = Row(found.point, turned, reference, attempt.reach, found.iterations, found.residual)
        verdict = _judge(control, bounds, state, attempt, found, turned)
        closed = _passes(start, state.row.point, row.point) & (state.trace.count > 2) & verdict.accepted
        row = row._replace(point=jnp.where(closed, start.point, row.point))
        full = verdict.accepted & (state.trace.count + 1 >= control.points) & (verdict.code == Code.RUNNING)
        code = jnp.where(closed, Code.CLOSED, jnp.where(full, Code.POINTS, verdict.code))
        trace = append(state.trace, row, verdict.accepted, code, attempt.coordinate)
        kept = jax.tree.map(lambda new, old: jnp.where(verdict.accepted, new, old), row, state.row)
        secant = jnp.where(verdict.accepted, row.point - state.row.point, state.secant)
        return _State(kept, secant, verdict.size, trace)

    return lax.while_loop(lambda state: state.trace.code == Code.RUNNING, advance, state).trace


def _predict(state: _State, algorithm: AbstractAlgorithm, bounds: Bounds) -> _Attempt:
    """Predict a point, or the first bound on the way there."""
    direction, condition = algorithm.predict(state.row.tangent, state.secant)
    step = state.size * direction
    room = jnp.where(step > 0.0, bounds.upper, bounds.lower) - state.row.point
    share = jnp.where(step == 0.0, jnp.inf, room / jnp.where(step == 0.0, 1.0, step))
    coordinate = jnp.argmin(share)
    landing = share[coordinate] <= 1.0
    step = jnp.where(landing, jnp.maximum(share[coordinate], 0.0), 1.0) * step
    axis = jnp.zeros_like(step).at[coordinate].set(1.0)
    guess = state.row.point + step
    return _Attempt(guess, jnp.where(landing, axis, condition), jnp.linalg.norm(step), landing, coordinate)


def _correct(curve: Curve, control: StepControl, state: _State, attempt: _Attempt) -> Solution:
    def bordered(z: Point) -> Array:
        return jnp.append(curve.equations(z, state.row.reference), attempt.condition @ (z - attempt.guess))

    return newton(bordered, attempt.guess, control.tolerance, jnp.asarray(control.iterations))


def _judge(
    control: StepControl, bounds: Bounds, state: _State, attempt: _Attempt, found: Solution, turned: Point
) -> _Verdict:
    """Accept a point that the corrector reached nearby, within bounds, with a tangent that turned little."""
    slack = 10.0 * control.tolerance * (1.0 + jnp.abs(found.point))
    inside = ((found.point >= bounds.lower - slack) & (found.point <= bounds.upper + slack)).all()
    nearby = jnp.linalg.norm(found.point - attempt.guess) <= 0.5 * attempt.reach + jnp.max(slack)
    angle = jnp.arccos(jnp.clip(turned @ state.row.tangent, -1.0, 1.0))
    steady = found.converged & inside & nearby & jnp.isfinite(turned).all()
    arrived = attempt.landing & (attempt.reach <= control.minimum)
    accepted = steady & (angle <= control.angle) & ~arrived
    ease = jnp.exp2((4.0 - found.iterations.astype(angle.dtype)) / 3.0)
    growth = jnp.clip(jnp.minimum(ease, 0.5 * control.angle / jnp.maximum(angle, 1e-12)), 0.5, 1.5)
    size = jnp.minimum(jnp.where(accepted, growth, 0.5) * state.size, control.maximum)
    stuck = ~accepted & (size < control.minimum)
    code = jnp.where(stuck, jnp.where(steady, Code.TURN, Code.NEWTON), Code.RUNNING)
    code = jnp.where(arrived | (accepted & attempt.landing), Code.BOUND, code)
    return _Verdict(accepted, jnp.maximum(size, control.minimum), code)


def _passes(start: Start, before: Point, after: Point) -> Array:
    """Return whether the step from `before` to `after` runs through the start, as on a closed curve."""
    behind = start.tangent @ (before - start.point) < 0.0
    beyond = start.tangent @ (after - start.point) >= 0.0
    near = jnp.linalg.norm(after - start.point) <= jnp.linalg.norm(after - before)
    return behind & beyond & near
