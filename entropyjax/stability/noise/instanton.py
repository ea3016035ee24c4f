"""The instanton: the path of least action from a stable fixed point to a saddle."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from entropyjax.stability.noise.basis import Basis
from entropyjax.stability.noise.plane import Plane, Point

_ROUNDS = 80


class Instanton(NamedTuple):
    """The path of least action, at the nodes of a basis.

    **Attributes:**

    - `action`: the barrier dV of the quasi-potential, for noise of the strength that the plane has.
    - `path`: the points z, from the stable point to the saddle; `tangent`: dz/dr for r in [0, 1].
    - `momentum`: p = grad V; `pace`: dr/dt, at which the noise drives the path.
    - `converged`: whether Newton's method came to rest.
    """

    action: Any
    path: Any
    tangent: Any
    momentum: Any
    pace: Any
    converged: Any


def instanton(plane: Plane, basis: Basis) -> Instanton:
    """Return the path of least action from (0, 0) to (1, 1) (Heymann & Vanden-Eijnden, CPAM 61, 2008).

        S[z] = integral |z'|_A |b|_A - <z', b>_A,    <u, v>_A = u^T A v,   A = a^{-1},

    whose value does not depend on how a path is run through. Paths are z = (r + y, r - y) for r in [0, 1] with a
    polynomial y that vanishes at both ends, so the mean of the components never turns back on them.

    **Arguments:** `plane`: with a stable point at (0, 0) and a saddle at (1, 1); `basis`: by its degree the accuracy.
    """

    def action(inner: Float[Array, " inner"]) -> Any:
        path, tangent = _path(inner, basis.points, basis.values, basis.slopes)
        return basis.weights @ jax.vmap(lambda z, v: _cost(plane, z, v))(path, tangent)

    inner, converged = _minimise(action, _first(plane, action, basis.nodes[1:-1]))
    path, tangent = _path(inner, basis.nodes, jnp.eye(basis.nodes.shape[0], dtype=inner.dtype), basis.derivative)
    momentum, pace = jax.vmap(lambda z, v: _momentum(plane, z, v))(path, tangent)
    return Instanton(action(inner), path, tangent, momentum, pace, converged)


def _first(plane: Plane, action: Any, along: Any) -> Any:
    """Return the path to start from: the line, or that on which one component is at rest, whichever has least action.

    Where one component is much faster than the other, the path of least action is close to its nullcline.
    """
    reach = jnp.minimum(along, 1.0 - along)

    def nullcline(component: int) -> Any:
        def drift(swing: Any) -> Any:
            points = jnp.stack([along + swing, along - swing], -1)
            return jax.vmap(plane.drift)(points)[:, component]

        rises = drift(reach) > drift(-reach)

        def halve(_: Any, bracket: Any) -> Any:
            low, high = bracket
            middle = 0.5 * (low + high)
            below = (drift(middle) < 0.0) == rises
            return jnp.where(below, middle, low), jnp.where(below, high, middle)

        return lax.fori_loop(0, 30, halve, (-reach, reach))[0]

    candidates = jnp.stack([jnp.zeros_like(along), nullcline(0), nullcline(1)])
    return candidates[jnp.argmin(jax.vmap(action)(candidates))]


def _path(inner: Any, along: Any, values: Any, slopes: Any) -> tuple[Any, Any]:
    zero = jnp.zeros((1,), inner.dtype)
    bend = jnp.concatenate([zero, inner, zero])
    swing, turn = values @ bend, slopes @ bend
    return jnp.stack([along + swing, along - swing], -1), jnp.stack([1.0 + turn, 1.0 - turn], -1)


def _cost(plane: Plane, point: Point, tangent: Point) -> Any:
    drift, inverse = plane.drift(point), inverted(plane.covariance(point))
    pull, push = inverse @ drift, inverse @ tangent
    return jnp.sqrt(tangent @ push) * jnp.sqrt(drift @ pull) - tangent @ pull


def _momentum(plane: Plane, point: Point, tangent: Point) -> tuple[Any, Any]:
    """Return p = A (pace z' - b), and the pace, at which the Hamiltonian b.p + p.a p / 2 is 0."""
    drift, inverse = plane.drift(point), inverted(plane.covariance(point))
    pace = jnp.sqrt((drift @ inverse @ drift) / (tangent @ inverse @ tangent))
    return inverse @ (pace * tangent - drift), pace


def inverted(matrix: Float[Array, "2 2"]) -> Float[Array, "2 2"]:
    """Return the inverse of a 2 x 2 matrix."""
    (a, b), (c, d) = matrix
    return jnp.stack([jnp.stack([d, -b]), jnp.stack([-c, a])]) / (a * d - b * c)


def _minimise(function: Any, start: Any) -> tuple[Any, Any]:
    """Return the minimum of a function by Newton's method with Levenberg's damping, and whether it came to rest."""
    gradient = jax.grad(function)
    tolerance = 1e3 * float(jnp.finfo(start.dtype).eps)
    eye = jnp.eye(start.shape[0], dtype=start.dtype)

    def test(state: Any) -> Any:
        _, value, _, moving, count = state
        return moving & (count < _ROUNDS) & jnp.isfinite(value)

    def step(state: Any) -> Any:
        at, value, damping, _, count = state
        bend, slope = jax.jacfwd(lambda y: (gradient(y),) * 2, has_aux=True)(at)
        size = jnp.max(jnp.abs(jnp.diagonal(bend)))
        move = -jnp.linalg.solve(bend + damping * size * eye, slope)
        trial, expected = function(at + move), -0.5 * slope @ move
        # What rounding decides is no longer asked.
        done = (damping < 1e-6) & (jnp.abs(expected) <= tolerance * jnp.abs(value))
        better = done | (trial <= value + tolerance * jnp.abs(value))
        damping = jnp.where(better, 0.1 * damping, jnp.maximum(8.0 * damping, 1e-6))
        return jnp.where(better, at + move, at), jnp.where(better, trial, value), damping, ~done, count + 1

    first = jnp.asarray(1e-2, start.dtype)
    state = (start, function(start), first, jnp.asarray(True), jnp.zeros((), jnp.int32))
    at, value, _, moving, _ = lax.while_loop(test, step, state)
    return at, ~moving & jnp.isfinite(value)
