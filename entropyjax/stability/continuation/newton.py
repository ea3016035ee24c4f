"""Newton's method on a square system, in compiled code."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

Vector = Float[Array, " n"]


class Solution(NamedTuple):
    """Where Newton's method ended: the point, the largest residual there, the iterations, and whether it converged."""

    point: Vector
    residual: Float[Array, ""]
    iterations: Int[Array, ""]
    converged: Bool[Array, ""]


class _State(NamedTuple):
    point: Vector
    value: Vector
    jacobian: Float[Array, "n n"]
    step: Float[Array, ""]
    iterations: Int[Array, ""]


def newton(
    function: Callable[[Vector], Vector], guess: Vector, tolerance: Float[Array, ""], iterations: Int[Array, ""]
) -> Solution:
    """Solve function(z) = 0 from a guess.

    It has converged once the last step and the residual are within `tolerance` (of 1 + max |z|, and of 1): the
    step before the last one then had an error of about its square root.
    """

    def evaluate(point: Vector) -> tuple[Vector, Array]:
        jacobian, value = jax.jacfwd(lambda z: (function(z),) * 2, has_aux=True)(point)
        return value, jacobian

    def done(state: _State) -> Array:
        small = state.step <= tolerance * (1.0 + jnp.max(jnp.abs(state.point)))
        return small & (jnp.max(jnp.abs(state.value)) <= tolerance)

    def running(state: _State) -> Array:
        return ~done(state) & (state.iterations < iterations) & jnp.isfinite(state.value).all()

    def improve(state: _State) -> _State:
        step = jnp.linalg.solve(state.jacobian, -state.value)
        point = state.point + step
        return _State(point, *evaluate(point), jnp.max(jnp.abs(step)), state.iterations + 1)

    start = _State(guess, *evaluate(guess), jnp.asarray(jnp.inf), jnp.zeros_like(iterations))
    end = lax.while_loop(running, improve, start)
    return Solution(end.point, jnp.max(jnp.abs(end.value)), end.iterations, done(end))
