"""Interval arithmetic: ranges hold the exact values in 40 digits, and what cannot be followed says so."""

from functools import partial

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest

from entropyjax.stability.enclosure import Enclosed, NotEnclosable

mp.mp.dps = 40

# Each as a JAX function and in arbitrary precision, with the interval that it is tried on.
FUNCTIONS = {
    "exp": (jnp.exp, mp.exp, (-30.0, 30.0)),
    "log": (jnp.log, mp.log, (1e-6, 1e6)),
    "log1p": (jnp.log1p, mp.log1p, (-0.9, 1e6)),
    "expm1": (jnp.expm1, mp.expm1, (-20.0, 20.0)),
    "logistic": (jax.nn.sigmoid, lambda x: 1 / (1 + mp.exp(-x)), (-30.0, 30.0)),
    "tanh": (jnp.tanh, mp.tanh, (-5.0, 5.0)),
    "sqrt": (jnp.sqrt, mp.sqrt, (1e-6, 1e6)),
    "power": (lambda x: x**2.5, lambda x: x ** mp.mpf("2.5"), (1e-3, 1e3)),
    "cube over": (lambda x: x**3 / (2.0 + x * x), lambda x: x**3 / (2 + x * x), (-3.0, 3.0)),
    "inverse square": (lambda x: (1.0 + x) ** -2, lambda x: (1 + x) ** -2, (-0.5, 9.0)),
    "kink": (lambda x: jnp.where(x >= 0.5, x, 1.0 - x), lambda x: x if x >= mp.mpf("0.5") else 1 - x, (-2.0, 2.0)),
    "clip": (lambda x: jnp.clip(x, -1.0, 1.0), lambda x: min(max(x, mp.mpf(-1)), mp.mpf(1)), (-2.0, 2.0)),
    "size": (lambda x: jnp.abs(x) - x, lambda x: abs(x) - x, (-2.0, 2.0)),
    "difference": (lambda x: 1.0 - x, lambda x: 1 - x, (0.999, 1.001)),
}


@partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
def all_ranges(cells):
    """Ranges of every function over its cells, and at their lower ends."""
    out = {}
    for name, (a, b) in cells.items():
        enclosed = Enclosed(FUNCTIONS[name][0], a)
        out[name] = (*enclosed.over(a, b), enclosed.at(a))
    return out


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_ranges_hold_the_exact_values(dtype):
    rng = np.random.default_rng(0)
    cells = {}
    for name, (*_, (low, high)) in FUNCTIONS.items():
        ends = np.sort(rng.uniform(low, high, (2, 24)), axis=0)
        ends[1, :10] = ends[0, :10] + 1e-3 * (high - ends[0, :10])
        cells[name] = tuple(jnp.asarray(end, dtype) for end in ends)
    for name, ranges in all_ranges(cells).items():
        exact = FUNCTIONS[name][1]
        value, slope, at = jax.tree.map(np.asarray, ranges)
        for i, ends in enumerate(zip(*cells[name], strict=True)):
            left, right = (mp.mpf(float(end)) for end in ends)
            assert at.lower[i] <= exact(left) <= at.upper[i], name
            for share in (0, 0.01, 0.3, 0.77, 1):
                point = left + (right - left) * share
                assert value.lower[i] <= exact(point) <= value.upper[i], (name, point)
            chord = (exact(right) - exact(left)) / (right - left)
            assert slope.lower[i] <= chord <= slope.upper[i], name
        # A point's range is narrow: some units in the last place of what it was computed from.
        scale = np.maximum(np.abs(at.upper), 1.0)
        assert np.all(at.upper - at.lower <= 1000.0 * jnp.finfo(dtype).eps * scale), name


def test_ranges_shrink_with_the_cell():
    def slopes(low, high):
        return Enclosed(lambda x: jnp.log1p(jnp.exp(-x)) * jax.nn.sigmoid(x), low).over(low, high)[1]

    widths = jnp.array([1.0, 0.1, 0.01])
    found = jax.jit(slopes)(jnp.full(3, 0.7), 0.7 + widths)
    assert np.all(found.upper - found.lower < 2.0 * widths)


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (jnp.sin, "uses 'sin'"),
        (lambda x: jnp.where(x > x * x, x, 1.0), "compares two things"),
        (lambda x: jnp.sum(jnp.where(x * jnp.arange(3.0) > 1.0, 1.0, 0.0)), "compares a vector"),
    ],
)
def test_what_cannot_be_followed_says_so(function, reason):
    with pytest.raises(NotEnclosable, match=reason):
        Enclosed(function, jnp.zeros(()))


def test_an_index_in_doubt_leaves_everything_open():
    def largest(x):
        logits = jnp.stack([x, 1.0 - x])
        return logits[jnp.argmax(logits)]

    over = jax.jit(lambda low, high: Enclosed(largest, low).over(low, high)[0])
    sure, unsure = (over(jnp.asarray(low), jnp.asarray(0.7)) for low in (0.6, 0.4))
    assert 0.599 < sure.lower < 0.601
    assert unsure.lower == -jnp.inf and unsure.upper == jnp.inf
