"""Mean escape times from the backward equation on a grid: no path, no action and no ensemble."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy.interpolate import RegularGridInterpolator
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import eigs, spsolve


def mean_time(plane, start, target, upper, counts):
    """The mean time from `start` until the first component is at `target`, from L T = -1 with `generator`."""
    axes, matrix = generator(plane, target, upper, counts)
    times = spsolve(matrix, -np.ones(matrix.shape[0])).reshape(counts)
    return float(RegularGridInterpolator(axes, times)(np.asarray(start))[0])


def slowest_time(plane, target, upper, counts):
    """1 / the constant rate of arrivals at `target` once the start is forgotten: the slowest mode of `generator`."""
    _, matrix = generator(plane, target, upper, counts)
    (value,) = eigs(matrix, k=1, sigma=0.0, v0=np.ones(matrix.shape[0]), return_eigenvectors=False)
    return float(-1.0 / value.real)


def generator(plane, target, upper, counts):
    """The generator L as the rates of a jump process on a grid that leaves at `target`.

    Reflected at `upper` and at c = 0; exponentially fitted (Scharfetter & Gummel 1969), for noise without correlation.
    Errors are of second order in the spacing.
    """
    focus = np.linspace(target, upper[0], counts[0] + 1)[1:]
    context = np.linspace(0.0, upper[1], counts[1])
    points = jnp.stack([jnp.asarray(axis.ravel()) for axis in np.meshgrid(focus, context, indexing="ij")], -1)
    drift = np.asarray(jax.vmap(plane.drift)(points)).reshape(*counts, 2)
    spread = np.asarray(jax.vmap(lambda z: jnp.diag(plane.covariance(z)))(points)).reshape(*counts, 2) / 2.0
    number = np.arange(counts[0] * counts[1]).reshape(counts)
    rows, columns, rates, leaving = [], [], [], np.zeros(counts)
    for axis, step in ((0, focus[1] - focus[0]), (1, context[1] - context[0])):
        for way in (1, -1):
            peclet = -way * drift[..., axis] * step / spread[..., axis]
            rate = spread[..., axis] / step**2 * np.where(peclet == 0.0, 1.0, peclet / np.expm1(peclet))
            inner = [slice(None), slice(None)]
            inner[axis] = slice(None, -1) if way == 1 else slice(1, None)
            there = [slice(None), slice(None)]
            there[axis] = slice(1, None) if way == 1 else slice(None, -1)
            rows.append(number[tuple(inner)].ravel())
            columns.append(number[tuple(there)].ravel())
            rates.append(rate[tuple(inner)].ravel())
            # Towards the target nothing is reflected.
            open_end = (axis, way) == (0, -1)
            leaving[(slice(None),) * 2 if open_end else tuple(inner)] += rate[
                (slice(None),) * 2 if open_end else tuple(inner)
            ]
    rows, columns = ([*part, number.ravel()] for part in (rows, columns))
    rates.append(-leaving.ravel())
    entries = (np.concatenate(rates), (np.concatenate(rows), np.concatenate(columns)))
    return (focus, context), csc_matrix(entries, shape=(number.size,) * 2)
