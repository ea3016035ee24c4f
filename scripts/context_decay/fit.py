"""The attention-dilution curve and its least-squares fit.

    accuracy(length) = A / (1 + (length / (eta W))^n)        percent; length and W in ktok

is the model's attention m = 1 / (1 + L^n) times a ceiling A, with the benchmark's length standing for the
whole load. W is the nominal window and is given; A in [0, 100], eta > 0 and n > 0 are fitted. eta W is the
length at which half of the attention is left; it lies beyond the window where eta is above 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from context_decay.tables import Array, Table

NAMES = ("ceiling", "effective_fraction", "dilution_order")
# A's bounds mean something; eta and n are positive, and n stops where its power would overflow.
LOWER = np.array([0.0, 1e-6, 1e-6])
UPPER = np.array([100.0, np.inf, 50.0])


def accuracy(length: Array, window: float, values: Array) -> Array:
    """A / (1 + (length / (eta W))^n), percent, at values = (A, eta, n)."""
    ceiling, fraction, order = values
    return np.asarray(ceiling / (1.0 + (length / (fraction * window)) ** order))


def accuracy_jacobian(length: Array, window: float, values: Array) -> Array:
    """Derivatives of `accuracy` with respect to (A, eta, n), one row per length."""
    ceiling, fraction, order = values
    load = length / (fraction * window)
    attention = 1.0 / (1.0 + load**order)
    slope = ceiling * attention * (1.0 - attention)
    return np.stack([attention, slope * order / fraction, -slope * np.log(load)], axis=-1)


@dataclass(frozen=True)
class CurveFit:
    """A fit over (A, eta, n); `residuals` are measured minus fitted, percent. nan: no standard error."""

    values: Array
    standard_errors: Array
    on_bound: tuple[bool, ...]
    estimated: tuple[bool, ...]
    residuals: Array

    @property
    def degrees_of_freedom(self) -> int:
        """Points minus estimated parameters; one that ended on a bound was estimated too and counts."""
        return len(self.residuals) - sum(self.estimated)

    @property
    def rmse(self) -> float:
        return float(np.sqrt(np.mean(self.residuals**2)))


def fit_curve(points: Array, window: float, order: float | None = None) -> CurveFit:
    """Least squares in (A, eta, n), or in (A, eta) at a given n, from several starts; the best end counts."""
    length, measured = points.T
    estimated = np.array([True, True, order is None])
    if len(points) < estimated.sum():
        raise ValueError(f"{len(points)} points cannot determine {estimated.sum()} parameters: add points or give n")

    def full(free: Array) -> Array:
        return free if order is None else np.append(free, order)

    ends = [
        least_squares(
            lambda free: accuracy(length, window, full(free)) - measured,
            np.array([min(1.02 * measured.max(), 99.0), fraction, start_order])[estimated],
            jac=lambda free: accuracy_jacobian(length, window, full(free))[:, estimated],
            bounds=(LOWER[estimated], UPPER[estimated]),
            method="dogbox",  # its iterates may lie on a bound, so a bound that holds is hit exactly
            xtol=1e-15,
            ftol=1e-15,
            gtol=1e-15,
            max_nfev=500,
        )
        for fraction in (0.05, 0.3, 0.9)
        for start_order in ((0.7, 1.5, 3.0) if order is None else (order,))
    ]
    values = full(min(ends, key=lambda end: float(end.cost)).x)
    residuals = measured - accuracy(length, window, values)
    on_bound = estimated & ((values <= LOWER) | (values >= UPPER))
    inside = np.flatnonzero(estimated & ~on_bound)
    errors = np.full(3, np.nan)
    if freedom := len(points) - estimated.sum():  # from s^2 (J^T J)^-1 over the parameters inside the bounds
        block = accuracy_jacobian(length, window, values)[:, inside]
        covariance = np.linalg.inv(block.T @ block) * (residuals @ residuals) / freedom
        errors[inside] = np.sqrt(np.diag(covariance))
    return CurveFit(values, errors, tuple(on_bound.tolist()), tuple(estimated.tolist()), residuals)


def fit_tables(tables: Mapping[str, Table]) -> dict[str, CurveFit]:
    """Fits by key: first the tables with n free, then those that take n from one of them."""
    fits: dict[str, CurveFit] = {}
    for key, table in sorted(tables.items(), key=lambda item: item[1].order_from is not None):
        order = None if table.order_from is None else float(fits[table.order_from].values[2])
        fits[key] = fit_curve(table.points, table.context_window, order)
    return fits
