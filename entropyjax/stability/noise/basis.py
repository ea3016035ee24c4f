"""Polynomials on [0, 1] by their values at Chebyshev's points, and Gauss's rule for what is made of them."""

import functools
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np


class Basis(NamedTuple):
    """Polynomials of degree M through their values at M + 1 `nodes`, 0 and 1 included.

    **Attributes:**

    - `values`, `slopes`: matrices from nodal values to values and derivatives at the quadrature `points`.
    - `weights`: of Gauss's rule at the `points`.
    - `derivative`, `integral`: matrices to the derivatives and to the integrals from 0 at the nodes.
    - `inner_weights`: of Fejer's second rule, at the nodes without 0 and 1.
    """

    nodes: Any
    derivative: Any
    points: Any
    weights: Any
    values: Any
    slopes: Any
    integral: Any
    inner_weights: Any


@functools.cache
def _basis(degree: int, count: int) -> Basis:
    order = np.arange(degree + 1)
    nodes = 0.5 * (1.0 - np.cos(np.pi * order / degree))
    weight = (-1.0) ** order * np.where((order == 0) | (order == degree), 0.5, 1.0)
    gap = nodes[:, None] - nodes[None, :] + np.eye(degree + 1)
    derivative = weight[None, :] / weight[:, None] / gap
    np.fill_diagonal(derivative, 0.0)
    # The derivative of a constant is 0, which gives the diagonal its best rounding.
    np.fill_diagonal(derivative, -derivative.sum(1))
    root, gauss = np.polynomial.legendre.leggauss(count)
    points = 0.5 * (1.0 + root)
    within = nodes[1:, None] * points
    integral = nodes[1:, None] * np.einsum("g,kgj->kj", 0.5 * gauss, _interpolation(nodes, weight, within))
    values = _interpolation(nodes, weight, points)
    integral = np.concatenate([np.zeros((1, degree + 1)), integral])
    # The polynomials through the inner nodes alone.
    inside = weight[1:-1] * np.sin(np.pi * order[1:-1] / degree) ** 2
    inner_weights = 0.5 * gauss @ _interpolation(nodes[1:-1], inside, points)
    return Basis(nodes, derivative, points, 0.5 * gauss, values, values @ derivative, integral, inner_weights)


def _interpolation(nodes: np.ndarray, weight: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return the values of Lagrange's polynomials at `points` none of which is a node."""
    share = weight / (points[..., None] - nodes)
    return share / share.sum(-1, keepdims=True)


def basis(degree: int, dtype: Any, count: int | None = None) -> Basis:
    """Return the basis of a degree with `count` quadrature points, by default twice as many as there are nodes.

    Barycentric interpolation (Berrut & Trefethen, SIAM Review 46, 2004) keeps it stable at every degree.
    """
    # An odd degree and an even count: no quadrature point falls on a node.
    found = _basis(degree, 2 * (degree + 1) if count is None else count)
    return Basis(*(jnp.asarray(part, dtype) for part in found))
