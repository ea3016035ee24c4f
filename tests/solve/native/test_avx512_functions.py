"""Functions made of AVX-512's own instructions: errors in units in the last place, exceptional values, tables."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
from jax import lax

pytest.importorskip("llvmlite", reason="native kernels need the extra 'cpu'")

from entropyjax.solve.native import avx512, avx512_functions, batch, build, unavailable
from entropyjax.solve.native.functions import exponential
from entropyjax.solve.sinks import Each


def missing():
    """Why there is nothing to test here, as a sentence, or nothing."""
    why = unavailable()
    if why is not None:
        return f"Native kernels cannot be made: {why}."
    return "" if build.has(*avx512.FEATURES) else "The processor has no AVX-512."


MISSING = missing()
pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)

WIDTHS = [16, 32, 64]
BLOCK = 256
TINY, LARGEST, EPS = 2.0**-126, float(np.finfo(np.float32).max), 2.0**-23
LOW, HIGH = 2.0**-100, 2.0**100

# Of one number x, and of x log(y), which makes powers; `tests/solve/native/test_ranges.py` has the nodes of each.
FUNCTIONS = {
    "exp": lambda x, y: jnp.exp(x),
    "exp of a negative number": lambda x, y: jnp.exp(-jnp.abs(x)),
    "exp2": lambda x, y: jnp.exp2(x),
    "log": lambda x, y: jnp.log(x),
    "log1p": lambda x, y: jnp.log1p(x),
    "log1p up to 1": lambda x, y: jnp.log1p(jnp.minimum(jnp.abs(x), 1.0)),
    "softplus": lambda x, y: jnp.log1p(jnp.exp(-jnp.abs(x))),
    "logistic": lambda x, y: jax.nn.sigmoid(x),
    "reciprocal": lambda x, y: 1.0 / x,
    "reciprocal of a normal number": lambda x, y: 1.0 / jnp.clip(jnp.abs(x), LOW, HIGH),
    "reciprocal of a sum": lambda x, y: 1.0 / (1.0 + jnp.exp(-jnp.abs(x))),
    "power": lambda x, y: jnp.exp(x * jnp.log(y)),
    "inverse power": lambda x, y: jnp.exp(-(x * jnp.log(y))),
    "share": lambda x, y: jax.nn.sigmoid(x * jnp.log(y)),
    "inverse share": lambda x, y: jax.nn.sigmoid(-(x * jnp.log(y))),
}
REFERENCE = {
    "exp": lambda x, y: np.exp(x),
    "exp of a negative number": lambda x, y: np.exp(-np.abs(x)),
    "exp2": lambda x, y: np.exp2(x),
    "log": lambda x, y: np.log(x),
    "log1p": lambda x, y: np.log1p(x),
    "log1p up to 1": lambda x, y: np.log1p(np.minimum(np.abs(x), 1.0)),
    "softplus": lambda x, y: np.log1p(np.exp(-np.abs(x))),
    "logistic": lambda x, y: scipy.special.expit(x),
    "reciprocal": lambda x, y: 1.0 / x,
    "reciprocal of a normal number": lambda x, y: 1.0 / np.clip(np.abs(x), LOW, HIGH),
    "reciprocal of a sum": lambda x, y: 1.0 / (1.0 + np.exp(-np.abs(x))),
    "power": lambda x, y: np.exp2(x * np.log2(y)),
    "inverse power": lambda x, y: np.exp2(-(x * np.log2(y))),
    "share": lambda x, y: 1.0 / (1.0 + np.exp2(-(x * np.log2(y)))),
    "inverse share": lambda x, y: 1.0 / (1.0 + np.exp2(x * np.log2(y))),
}
# Largest errors in units in the last place up to two registers, whose polynomials are sums of two halves, and with
# four: rounded up from those at 20 million arguments for each width, 2^-14 <= |x| <= 256, on a Xeon of family 6,
# model 207. Those of powers are for an exponent without error.
BOUNDS = {
    "exp": (1.1, 1.1),
    "exp of a negative number": (1.1, 1.1),
    "exp2": (2.1, 1.6),
    "log": (0.9, 0.9),
    "log1p": (0.9, 0.9),
    "log1p up to 1": (2.2, 1.5),
    "softplus": (2.8, 2.1),
    "logistic": (2.9, 2.9),
    "reciprocal": (0.6, 0.6),
    "reciprocal of a normal number": (0.6, 0.6),
    "reciprocal of a sum": (1.6, 1.6),
    "power": (2.1, 1.6),
    "inverse power": (2.1, 1.6),
    "share": (3.2, 2.5),
    "inverse share": (3.2, 2.5),
}
POWERS = {"power", "inverse power", "share", "inverse share"}
LOG2 = (3.3, 2.3)
"""Those of log2, the largest where a sum cancels, just below 3/4."""
GROWTH = (3.3, 2.5)
"""Units of a power for each unit of its exponent E = x log2(y): log2 is good to 1.85 or 1.3 times 2^-23 |log2(y)|, and
the product to half of 2^-23 |E|; 2 ln 2 times the sum, for the unit of the power is at least 2^-24 of it."""


def lane(names, shared, item, number, valid):
    """The functions at numbers whose bit patterns are evenly spaced."""
    x = lax.bitcast_convert_type(item["x"] + number * item["x step"], jnp.float32)
    y = lax.bitcast_convert_type(item["y"] + number * item["y step"], jnp.float32)
    return {name: Each(FUNCTIONS[name](x, y)) for name in names}


def evaluated(width, items, names=tuple(FUNCTIONS)):
    kernel = batch.prepare(functools.partial(lane, names), {}, items, BLOCK, batch.Options(width=width))
    assert kernel.width == width
    return jax.tree.map(np.asarray, jax.jit(kernel)({}, items))


def pattern(value):
    return np.asarray(value, np.float32).view(np.uint32)


def rows_of(first, rows, low=0.0, high=np.nan):
    """Rows of patterns from `low` to `high`, which must be positive, or of all there are."""
    start, end = (0, 2**32) if np.isnan(high) else (int(pattern(low)), int(pattern(high)))
    step = (end - start) // (rows * BLOCK)
    return [(first + start + BLOCK * step * number, step) for number in range(rows)]


ANCHORS = [0.0, TINY, 0.75, 1.0, 1.5, 2.0, 87.33654, 88.72284, 104.0, 126.0, 127.0, 128.0, 2.0**126, 1.5 * 2.0**126]
MINUS = 2**31


@functools.cache
def points():
    """110 000 pairs (x, y): x of any kind with y = 2, whose logarithm is exact; then ordinary powers."""
    rng = np.random.default_rng(0)
    x = rows_of(0, 80) + rows_of(0, 100, 2.0**-14, 256.0) + rows_of(MINUS, 100, 2.0**-14, 256.0)
    for anchor in [int(pattern(value)) for value in (*ANCHORS, LARGEST)]:
        x += [(anchor - BLOCK // 2, 1), (MINUS + anchor - BLOCK // 2, 1)]
    y = [(int(pattern(2.0)), 0)] * len(x)
    for spread in (1.5, 3.0, 100.0, 1e10, 1e30):
        y += rows_of(0, 24, 1.0 / spread, spread)
        x += [(int(pattern(value)), 1009) for value in rng.uniform(-6.0, 6.0, 24)]
    return as_items(x, y)


def as_items(x, y):
    columns = zip(("x", "x step", "y", "y step"), (*zip(*x, strict=True), *zip(*y, strict=True)), strict=True)
    return {name: np.asarray(values, np.int64).astype(np.uint32) for name, values in columns}


def numbers(items, name):
    """The numbers x or y that the lanes of all items have."""
    lanes = np.arange(BLOCK, dtype=np.uint32)
    return (items[name][:, None] + lanes * items[f"{name} step"][:, None]).view(np.float32)


@functools.cache
def arguments():
    return numbers(points(), "x"), numbers(points(), "y")


def flushed(x):
    """Subnormal numbers as zeros, as a kernel takes them and gives them."""
    with np.errstate(invalid="ignore"):
        return np.where(np.abs(x) < TINY, np.copysign(np.zeros((), x.dtype), x), x)


@functools.cache
def wide_arguments():
    with np.errstate(invalid="ignore"):
        return tuple(flushed(arg).astype(np.float64) for arg in arguments())


@functools.cache
def exact(name):
    with np.errstate(all="ignore"):
        return REFERENCE[name](*wide_arguments())


def bound(name, width):
    """The largest error allowed at each point."""
    x, y = wide_arguments()
    with np.errstate(all="ignore"):
        exponent = np.abs(x * np.log2(y)) if name in POWERS else np.zeros(x.shape)
    # With y = 2 the exponent is x itself.
    return BOUNDS[name][width == 64] + GROWTH[width == 64] * np.where(
        (y == 2.0) | ~np.isfinite(exponent), 0.0, exponent
    )


def excess(got, name, width):
    """Errors as multiples of what is allowed."""
    return compared(got, exact(name), bound(name, width))


def compared(got, true, allowed):
    """Errors as multiples of those allowed; infinite where a value is not the 0, infinity or NaN that it should be."""
    with np.errstate(all="ignore"):
        size = np.abs(true)
        unit = np.spacing(np.nextafter(size.astype(np.float32), np.float32(0.0)))
        error = np.abs(got.astype(np.float64) - true) / (np.maximum(unit, TINY * EPS) * allowed)
        # Results so near an end of the range may come to lie on either side of it.
        margin = 1.0 + allowed * EPS
        error[np.isnan(error) | (size < TINY / margin) | (size > LARGEST * margin)] = np.inf
        error[(size < TINY * margin) & (got == 0.0)] = 0.0
        error[(size > LARGEST / margin) & (got == np.copysign(np.inf, true))] = 0.0
        error[np.isnan(true) & np.isnan(got)] = 0.0
    return error


@functools.cache
def values(width):
    return evaluated(width, points())


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_error(name, width):
    assert arguments()[0].size > 100_000
    error = excess(values(width)[name], name, width)
    worst = np.unravel_index(np.argmax(error), error.shape)
    x, y = (arg[worst] for arg in arguments())
    assert error[worst] <= 1.0, (x, y, values(width)[name][worst], exact(name)[worst])
    # The bounds are no wider than need be.
    assert error[worst] > 0.7


@pytest.mark.parametrize("width", WIDTHS)
def test_error_of_the_logarithm_in_a_power(width, monkeypatch):
    monkeypatch.setitem(avx512_functions.WRITERS, "log", avx512_functions.log2)
    rows = rows_of(0, 150, 0.5, 2.0) + rows_of(0, 50, 1e-37, 1e38)
    items = as_items(rows, rows)
    x = numbers(items, "x").astype(np.float64)
    got = evaluated(width, items, ("log",))["log"]
    error = compared(got, np.log2(x), LOG2[width == 64])
    assert 0.7 < error.max() <= 1.0


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["exp of a negative number", "log1p up to 1", "logistic", "share", "inverse share"])
def test_values_never_exceed_1(name, width):
    """The bounds of values that `ranges` takes for granted."""
    value = values(width)[name]
    assert np.all(np.isnan(value) | ((value >= 0.0) & (value <= 1.0)))


SPECIAL = [0.0, 1e-45, 1e-40, 1.1e-38, 1.5 * TINY, 0.5, 0.75, 1.0, 2.0, 3.0, 150.0, 1e30, 1.6e38, 3e38, np.inf]


@pytest.mark.parametrize("width", WIDTHS)
def test_exceptional_values_are_those_of_xla(width):
    side = np.array([*SPECIAL, *(-value for value in SPECIAL), np.nan], np.float32)
    x, y = (part.ravel() for part in np.meshgrid(side, side))
    still = np.zeros(x.size, np.uint32)
    found = evaluated(width, {"x": pattern(x), "x step": still, "y": pattern(y), "y step": still})
    functions = jax.jit(lambda x, y: {name: function(x, y) for name, function in FUNCTIONS.items()})
    for name, value in functions(flushed(x), flushed(y)).items():
        want, got = flushed(np.asarray(value)), found[name]
        np.testing.assert_array_equal(got, np.broadcast_to(got[:, :1], got.shape))
        ordinary = np.isfinite(want) & (want != 0.0)
        np.testing.assert_array_equal(got[~ordinary, 0], want[~ordinary], err_msg=name)
        # XLA's own powers lose 2^-17 where the exponent is large.
        np.testing.assert_allclose(
            got[ordinary, 0], want[ordinary], rtol=2e-5 if name in POWERS else 1e-6, err_msg=name
        )


@pytest.mark.parametrize(
    ("name", "x", "expected"),
    [
        ("exp", np.nan, np.nan),
        ("exp", -np.inf, 0.0),
        ("exp", np.inf, np.inf),
        ("exp of a negative number", np.inf, 0.0),
        ("exp2", -np.inf, 0.0),
        ("exp2", 128.0, np.inf),
        ("log", 0.0, -np.inf),
        ("log", -0.0, -np.inf),
        ("log", 1e-45, -np.inf),
        ("log", 1.0, 0.0),
        ("log", -1.0, np.nan),
        ("log", np.inf, np.inf),
        ("log", -np.inf, np.nan),
        ("log1p", -1.0, -np.inf),
        ("log1p", -2.0, np.nan),
        ("log1p", np.inf, np.inf),
        ("log1p up to 1", np.nan, np.nan),
        ("logistic", np.inf, 1.0),
        ("logistic", -np.inf, 0.0),
        ("logistic", 0.0, 0.5),
        ("reciprocal", 0.0, np.inf),
        ("reciprocal", -0.0, -np.inf),
        ("reciprocal", np.inf, 0.0),
        ("reciprocal", -np.inf, 0.0),
        ("reciprocal", 1e-45, np.inf),
        ("reciprocal", np.nan, np.nan),
        ("share", np.inf, 1.0),
        ("share", -np.inf, 0.0),
        ("power", -np.inf, 0.0),
    ],
)
def test_exceptional_values_by_name(name, x, expected):
    """What holds by definition, whatever XLA does; the powers are of 2."""
    at = _specials()[0]
    got = _specials()[1][name][np.flatnonzero(at == pattern(x))[0], 0]
    np.testing.assert_array_equal(got, np.float32(expected))


@functools.cache
def _specials():
    at = pattern([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-45, 1.0, -1.0, -2.0, 128.0])
    still = np.zeros(at.size, np.uint32)
    return at, evaluated(16, {"x": at, "x step": still, "y": np.full_like(at, pattern(2.0)), "y step": still})


# --- Wrong variants ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "name"),
    [("_SERIES", "log"), ("_SERIES", "log1p"), ("_BINARY", "power"), ("UNIT_SERIES", "softplus"), ("_POWER", "exp2")],
)
@pytest.mark.parametrize("width", [16, 64])
def test_a_dropped_coefficient_is_caught(table, name, width, monkeypatch):
    monkeypatch.setattr(avx512_functions, table, (*getattr(avx512_functions, table)[:-1], 0.0))
    assert excess(evaluated(width, points(), (name,))[name], name, width).max() > 2.0


@pytest.mark.parametrize("name", ["exp", "exp of a negative number", "logistic"])
def test_a_dropped_coefficient_of_the_exponential_is_caught(name, monkeypatch):
    monkeypatch.setitem(exponential._Q, "float32", (*exponential._Q["float32"][:-1], 0.0))
    assert excess(evaluated(16, points(), (name,))[name], name, 16).max() > 2.0


@pytest.mark.parametrize("name", ["exp", "log"])
def test_a_short_logarithm_of_2_is_caught(name, monkeypatch):
    monkeypatch.setattr(avx512_functions, "_LOW", 0.0)
    assert excess(evaluated(16, points(), (name,))[name], name, 16).max() > 2.0


@pytest.mark.parametrize(
    ("writer", "name"), [("reciprocal", "reciprocal"), ("reciprocal_inside", "reciprocal of a normal number")]
)
def test_an_estimate_alone_is_caught(writer, name, monkeypatch):
    monkeypatch.setattr(avx512_functions, writer, lambda on, x: on.reciprocal_estimate(x))
    assert excess(evaluated(16, points(), (name,))[name], name, 16).max() > 2.0
