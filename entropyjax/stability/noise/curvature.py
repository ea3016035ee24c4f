"""The curvature of the quasi-potential: at fixed points by Lyapunov's equation, between them by Riccati's."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from entropyjax.stability.noise.basis import Basis
from entropyjax.stability.noise.instanton import Instanton, inverted
from entropyjax.stability.noise.plane import Matrix, Plane, Point

_NEWTON = 30


def resting_curvature(plane: Plane, point: Point) -> Matrix:
    """Return Q = Hess V at a fixed point: Q = S^{-1} with B S + S B^T = -a and B = db/dz.

    At a stable point S is the covariance of the linearised fluctuations; at a saddle it has one negative direction.
    """
    slope, covariance = jax.jacfwd(plane.drift)(point), plane.covariance(point)
    (a, b), (c, d) = slope
    zero = jnp.zeros_like(a)
    equations = jnp.stack(
        [jnp.stack([2.0 * a, 2.0 * b, zero]), jnp.stack([c, a + d, b]), jnp.stack([zero, 2.0 * c, 2.0 * d])]
    )
    first, mixed, last = jnp.linalg.solve(equations, -covariance[jnp.array([0, 0, 1]), jnp.array([0, 1, 1])])
    return inverted(jnp.stack([jnp.stack([first, mixed]), jnp.stack([mixed, last])]))


def log_amplitude(plane: Plane, path: Instanton, basis: Basis) -> tuple[Any, Any]:
    """Return ln K at the saddle, where the stationary density is K exp(-V) near the instanton and K = 1 at its start.

    The transport equation of that form along dz/dt = b + a p, with H(z, p) = b.p + p.a p / 2, is

        d(ln K)/dt = -(tr H_zp + tr(a Q) / 2),      dQ/dt = -(H_zz + H_zp Q + Q H_pz + Q a Q),

    and Q z' = p' leaves one unknown in Q, its value w across the path, which is a polynomial that fulfils the equation
    at the nodes. Both ends are singular points of it, at which w is known.

    **Returns:** ln K, and whether Newton's method for w came to rest.
    """
    tangent, force = path.tangent, basis.derivative @ path.momentum
    normal = jnp.stack([-tangent[:, 1], tangent[:, 0]], -1)
    turning = basis.derivative @ normal
    hessians = jax.vmap(lambda z, p: _hessian(plane, z, p))(path.path, path.momentum)

    def across(at: int) -> Any:
        return normal[at] @ resting_curvature(plane, path.path[at]) @ normal[at]

    first, last = across(0), across(-1)

    def residual(w: Any, slope: Any, node: Any) -> Any:
        ((zz, zp), (pz, pp)), tangent, n, force, turn, pace = node
        q = _assemble(tangent, n, force, w)
        return pace * slope + n @ (zz + zp @ q + q @ pz + q @ pp @ q) @ n - 2.0 * pace * (n @ q @ turn)

    nodes = (hessians, tangent, normal, force, turning, path.pace)
    rule = jax.vmap(jax.value_and_grad(residual, (0, 1)))

    def newton(_: Any, state: Any) -> Any:
        w, _ = state
        value, (by_w, by_slope) = rule(w, basis.derivative @ w, nodes)
        matrix = jnp.diag(by_w) + by_slope[:, None] * basis.derivative
        move = jnp.pad(-jnp.linalg.solve(matrix[1:-1, 1:-1], value[1:-1]), 1)
        return w + move, jnp.max(jnp.abs(move))

    w = first + (last - first) * basis.nodes
    w, move = lax.fori_loop(0, _NEWTON, newton, (w, jnp.abs(first)))
    settled = move <= float(jnp.finfo(w.dtype).eps) ** 0.5 * jnp.max(jnp.abs(w))

    def loss(node: Any, w: Any) -> Any:
        ((_, zp), (_, pp)), tangent, n, force, _, pace = node
        return (jnp.trace(zp) + 0.5 * jnp.trace(pp @ _assemble(tangent, n, force, w))) / pace

    # At the ends it is 0 / 0, so the rule has no nodes there.
    return -basis.inner_weights @ jax.vmap(loss)(*jax.tree.map(lambda leaf: leaf[1:-1], (nodes, w))), settled


def _assemble(tangent: Any, normal: Any, force: Any, across: Any) -> Matrix:
    """Return the symmetric Q with Q tangent = force and normal.Q normal = across; the two are of equal length."""
    frame = jnp.stack([tangent, normal], -1) / (tangent @ tangent)
    mixed = normal @ force
    inner = jnp.stack([jnp.stack([tangent @ force, mixed]), jnp.stack([mixed, across])])
    return frame @ inner @ frame.T


def _hessian(plane: Plane, point: Point, momentum: Point) -> Any:
    """Return the second derivatives of H(z, p) = b.p + p.a p / 2, in blocks."""

    def hamiltonian(z: Any, p: Any) -> Any:
        return plane.drift(z) @ p + 0.5 * p @ plane.covariance(z) @ p

    return jax.hessian(hamiltonian, argnums=(0, 1))(point, momentum)
