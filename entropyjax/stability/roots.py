"""All roots of a scalar function in an interval, with a certificate that none was missed."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from entropyjax.solve.masked import any_lane
from entropyjax.stability.enclosure import Enclosed, Sampled, interval as iv

Function = Callable[[Any], Any]
"""Called as f(c) on an array, elementwise: a root of one element depends on no other."""


MOST_CELLS = 512
"""Most cells that a search tries."""


class Brackets(NamedTuple):
    """Intervals with one change of sign each, in rising order, along a leading axis of slots.

    `lower` and `upper` are NaN where a slot is empty; `count` can be larger than the number of slots;
    `certified` says that each of the intervals holds one root and that there is no other; `steps` counts cells;
    `positive` says whether the function ends above 0.
    """

    lower: Any
    upper: Any
    count: Any
    certified: Any
    steps: Any
    positive: Any


class Walk(NamedTuple):
    """A search for roots under way: where it is, the width it tries next, and the range of f here."""

    place: Any
    leap: Any
    far: Any
    width: Any
    floor: Any
    here: iv.Enclosure
    positive: Any
    found: Brackets


def bracket_roots(enclosed: Enclosed | Sampled, walk: Walk) -> Brackets:
    """Return what a search finds."""
    return lax.while_loop(lambda walk: any_lane(unfinished(walk)), lambda walk: step_walk(enclosed, walk), walk).found


def start_walk(low: Any, leap: Any, far: Any, positive: Any, slots: int = 5) -> Walk:
    """Return a search that stands at `low`.

    **Arguments:**

    - `low`: where it begins, of the shape of f's argument.
    - `leap`: from where on f is supposed to have no root; the search proves it, or goes on in strides.
    - `far`: where it ends.
    - `positive`: whether f > 0 at `low`.
    - `slots`: how many brackets are kept.
    """
    low, leap, far, positive = jnp.broadcast_arrays(low, leap, far, positive)
    none = jnp.full((slots, *low.shape), jnp.nan, low.dtype)
    zero, extent, infinite = jnp.zeros(low.shape, jnp.int32), leap - low, jnp.full_like(low, jnp.inf)
    return Walk(
        place=low,
        leap=leap,
        far=far,
        width=0.125 * extent,
        floor=extent * (4.0 * float(jnp.finfo(low.dtype).eps)),
        here=iv.Enclosure(-infinite, infinite),
        positive=positive,
        found=Brackets(none, none, zero, jnp.ones_like(positive), zero, positive),
    )


def unfinished(walk: Walk) -> Any:
    """Return whether a walk has not come to its end."""
    return jnp.any((walk.place < walk.far) & (walk.found.steps < MOST_CELLS))


def step_walk(enclosed: Enclosed | Sampled, walk: Walk) -> Walk:
    """Try one cell of a walk from left to right; a walk that has ended stays as it is.

    A cell [a, b] is left behind once interval arithmetic decides it: the range of f over it, intersected with the mean
    value form f(a) + f'([a, b]) (b - a), excludes 0; or that of f' does, and then there is one root if the signs
    at a and b differ and none if not. Otherwise the cell shrinks, to where Newton's step from the interval f'([a, b])
    shows that no root lies before if that is nearer. A cell at the limit of precision is passed by, and the result is
    not certified; the last eighth of the cells covers what is left, whatever its width.
    """
    found, a = walk.found, walk.place
    left = MOST_CELLS - found.steps
    active = (a < walk.far) & (left > 0)
    inside = a < walk.leap
    end = jnp.where(inside, walk.leap, walk.far)
    b = jnp.minimum(a + walk.width, end)
    width = b - a
    cell, slope = enclosed.over(a, b)
    there = enclosed.at(b)
    fall, rise = jnp.minimum(slope.lower, 0.0) * width, jnp.maximum(slope.upper, 0.0) * width
    # The factor covers the rounding of these sums. One range may be open or NaN, and the other decide.
    above = (cell.lower > 0.0) | (walk.here.lower + 1.01 * fall > 0.0)
    below = (cell.upper < 0.0) | (walk.here.upper + 1.01 * rise < 0.0)
    empty = jnp.where(walk.positive, above, below)
    signed = iv.positive(there) | iv.negative(there)
    decided = empty | ((iv.positive(slope) | iv.negative(slope)) & signed)
    coarse = jnp.where(left <= MOST_CELLS // 8, (end - a) / jnp.maximum(left // 2, 1).astype(a.dtype), 0.0)
    precision = 16.0 * float(jnp.finfo(a.dtype).eps) * jnp.abs(a)
    limit = jnp.maximum(jnp.maximum(walk.floor, precision), coarse)
    forced = active & ~decided & (width <= limit)
    passed = active & (decided | forced)
    positive = jnp.where(passed & signed & ~empty, iv.positive(there), walk.positive)
    root = positive != walk.positive
    reach = jnp.where(walk.positive, walk.here.lower / -fall, walk.here.upper / -rise)
    shrink = jnp.clip(0.95 * jnp.nan_to_num(reach), 0.125, 0.5)
    # Past the leap all the rest is tried at once, and then in large strides.
    longer = jnp.where(inside & (b >= walk.leap), walk.far, jnp.where(inside, 2.0, 8.0) * width)
    return Walk(
        place=jnp.where(passed, b, a),
        leap=walk.leap,
        far=walk.far,
        width=jnp.where(passed, longer, jnp.maximum(shrink * width, limit)),
        floor=jnp.where(forced, 2.0 * width, walk.floor),
        here=iv.Enclosure(*(jnp.where(passed, new, old) for new, old in zip(there, walk.here, strict=True))),
        positive=positive,
        found=_note(found, a, b, root)._replace(
            certified=found.certified & enclosed.rigorous & ~forced & ~(root & (found.count >= len(found.lower))),
            steps=found.steps + active.astype(jnp.int32),
            positive=positive,
        ),
    )


def _note(found: Brackets, low: Any, high: Any, root: Any) -> Brackets:
    """Return the brackets with [low, high] in the next slot where it holds a root."""
    slots = jnp.arange(len(found.lower), dtype=jnp.int32).reshape((-1,) + (1,) * jnp.ndim(low))
    here = root[None] & (slots == found.count[None])
    return found._replace(
        lower=jnp.where(here, low[None], found.lower),
        upper=jnp.where(here, high[None], found.upper),
        count=found.count + root.astype(jnp.int32),
    )


def refine(function: Function, low: Any, high: Any, rounds: int = 80) -> Any:
    """Return the root in [low, high], at whose ends `function` differs in sign, to the precision of the type.

    Newton's method kept inside a shrinking bracket, which is halved where a step leaves it or does not help; NaN where
    an end is.
    """
    eps = float(jnp.finfo(jnp.result_type(low)).eps)
    falls = function(low) > 0.0

    def test(state: Any) -> Any:
        *_, moving, count = state
        return any_lane(jnp.any(moving)) & (count < rounds)

    def step(state: Any) -> Any:
        low, high, at, last, moving, count = state
        value, slope = jax.jvp(function, (at,), (jnp.ones_like(at),))
        right = (value > 0.0) == falls
        low, high = jnp.where(right, at, low), jnp.where(right, high, at)
        trial = at - value / jnp.where(slope == 0.0, 1.0, slope)
        useful = (trial >= low) & (trial <= high) & (jnp.abs(trial - at) <= 0.5 * last)
        new = jnp.where(value == 0.0, at, jnp.where(useful, trial, 0.5 * (low + high)))
        change = jnp.abs(new - at)
        still = moving & (change > 2.0 * eps * jnp.abs(new)) & (high > low)
        return low, high, jnp.where(moving, new, at), change, still, count + 1

    start = 0.5 * (low + high)
    state = (low, high, start, high - low, jnp.isfinite(start), jnp.zeros((), jnp.int32))
    return lax.while_loop(test, step, state)[2]


def carry_gradient(function: Function, root: Any) -> Any:
    """Return a root with the derivatives of the implicit function theorem.

    Two Newton steps from the root as a constant: the first makes its first derivative by what `function` depends on
    right, the second those up to the third. A double root has none, and gets that of the function alone.
    """
    root = lax.stop_gradient(root)
    for _ in range(2):
        value, slope = jax.jvp(function, (root,), (jnp.ones_like(root),))
        root = root - value / jnp.where(slope == 0.0, 1.0, slope)
    return root
