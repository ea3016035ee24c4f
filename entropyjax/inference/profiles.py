"""Profile likelihoods: how well the data can be met with a parameter held at each value."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from entropyjax.inference.errors import InferenceError
from entropyjax.inference.fit import Fit
from entropyjax.inference.lens import Lens, lenses
from entropyjax.inference.optimise import NEAR, Maximum, Options, maximise
from entropyjax.inference.problem import Problem
from entropyjax.inference.profile import Profile, between, profile_of
from entropyjax.params import nearest

REACH = 4.0
"""How far profiles go, in standard deviations: of the posterior about the fit, and of the prior about its middle."""

_POINTS = 41

_Ends = tuple[Float[np.ndarray, "labels points size"], Float[np.ndarray, "labels points"]]
"""Scores at each place, and what is maximal there."""


def profiles(
    fit: Fit,
    labels: Sequence[str] | None = None,
    level: float = 0.9,
    *,
    prior: bool = False,
    points: int = _POINTS,
    options: Options = NEAR,
) -> tuple[Profile, ...]:
    """Return the profile likelihood of free values, all of their points maximised side by side.

    **Arguments:**

    - `labels`: of free values, by default all.
    - `level`: of the interval, where twice the fall from the top is chi-square's of one degree of freedom.
    - `prior`: whether the value's own prior counts. Without it the profile is what the data say of the value, the
      priors of the others given, and it may be open.
    - `points`: of each profile.

    **Raises:** `InferenceError` for an unknown label, fewer than 5 points, or a composite likelihood.
    """
    layout = fit.problem.layout
    labels = layout.labels if labels is None else tuple(labels)
    _check(fit.problem, labels, points, level)
    supports = [block.spec.support for block in layout.blocks for _ in block.levels]
    chosen = [layout.labels.index(label) for label in labels]
    every = lenses(layout)
    grids = np.array([_grid(fit, every[one], points) for one in chosen])
    lens = Lens(*(np.repeat(np.array(column), points) for column in zip(*(every[one] for one in chosen), strict=True)))
    ends, found = _maximised(fit, lens, grids, prior, options)
    finer = np.array([between(*one, level) for one in zip(grids, found, strict=True)])
    starts = np.array([_nearest(*one) for one in zip(finer, grids, found, ends, strict=True)])
    more = _once(fit, lens, finer, starts, prior, options)[1]
    return tuple(
        profile_of(label, supports[one], np.concatenate(places), np.concatenate(log_likelihood), level)
        for label, one, *places, log_likelihood in zip(
            labels, chosen, grids, finer, zip(found, more, strict=True), strict=True
        )
    )


def _check(problem: Problem, labels: Sequence[str], points: int, level: float) -> None:
    for label in labels:
        if label not in problem.layout.labels:
            raise InferenceError(f"'{label}' is not free in this fit; {nearest(label, problem.layout.labels)}")
    if points < 5 or not 0.0 < level < 1.0:
        raise InferenceError(
            f"A profile of {points} points at the level {level:g} gives no interval; take 5 points or more and a level "
            "between 0 and 1."
        )
    if problem.composite:
        raise InferenceError(
            "The likelihood is a composite one, of which twice the fall is no chi-square; take the posterior 'godambe'."
        )


def _grid(fit: Fit, lens: Lens, points: int) -> Float[np.ndarray, " points"]:
    """Return places about the fit and over the prior, on the unconstrained scale: half of the points each."""
    at, width = lens.place(fit.scores), lens.scale(fit.scores)
    near = width * min(np.sqrt(max(_covariance(fit)[lens.own, lens.own], 1e-12)), 1.0)
    wide = np.hypot(lens.sd, width)
    around = at + near * np.linspace(-REACH, REACH, points - points // 2)
    return np.sort(np.concatenate([around, lens.middle + wide * np.linspace(-REACH, REACH, points // 2)]))


def _covariance(fit: Fit) -> Float[np.ndarray, "size size"]:
    return np.linalg.pinv(0.5 * (fit.hessian + fit.hessian.T), hermitian=True)


def _maximised(fit: Fit, lens: Lens, grids: Float[np.ndarray, "labels points"], prior: bool, options: Options) -> _Ends:
    """Return the maximum at each place of each grid, started from Laplace's guess and then from a neighbour's."""
    ends, best = _once(fit, lens, grids, _guess(fit, lens, grids), prior, options)
    again, value = _once(fit, lens, grids, _of_better_neighbours(ends, best), prior, options)
    return np.where((value > best)[..., None], again, ends), np.maximum(value, best)


def _once(fit: Fit, lens: Lens, grids: np.ndarray, starts: np.ndarray, prior: bool, options: Options) -> _Ends:
    problem, dtype = fit.problem, jnp.result_type(float)
    one = jax.vmap(_at(problem, options), (0, 0, 0, None, None))
    run = problem.compiled.setdefault(("profiles", options), jax.jit(one))
    held = Lens(*(jnp.asarray(leaf, dtype if leaf.dtype.kind == "f" else None) for leaf in lens))
    flat = jnp.asarray(starts.reshape(grids.size, -1), dtype)
    counted = jnp.asarray(float(prior), dtype)
    found: Maximum = run(flat, jnp.asarray(grids.ravel(), dtype), held, problem.terms, counted)
    value = np.asarray(found.log_posterior).reshape(grids.shape)
    return np.asarray(found.scores).reshape(starts.shape), np.where(np.isfinite(value), value, -np.inf)


def _at(problem: Problem, options: Options) -> Any:
    """Return the function that maximises with one value held, whose prior counts as often as it is told."""

    def one(start: Array, place: Array, lens: Lens, terms: Any, prior: Array) -> Maximum:
        own = jnp.arange(len(start)) == lens.own

        def entries(scores: Array) -> Array:
            # The held score leaves the vector; what stands in its place is drawn to 0 by its prior alone.
            held = lens.score(place, scores)
            found = problem.log_likelihoods(jnp.where(own, held, scores), terms)
            return jnp.append(found, -0.5 * prior * held**2)

        return maximise(entries, jnp.where(own, 0.0, start), options)

    return one


def _guess(fit: Fit, lens: Lens, grids: np.ndarray) -> Float[np.ndarray, "labels points size"]:
    """Return the scores at which a normal posterior would have its maximum, given the one that is held."""
    covariance, own = _covariance(fit), lens.own
    held = lens.score(grids.ravel(), fit.scores)
    slope = covariance[own] / covariance[own, own][:, None]
    moved = fit.scores + slope * (held - fit.scores[own])[:, None]
    return np.clip(moved, -REACH, REACH).reshape(*grids.shape, -1)


def _of_better_neighbours(ends: np.ndarray, best: np.ndarray) -> np.ndarray:
    """Return for each place the end of that neighbour which is nearer to the top."""
    padded = np.pad(best, ((0, 0), (1, 1)), constant_values=-np.inf)
    place = np.arange(best.shape[1])
    left = padded[:, :-2] > padded[:, 2:]
    neighbour = np.clip(np.where(left, place - 1, place + 1), 0, len(place) - 1)
    return np.take_along_axis(ends, neighbour[..., None], axis=1)


def _nearest(finer: np.ndarray, places: np.ndarray, found: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Return for each of the finer places the end of the nearest place of the grid that has one."""
    distance = np.abs(finer[:, None] - places[None, :]) + np.where(np.isfinite(found), 0.0, np.inf)
    return ends[np.argmin(distance, axis=1)]
