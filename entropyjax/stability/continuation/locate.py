"""Where a test function vanishes between two points of a branch: a bracket, then the point's own equations."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from entropyjax.stability.continuation.curve import Curve
from entropyjax.stability.continuation.linear import last, null_vectors, tangent
from entropyjax.stability.continuation.newton import Solution, newton

Point = Float[Array, " size"]
_HALVINGS = 30
_ITERATIONS = 12


class Bracket(NamedTuple):
    """Where the sign changes: z and the tangent there, and the ends of the bracket as shares of the chord."""

    point: Point
    tangent: Point
    share: Float[Array, "2"]


@eqx.filter_jit
def bracket(
    curve: Curve,
    ends: tuple[Point, Point],
    reference: Array,
    test: tuple[Int[Array, ""], Bool[Array, ""]],
    tolerance: Float[Array, ""],
) -> Bracket:
    """Bisect the sign of a test function along the branch between two of its points.

    The point at the share r of the chord is where the branch meets the plane across it. A corrector that fails
    leaves its guess, so that the bracket stays one.

    **Arguments:** `test`: number of the test function, and whether it is positive at the first point.
    """
    begin, end = ends
    which, first = test
    chord = end - begin
    across = chord / jnp.linalg.norm(chord)

    def at(share: Array) -> tuple[Point, Point]:
        guess = begin + share * chord
        found = newton(
            lambda z: jnp.append(curve.equations(z, reference), across @ (z - guess)),
            guess,
            tolerance,
            jnp.asarray(_ITERATIONS),
        )
        point = jnp.where(found.converged, found.point, guess)
        return point, tangent(jax.jacfwd(curve.equations)(point, reference), across)

    def sign(share: Array) -> Array:
        point, along = at(share)
        return curve.tests(point, along, reference)[which] > 0.0

    def halve(_: Array, share: Array) -> Array:
        middle = jnp.mean(share)
        same = sign(middle) == first
        return jnp.where(same, share.at[0].set(middle), share.at[1].set(middle))

    share = lax.fori_loop(0, _HALVINGS, halve, jnp.asarray([0.0, 1.0]))
    return Bracket(*at(jnp.mean(share)), share)


@eqx.filter_jit
def solve_point(curve: Curve, guess: Point, reference: Array, tolerance: Float[Array, ""]) -> Solution:
    """Solve the square equations of a curve's system."""
    return newton(lambda z: curve.equations(z, reference), guess, tolerance, jnp.asarray(_ITERATIONS))


@eqx.filter_jit
def solve_test(
    curve: Curve, guess: Point, reference: Array, which: Int[Array, ""], tolerance: Float[Array, ""]
) -> Solution:
    """Solve the equations of a curve together with one of its test functions, smooth in z."""
    ahead = last(guess.size)

    def augmented(z: Point) -> Array:
        return jnp.append(curve.equations(z, reference), curve.tests(z, ahead, reference)[which])

    return newton(augmented, guess, tolerance, jnp.asarray(_ITERATIONS))


@eqx.filter_jit
def state_jacobian(curve: Curve, point: Point) -> Array:
    """Return F_y at a point of a curve."""
    _, theta = curve.split(point)
    return jax.jacfwd(curve.field)(point[: curve.n], theta)


@eqx.filter_jit
def start_tangent(curve: Curve, point: Point, reference: Array) -> tuple[Array, Array]:
    """Return the unit tangent at a point and the reference there, from the null space of G_z.

    The first parameter that changes at all does so upwards. It also serves where the bordered system has no
    tangent to go by.
    """
    fresh = curve.refresh(point, reference)
    along = null_vectors(jax.jacfwd(curve.equations)(point, fresh))[:, 0]
    return along, fresh
