"""Escape from the focused fixed point by noise: barrier, prefactor and mean time in the limit of weak noise."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from entropyjax.models import AbstractModel
from entropyjax.params import cast
from entropyjax.results import Kind, Validity, describe
from entropyjax.stability.equilibria import Equilibria, equilibria
from entropyjax.stability.noise.basis import basis
from entropyjax.stability.noise.curvature import log_amplitude, resting_curvature
from entropyjax.stability.noise.instanton import instanton
from entropyjax.stability.noise.plane import Plane, Point, frozen, plane_of
from entropyjax.stability.rest import check_rest

DEGREE = 17
"""Degree of the polynomials: at the default parameters 13 agrees with 33 to ten digits of ln K and all of dV."""

LOW = 3.0
"""Barrier, in units of the noise, below which escapes are not rare."""

SHALLOW = 1.0
"""Barrier of the way back, in units of the noise, below which the saddle is not apart from the collapsed well."""


class Rate(eqx.Module):
    """Escape from a stable point past a saddle.

    **Attributes:**

    - `barrier`: dV, the least action; noise `k` times as strong has dV / k^2.
    - `log_amplitude`: ln K, what the density gains along the path besides exp(-V); 0 for a gradient in uniform noise.
    - `mean_time`: 1 / rate, in the time unit of the drift.
    - `converged`: whether both of Newton's methods came to rest.
    """

    barrier: Any
    log_amplitude: Any
    mean_time: Any
    converged: Any


class Escape(eqx.Module):
    """Escape of an orchestrator from its focused fixed point, at kappa = 0.

    **Attributes:**

    - `mean_time`: in steps until it is in the collapsed well; NaN where `status` says why there is none.
    - `barrier`: dV, with which the time grows as exp(dV); a pure number.
    - `recovery_time`, `recovery_barrier`: the same of the way back.
    - `status`: a `Validity` code.
    - `relaxation`: slowest time in steps on which it settles at the focused fixed point or falls off the saddle.
    - `focused`, `saddle`, `collapsed`: (x, c) in nat and ktok along a last axis.
    """

    mean_time: Any
    barrier: Any
    recovery_time: Any
    recovery_barrier: Any
    status: Any
    relaxation: Any
    focused: Any
    saddle: Any
    collapsed: Any

    def probability(self, horizon: Any) -> Any:
        """Return the probability 1 - exp(-T / tau) of an escape by T = `horizon` steps."""
        return -jnp.expm1(-horizon / self.mean_time)

    def __str__(self) -> str:
        if np.ndim(self.status):
            return f"Escape of {np.size(self.status)} parameter points; index them to print one."
        status = Validity(int(self.status))
        if not np.isfinite(float(self.mean_time)):
            return f"No escape time. {describe(status)}"
        places = (self.focused, self.saddle)
        start, top = (f"(x, c) = ({float(z[0]):.4g} nat, {float(z[1]):.4g} ktok)" for z in places)
        return (
            f"Mean escape time {float(self.mean_time):.4g} steps at kappa = 0; barrier dV = {float(self.barrier):.4g} "
            f"from {start} to {top}.\n{describe(status)}"
        )


def escape_rate(plane: Plane, start: Point, saddle: Point, *, degree: int = DEGREE) -> Rate:
    """Return the rate of escapes past a saddle, in Eyring and Kramers' form for irreversible diffusions.

        rate = lambda_+ / (2 pi) sqrt(det Q_start / |det Q_saddle|) K exp(-dV)

    with Q = Hess V, the unstable eigenvalue lambda_+ of the saddle and the amplitude K of the density there (Maier &
    Stein, SIAM J. Appl. Math. 57, 1997; Bouchet & Reygner, Ann. Henri Poincare 17, 2016, whose factor exp(-int F) is K
    for noise that does not depend on the state). It is the leading order for weak noise, with an error of order 1 / dV,
    and counts arrivals in the well beyond the saddle: of the paths that reach the separatrix, half return.

    **Arguments:** `plane`: any diffusion on the plane with a covariance that is nowhere singular; `start`, `saddle`:
    fixed points of it that differ in both components; `degree`: odd, of the polynomials.
    """
    span = saddle - start
    scaled = Plane(
        lambda z: plane.drift(start + span * z) / span,
        lambda z: plane.covariance(start + span * z) / (span[:, None] * span[None, :]),
    )
    parts = basis(degree, span.dtype)
    path = instanton(scaled, parts)
    amplitude, settled = log_amplitude(scaled, path, parts)
    zero, one = jnp.zeros_like(span), jnp.ones_like(span)
    first, last = (_determinant(resting_curvature(scaled, end)) for end in (zero, one))
    growth = _unstable(jax.jacfwd(scaled.drift)(one))
    rate = growth / (2.0 * jnp.pi) * jnp.sqrt(jnp.abs(first / last)) * jnp.exp(amplitude - path.action)
    return Rate(path.action, amplitude, 1.0 / rate, path.converged & settled)


def escape(model: AbstractModel, params: Any, *, dtype: Any = None) -> Escape:
    """Return the mean time in which noise takes an orchestrator from its focused fixed point to the collapsed one.

    The noise is that of the Langevin form, on focus and context; progress is held at s(0), whatever kappa is, because a
    task that is resolved in time hides the collapse. Batch it with `jax.vmap` and compile it with `jax.jit`.

    **Arguments:** `model`: an orchestrator with one gap x and one context; `dtype`: by default JAX's own.

    **Raises:** `NoiseError` for a model with more than one focus or context, `RestError` for one that has no focus to
    rest.
    """
    check_rest(model)
    params = cast(frozen(params), jnp.result_type(float) if dtype is None else jnp.dtype(dtype))
    plane = plane_of(model, params)
    found = equilibria(model, params, dtype=dtype)
    focused, saddle, collapsed = jnp.stack([found.state.focus, found.state.context], axis=-1)[:3]
    starts = jnp.stack([focused, collapsed])
    rate = jax.vmap(lambda start: escape_rate(plane, start, saddle))(starts)
    status = _status(found, jax.vmap(plane.covariance)(starts), rate)
    known = status <= Validity.SHALLOW_WELL
    time, barrier = (jnp.where(known, value, jnp.nan) for value in (rate.mean_time, rate.barrier))
    slowest = jnp.min(jnp.abs(jnp.real(found.spectrum.pair[:2])))
    return Escape(time[0], barrier[0], time[1], barrier[1], status, 1.0 / slowest, focused, saddle, collapsed)


def _status(found: Equilibria, covariances: Any, rate: Rate) -> Any:
    """Return a `Validity` code; `rate` holds that of the escape and that of the way back."""
    code = jnp.where(rate.barrier[1] < SHALLOW, Validity.SHALLOW_WELL, Validity.VALID)
    code = jnp.where(rate.barrier[0] < LOW, Validity.LOW_BARRIER, code)
    code = jnp.where(jnp.all(rate.converged & jnp.isfinite(rate.mean_time)), code, Validity.NOT_CONVERGED)
    code = jnp.where(jnp.any(found.kind == Kind.STABLE_SPIRAL), Validity.SPIRAL, code)
    code = jnp.where(jnp.all(jax.vmap(_determinant)(covariances) > 0.0), code, Validity.NO_NOISE)
    # A third stable fixed point would make the collapsed well another one.
    return jnp.where(found.count == 3, code, Validity.NO_SADDLE).astype(jnp.int32)


def _determinant(matrix: Any) -> Any:
    return matrix[0, 0] * matrix[1, 1] - matrix[0, 1] * matrix[1, 0]


def _unstable(matrix: Any) -> Any:
    """Return the positive eigenvalue of a 2 x 2 matrix with negative determinant."""
    half = 0.5 * (matrix[0, 0] + matrix[1, 1])
    root = jnp.sqrt(half**2 - _determinant(matrix))
    # For a negative trace the sum would cancel.
    return jnp.where(half > 0.0, half + root, -_determinant(matrix) / (root - half))
