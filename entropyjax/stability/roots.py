"""All roots of a scalar function in an interval, with a certificate that none was missed."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from entropyjax.solve.masked import any_lane
from entropyjax.stability.enclosure import Enclosed, interval as iv

Function = Callable[[Any], Any]
"""Called as f(c) on an array, elementwise: a root of one element depends on no other."""


class Brackets(NamedTuple):
    """Intervals with one change of sign each, in rising order, along a leading axis of slots.

    `lower` and `upper` are NaN where a slot is empty; `count` can be larger than the number of slots;
    `certified` says that each of the intervals holds one root and that there is no other; `steps` counts cells.
    """

    lower: Any
    upper: Any
    count: Any
    certified: Any
    steps: Any


class _Walk(NamedTuple):
    place: Any
    width: Any
    floor: Any
    here: Any
    """Range of the function at `place`."""
    positive: Any
    found: Brackets


def bracket_roots(enclosed: Enclosed, low: Any, high: Any, slots: int = 5, max_steps: int = 512) -> Brackets:
    """Find all roots between `low` and `high` in a walk from left to right over cells of adaptive width.

    A cell [a, b] is left behind once interval arithmetic decides it: the range of f over it, intersected with the mean
    value form f(a) + f'([a, b]) (b - a), excludes 0; or that of f' does, and then there is one root if the signs
    at a and b differ and none if not. Otherwise the cell shrinks, to where Newton's step from the interval f'([a, b])
    shows that no root lies before if that is nearer. A cell at the limit of precision is passed by, and the result is
    not certified. Nothing is stored but the brackets, so that a batch is one loop over arrays.

    **Arguments:**

    - `enclosed`: f, elementwise. It should have one sign beyond both ends; the sign at an end is certified too.
    - `low`, `high`: ends, of the shape of f's argument.
    - `slots`: most roots that are kept.
    - `max_steps`: most cells; the last eighth of them covers what is left, whatever its width.
    """
    eps = float(jnp.finfo(jnp.result_type(low)).eps)
    low, high = jnp.broadcast_arrays(low, high)
    extent = high - low
    reserve = max_steps // 8
    places = jnp.arange(slots, dtype=jnp.int32).reshape((slots,) + (1,) * low.ndim)

    def step(walk: _Walk) -> _Walk:
        found, a = walk.found, walk.place
        active = (a < high) & (found.steps < max_steps)
        b = jnp.minimum(a + walk.width, high)
        width = b - a
        cell, slope = enclosed.over(a, b)
        there = enclosed.at(b)
        below, above = jnp.minimum(slope.lower, 0.0) * width, jnp.maximum(slope.upper, 0.0) * width
        least = jnp.maximum(cell.lower, walk.here.lower + 1.01 * below)
        most = jnp.minimum(cell.upper, walk.here.upper + 1.01 * above)
        signed = iv.positive(there) | iv.negative(there)
        empty = ((least > 0.0) & walk.positive) | ((most < 0.0) & ~walk.positive)
        single = (iv.positive(slope) | iv.negative(slope)) & signed
        decided = empty | single
        left = max_steps - found.steps
        coarse = jnp.where(left <= reserve, (high - a) / jnp.maximum(left - 1, 1).astype(a.dtype), 0.0)
        limit = jnp.maximum(jnp.maximum(walk.floor, 16.0 * eps * jnp.abs(a)), 1.01 * coarse)
        forced = ~decided & (width <= limit)
        passed = active & (decided | forced)
        sign = jnp.where(empty, walk.positive, jnp.where(signed, iv.positive(there), walk.positive))
        root = passed & (sign != walk.positive)
        slot = root & (places == found.count)
        # How far Newton's method shows f to have no root, and no farther.
        reach = jnp.where(walk.positive, walk.here.lower / -below, walk.here.upper / -above) * width
        shorter = jnp.clip(0.95 * jnp.nan_to_num(reach, nan=0.0), width / 8.0, width / 2.0)
        return _Walk(
            place=jnp.where(passed, b, a),
            width=jnp.where(passed, 2.0 * width, jnp.maximum(shorter, limit)),
            floor=jnp.where(active & forced, 2.0 * width, walk.floor),
            here=iv.Enclosure(*(jnp.where(passed, new, old) for new, old in zip(there, walk.here, strict=True))),
            positive=jnp.where(passed, sign, walk.positive),
            found=Brackets(
                lower=jnp.where(slot, a, found.lower),
                upper=jnp.where(slot, b, found.upper),
                count=found.count + root.astype(jnp.int32),
                certified=found.certified & ~(active & forced),
                steps=found.steps + active.astype(jnp.int32),
            ),
        )

    here = enclosed.at(low)
    none = jnp.full((slots, *low.shape), jnp.nan, low.dtype)
    zero = jnp.zeros(low.shape, jnp.int32)
    certified = iv.positive(here) | iv.negative(here)
    walk = _Walk(
        place=low,
        width=extent / 8.0,
        floor=extent * (4.0 * eps),
        here=here,
        positive=iv.positive(here),
        found=Brackets(none, none, zero, certified, zero),
    )
    found = lax.while_loop(
        lambda walk: any_lane(jnp.any((walk.place < high) & (walk.found.steps < max_steps))), step, walk
    ).found
    return found._replace(certified=found.certified & (found.count <= slots))


def refine(function: Function, low: Any, high: Any, rounds: int = 80) -> Any:
    """Return the root in [low, high], at whose ends `function` differs in sign, to the precision of the type.

    Newton's method kept inside a shrinking bracket, which is halved where a step leaves it or does not help; NaN where an
    end is.
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
