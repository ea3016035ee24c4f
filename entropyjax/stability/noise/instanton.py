"""The instanton: the path of least action from a stable fixed point to a saddle."""

from collections.abc import Callable
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
    values, slopes = basis.values[:, 1:-1], basis.slopes[:, 1:-1]

    def action(inner: Float[Array, " inner"]) -> Quadratic:
        here = jnp.stack([values @ inner, slopes @ inner], -1)
        # y enters by its value and slope at each point, so 2 x 2 derivatives there make up the whole of them.
        cost, (slope, bend) = jax.vmap(lambda r, at: _cost_and_derivatives(plane, r, at))(basis.points, here)
        rows, weights = jnp.stack([values, slopes], 1), basis.weights
        return Quadratic(
            weights @ cost,
            jnp.einsum("g,gi,gij->j", weights, slope, rows),
            jnp.einsum("g,gij,gik,gjl->kl", weights, bend, rows, rows),
        )

    inner, least, converged = _minimise(action, _first(plane, basis, basis.nodes[1:-1]))
    bend = jnp.pad(inner, 1)
    here = jnp.stack([bend, basis.derivative @ bend], -1)
    path, tangent = jax.vmap(_place)(basis.nodes, here)
    momentum, pace = jax.vmap(lambda z, v: _momentum(plane, z, v))(path, tangent)
    return Instanton(least, path, tangent, momentum, pace, converged)


class Quadratic(NamedTuple):
    """A function to second order: its value, gradient and Hessian."""

    value: Any
    gradient: Any
    hessian: Any


def _place(along: Any, here: Any) -> tuple[Point, Point]:
    """Return z and dz/dr where y and dy/dr are `here`."""
    swing, turn = here
    return jnp.stack([along + swing, along - swing]), jnp.stack([1.0 + turn, 1.0 - turn])


def _cost(plane: Plane, along: Any, here: Any) -> Any:
    point, tangent = _place(along, here)
    drift, inverse = plane.drift(point), inverted(plane.covariance(point))
    pull, push = inverse @ drift, inverse @ tangent
    return jnp.sqrt(tangent @ push) * jnp.sqrt(drift @ pull) - tangent @ pull


def _cost_and_derivatives(plane: Plane, along: Any, here: Any) -> tuple[Any, tuple[Any, Any]]:
    def gradient(at: Any) -> tuple[Any, Any]:
        value, slope = jax.value_and_grad(lambda at: _cost(plane, along, at))(at)
        return slope, (value, slope)

    bend, (value, slope) = jax.jacfwd(gradient, has_aux=True)(here)
    return value, (slope, bend)


def _first(plane: Plane, basis: Basis, along: Any) -> Any:
    """Return y to start from: 0, or that where one component is at rest if the path along it has less action.

    Where one component is much faster than the other, the path of least action is close to its nullcline.
    """

    def drift(swing: Any) -> Any:
        points = jnp.stack([along[None] + swing, along[None] - swing], -1)
        return jnp.diagonal(jax.vmap(jax.vmap(plane.drift))(points), axis1=0, axis2=2).T

    reach = jnp.stack([jnp.minimum(along, 1.0 - along)] * 2)
    rises = drift(reach) > drift(-reach)

    def halve(_: Any, bracket: Any) -> Any:
        low, high = bracket
        middle = 0.5 * (low + high)
        below = (drift(middle) < 0.0) == rises
        return jnp.where(below, middle, low), jnp.where(below, high, middle)

    nullclines = lax.fori_loop(0, 30, halve, (-reach, reach))[0]
    candidates = jnp.pad(nullclines, ((1, 0), (0, 0)))

    def action(inner: Any) -> Any:
        here = jnp.stack([basis.values[:, 1:-1] @ inner, basis.slopes[:, 1:-1] @ inner], -1)
        return basis.weights @ jax.vmap(lambda r, at: _cost(plane, r, at))(basis.points, here)

    return candidates[jnp.argmin(lax.map(action, candidates))]


def _momentum(plane: Plane, point: Point, tangent: Point) -> tuple[Any, Any]:
    """Return p = A (pace z' - b), and the pace, at which the Hamiltonian b.p + p.a p / 2 is 0."""
    drift, inverse = plane.drift(point), inverted(plane.covariance(point))
    pace = jnp.sqrt((drift @ inverse @ drift) / (tangent @ inverse @ tangent))
    return inverse @ (pace * tangent - drift), pace


def inverted(matrix: Float[Array, "2 2"]) -> Float[Array, "2 2"]:
    """Return the inverse of a 2 x 2 matrix."""
    (a, b), (c, d) = matrix
    return jnp.stack([jnp.stack([d, -b]), jnp.stack([-c, a])]) / (a * d - b * c)


def _minimise(function: Callable[[Any], Quadratic], start: Any) -> tuple[Any, Any, Any]:
    """Return where a function is least, its value, and whether Newton's method with damping came to rest."""
    tolerance = 1e3 * float(jnp.finfo(start.dtype).eps)
    eye = jnp.eye(start.shape[0], dtype=start.dtype)

    def test(state: Any) -> Any:
        _, near, _, moving, count = state
        return moving & (count < _ROUNDS) & ~jnp.isnan(near.value)

    def step(state: Any) -> Any:
        at, near, damping, _, count = state
        size = jnp.max(jnp.abs(jnp.diagonal(near.hessian)))
        move = -jnp.linalg.solve(near.hessian + damping * size * eye, near.gradient)
        trial, expected = function(at + move), -0.5 * near.gradient @ move
        slack = tolerance * jnp.abs(near.value)
        # What rounding decides is no longer asked.
        done = (damping < 1e-6) & (jnp.abs(expected) <= slack)
        better = done | ~(trial.value > near.value + slack)
        damping = jnp.where(better, 0.1 * damping, jnp.maximum(8.0 * damping, 1e-6))
        at, near = jax.tree.map(lambda new, old: jnp.where(better, new, old), (at + move, trial), (at, near))
        return at, near, damping, ~done, count + 1

    # The first round goes nowhere and finds the value.
    one = jnp.ones((), start.dtype)
    unknown = Quadratic(jnp.inf * one, 0.0 * start, eye)
    state = (start, unknown, 1e-2 * one, jnp.asarray(True), jnp.zeros((), jnp.int32))
    at, near, _, moving, _ = lax.while_loop(test, step, state)
    return at, near.value, ~moving & jnp.isfinite(near.value)
