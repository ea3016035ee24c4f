"""Mathematical functions of kernels: errors in units in the last place, exceptional values, what they are made of."""

import functools
import math
import sys
from pathlib import Path

import hypothesis
import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
import scipy.special
from hypothesis import strategies as st
from mpmath import mp
from numpy_evaluation import BINARY, OTHER, UNARY, evaluate, trace

from entropyjax.solve.native import avx512_functions
from entropyjax.solve.native.functions import (
    FUNCTIONS,
    bits,
    error_function,
    exponential,
    inverse_error_function,
    logarithm,
    power,
    trigonometric,
)

# Largest errors in units in the last place for float32 and float64, rounded up from measured ones: see the
# package's docstring. The points below are far fewer, and find less.
BOUNDS = {
    "cos": (1.35, 1.35),
    "erf": (1.32, 1.35),
    "erf_inv": (4.0, 3.5),
    "erfc": (5.5, 6.5),
    "exp": (0.96, 0.96),
    "exp2": (1.1, 1.2),
    "expm1": (1.5, 1.4),
    "log": (0.86, 0.87),
    "log1p": (1.42, 1.42),
    "logistic": (2.0, 2.0),
    "pow": (1.0, 1.6),
    "sin": (1.35, 1.35),
    "tanh": (1.5, 1.56),
}
TYPES = [np.float32, np.float64]
UNARY_NAMES = sorted(set(FUNCTIONS) - {"pow"})
# Where the results are neither all 0 nor all infinite, for float32 and float64, and anchors whose neighbourhoods
# are tried: ends of reduced intervals, and where one formula follows another.
HALF_LOG_2 = math.log(2.0) / 2.0
QUARTERS = [k * math.pi / 2.0 for k in (*range(1, 40), 101, 1000, 4321, 6365)]
EIGHTHS = [(k + 0.5) * math.pi / 2.0 for k in (0, 1, 2, 3, 100, 5000)]
ROOTS = [math.ldexp(math.sqrt(0.5), k) for k in (-20, -1, 0, 1, 2, 30, 100)]
ODD_HALVES = [(2 * k + 1) * HALF_LOG_2 for k in (-100, -60, -3, -2, -1, 0, 1, 2, 60)]
EXPONENTIAL = ((-104.0, 89.0), (-746.0, 710.0), ODD_HALVES)
DOMAINS = {
    "cos": ((-1e4, 1e4), (-1e4, 1e4), QUARTERS + EIGHTHS),
    "erf": ((-4.0, 4.0), (-6.0, 6.0), [0.8, 1.0, 3.9]),
    "erf_inv": ((-1.0, 1.0), (-1.0, 1.0), [0.5, 0.9966, 0.99964]),
    "erfc": ((-4.0, 10.1), (-6.0, 26.6), [0.8, 1.0, 3.0, 9.2]),
    "exp": EXPONENTIAL,
    "exp2": ((-150.0, 128.0), (-1075.0, 1024.0), [-126.5, -0.5, 0.5, 1.5]),
    "expm1": EXPONENTIAL,
    "log": ((0.0, 1e38), (0.0, 1e308), [1.0, *ROOTS]),
    "log1p": ((-1.0, 1e38), (-1.0, 1e308), [root - 1.0 for root in ROOTS]),
    "logistic": ((-104.0, 20.0), (-746.0, 40.0), [-value for value in ODD_HALVES] + ODD_HALVES),
    "sin": ((-1e4, 1e4), (-1e4, 1e4), QUARTERS + EIGHTHS),
    "tanh": ((-10.0, 10.0), (-20.0, 20.0), [0.5493, 0.55, 9.0]),
}
NUMPY = {
    "erf": scipy.special.erf,
    "erf_inv": lambda x: np.copysign(scipy.special.erfinv(x), x),  # scipy's drops the sign of 0
    "erfc": scipy.special.erfc,
    "logistic": scipy.special.expit,
    "pow": np.power,
}


def _inverse(x):
    """erf_inv(x) for 0 < |x| < 1 by Newton's iteration, on 1 - x where that is smaller."""
    t = mp.mpf(float(scipy.special.erfinv(float(x))))
    for _ in range(3):
        wrong = (1 - abs(x)) - mpmath.erfc(abs(t)) if abs(x) > 0.5 else mpmath.erf(abs(t)) - abs(x)
        t -= mpmath.sign(x) * wrong * mpmath.sqrt(mp.pi) / 2 * mpmath.exp(t**2)
    return t


EXACT = {
    "erf_inv": _inverse,
    "exp2": lambda x: mpmath.power(2, x),
    "logistic": lambda x: 1 / (1 + mpmath.exp(-x)),
    "pow": mpmath.power,
}


def _neighbours(anchors, dtype):
    pattern = np.asarray(anchors, dtype).view(f"i{np.dtype(dtype).itemsize}")
    return np.concatenate([(pattern + step).view(dtype) for step in (-2, -1, 0, 1, 2)])


@functools.cache
def points(name, dtype):
    """Arguments within the domain: evenly, on a logarithmic scale, and the neighbours of the anchors."""
    rng = np.random.default_rng(sum(map(ord, name)))
    single, double, anchors = DOMAINS[name]
    low, high = single if dtype == np.float32 else double
    least = math.log(float(np.finfo(dtype).tiny))
    size = np.exp(rng.uniform(least, math.log(high), 300))
    ordinary = rng.uniform(max(low, -3.0), min(high, 3.0), 500)
    x = [
        rng.uniform(low, high, 500),
        ordinary,
        size,
        np.maximum(-size, low),
        1.0 - np.exp(rng.uniform(-36.0, 0.0, 100)),
    ]
    if name == "log1p":
        x.append(np.exp(rng.uniform(-36.0, 0.0, 100)) - 1.0)
    x = np.concatenate([np.concatenate(x).astype(dtype), _neighbours(anchors, dtype), -_neighbours(anchors, dtype)])
    return x[(x > low) & (x < high) & (x != 0.0)]


@functools.cache
def pairs(dtype):
    """Arguments of pow whose results are in range, among them powers near 1 and of numbers near 1."""
    rng = np.random.default_rng(1)
    form = np.finfo(dtype)
    largest = math.log(float(form.max))
    base = np.exp(rng.uniform(-largest, largest, 400))
    near = 1.0 + np.exp(rng.uniform(math.log(float(form.eps)), -1.0, 400)) * rng.choice([-1, 1], 400)
    mean = rng.uniform(0.3, 3.0, 400)
    x = np.concatenate([base, near, mean])
    y = rng.uniform(-1.03, 1.0, x.size) * largest / np.log(x)
    small = rng.uniform(0.0, 5.0, 300), rng.uniform(-3.0, 3.0, 300)
    whole = rng.uniform(-9.0, 9.0, 300), np.rint(rng.uniform(-20.0, 20.0, 300))
    return tuple(np.concatenate(side).astype(dtype) for side in zip((x, y), small, whole, strict=True))


def arguments(name, dtype):
    return pairs(dtype) if name == "pow" else (points(name, dtype),)


@functools.cache
def exact(name, dtype):
    """The values: float64 for float32 arguments, mpmath's numbers for float64."""
    args = arguments(name, dtype)
    if dtype == np.float32:
        with np.errstate(all="ignore"):
            return NUMPY.get(name, getattr(np, name, None))(*(arg.astype(np.float64) for arg in args))
    with mp.workdps(40):
        function = EXACT.get(name) or getattr(mpmath, name)
        return np.array([function(*map(mp.mpf, map(float, values))) for values in zip(*args, strict=True)], object)


def units(got, name, dtype):
    """Errors in units in the last place of the exact values, infinite where one of two is 0 or infinite."""
    true = exact(name, dtype)
    with np.errstate(all="ignore"), mp.workdps(40):
        nearest = true.astype(np.float64).astype(dtype)
        difference = np.array([float(value) for value in np.abs(got.astype(np.float64).astype(true.dtype) - true)])
        # Of a power of two, the unit below it.
        unit = np.spacing(np.nextafter(np.abs(nearest), dtype(0))).astype(np.float64)
        error = difference / unit
    ordinary = np.isfinite(nearest) & (nearest != 0.0)
    same = (got == nearest) & (np.signbit(got) == np.signbit(nearest))
    return np.where(ordinary, error, np.where(same, 0.0, np.inf))


@functools.cache
def traced(name, dtype):
    return trace(FUNCTIONS[name], *[dtype] * len(arguments(name, dtype)))


def call(name, *args):
    return evaluate(traced(name, args[0].dtype.type), *args)


def call_changed(name, dtype):
    """The value at all points with whatever a test has changed."""
    args = arguments(name, dtype)
    return evaluate(trace(FUNCTIONS[name], *[dtype] * len(args)), *args)


def bound(name, dtype):
    return BOUNDS[name][dtype == np.float64]


@pytest.mark.parametrize("contract", [False, True], ids=["strict", "contracted"])
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_error(name, dtype, contract):
    got = evaluate(traced(name, dtype), *arguments(name, dtype), contract=contract)
    error = units(got, name, dtype)
    assert error.max() <= bound(name, dtype), [arg[np.argmax(error)] for arg in arguments(name, dtype)]
    # The points do find errors: above half a unit, which no correctly rounded result has.
    assert error.max() > 0.5


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_they_are_made_of_simple_operations(name, dtype):
    names = {equation.primitive.name for equation in traced(name, dtype).eqns}
    assert names <= {*BINARY, *UNARY, *OTHER, "round", "bitcast_convert_type"}


@pytest.mark.parametrize("dtype", TYPES)
def test_error_as_xla_compiles_them(dtype):
    """XLA contracts, folds constants, and flushes subnormal numbers: where there are any, nothing is claimed."""
    got = jax.jit(lambda args: {name: FUNCTIONS[name](*values) for name, values in args.items()})(
        {name: arguments(name, dtype) for name in FUNCTIONS}
    )
    least = np.finfo(dtype).tiny
    for name in FUNCTIONS:
        value = np.asarray(got[name])
        normal = np.abs(exact(name, dtype).astype(np.float64)) >= least
        assert value.dtype == dtype
        assert units(value, name, dtype)[normal].max() <= bound(name, dtype), name


def test_eager_and_mapped_calls():
    x = jnp.linspace(-3.0, 3.0, 12, dtype=jnp.float32).reshape(3, 4)
    expected = np.exp2(np.asarray(x, float))
    for got in (exponential.exp2(x), jax.jit(jax.vmap(jax.vmap(exponential.exp2)))(x)):
        np.testing.assert_allclose(got, expected, rtol=2e-7)


# --- Exceptional values -------------------------------------------------------------------------------------


def specials(dtype):
    form = np.finfo(dtype)
    least = form.smallest_subnormal
    return np.array(
        [0.0, least, 3 * least, form.tiny, form.eps / 2, 0.5, 1.0, 1.0 + form.eps, 2.0, 3.0, 700.0, form.max, np.inf],
        dtype,
    )


def same_or_near(got, expected, dtype, tolerance):
    finite = np.isfinite(expected) & (expected != 0.0)
    np.testing.assert_array_equal(got[~finite], expected[~finite])
    np.testing.assert_array_equal(np.signbit(got[~np.isnan(expected)]), np.signbit(expected[~np.isnan(expected)]))
    least = float(np.finfo(dtype).smallest_subnormal)
    np.testing.assert_allclose(got[finite], expected[finite], rtol=tolerance * float(np.finfo(dtype).eps), atol=least)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", UNARY_NAMES)
def test_exceptional_values(name, dtype):
    x = np.concatenate([specials(dtype), -specials(dtype), np.array([np.nan], dtype)])
    if name in ("sin", "cos"):
        x = x[~(np.abs(x) == np.finfo(dtype).max)]
    with np.errstate(all="ignore"):
        expected = NUMPY.get(name, getattr(np, name, None))(x)
    # 2^-700 and the like: numpy's and scipy's own errors.
    same_or_near(call(name, x), expected, dtype, 8.0)


@pytest.mark.parametrize("dtype", TYPES)
def test_exceptional_powers(dtype):
    form = np.finfo(dtype)
    odd = 2.0**form.nmant + 1.0
    side = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 2.5, form.smallest_subnormal, form.tiny, 1.0 - form.eps / 2, 1.0 + form.eps]
    side = np.array([*side, odd, 2.0 * odd, 1e30, form.max, np.inf, np.nan], dtype)
    side = np.concatenate([side, -side])
    x, y = (values.ravel() for values in np.meshgrid(side, side))
    with np.errstate(all="ignore"):
        expected = np.power(x, y)
    same_or_near(call("pow", x, y), expected, dtype, 4.0)


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        (math.nan, 0.0, 1.0),
        (1.0, math.nan, 1.0),
        (-1.0, math.inf, 1.0),
        (0.0, -3.0, math.inf),
        (-0.0, -3.0, -math.inf),
        (-0.0, 3.0, -0.0),
        (-0.0, 0.5, 0.0),
        (-2.0, 3.0, -8.0),
        (-2.0, 0.5, math.nan),
        (-math.inf, 3.0, -math.inf),
        (-math.inf, 0.5, math.inf),
        (0.5, -math.inf, math.inf),
        (math.nan, 1.0, math.nan),
    ],
)
def test_powers_of_c99(x, y, expected):
    got = np.asarray(jax.jit(power.pow)(jnp.float32(x), jnp.float32(y)))
    np.testing.assert_array_equal(got, np.float32(expected))
    assert math.isnan(expected) or np.signbit(got) == np.signbit(expected)


@pytest.mark.parametrize("dtype", TYPES)
def test_subnormal_numbers(dtype):
    """Logarithms and powers of them also where arithmetic flushes them, as XLA's does; results where it does not."""
    least = float(np.finfo(dtype).smallest_subnormal)
    tolerance = 2.0 * float(np.finfo(dtype).eps)
    counts = np.array([1.0, 5.0, 1000.0])
    x = jnp.asarray(counts.astype(dtype) * dtype(least))
    np.testing.assert_allclose(jax.jit(logarithm.log)(x), np.log(counts) + math.log(least), rtol=tolerance)
    roots = jax.jit(power.pow)(x, jnp.full_like(x, 0.5))
    np.testing.assert_allclose(roots, np.sqrt(counts) * math.sqrt(least), rtol=tolerance)
    below = dtype(math.log(least) + 2.0)
    assert call("exp", np.array([below]))[0] == np.rint(math.exp(float(below) - math.log(least))) * least


@pytest.mark.parametrize("name", ["sin", "cos"])
def test_large_angles(name):
    """Beyond the range of exact products the value is that of an argument within a unit; then NaN."""
    rng = np.random.default_rng(0)
    for dtype, limit in ((np.float32, 2.0**22), (np.float64, 2.0**51)):
        x = rng.uniform(limit / 1000.0, limit, 300).astype(dtype)
        got = call(name, x).astype(np.float64)
        true = np.array([float(getattr(mpmath, name)(mp.mpf(float(value)))) for value in x])
        assert np.all(np.abs(got - true) <= np.spacing(x))
        assert np.all(np.isnan(call(name, np.array([limit, 1e30, np.inf], dtype))))


# --- Properties ---------------------------------------------------------------------------------------------

WIDTHS = st.sampled_from([32, 64])


def _value(name, x):
    return call(name, np.array([x]))[0]


@pytest.mark.parametrize("name", ["erf", "erf_inv", "sin", "tanh"])
@hypothesis.given(data=st.data(), width=WIDTHS)
def test_odd(name, data, width):
    x = np.dtype(f"f{width // 8}").type(data.draw(st.floats(0.0, 1e4, width=width)))
    np.testing.assert_array_equal(_value(name, -x), -_value(name, x))


@pytest.mark.parametrize("name", sorted(set(UNARY_NAMES) - {"sin", "cos"}))
@hypothesis.given(data=st.data(), width=WIDTHS)
def test_monotonic(name, data, width):
    """Ordered at arguments so far apart that their values differ by several units, or are equal."""
    dtype = np.dtype(f"f{width // 8}").type
    low, high, _ = DOMAINS[name]
    x = data.draw(st.floats(*(dtype(end).item() for end in (low if width == 32 else high)), width=width))
    y = x + 64.0 * np.finfo(dtype).eps * max(abs(x), 1.0)
    first, second = (_value(name, dtype(value)) for value in (x, min(y, 1.0) if name == "erf_inv" else y))
    assert first >= second if name == "erfc" else first <= second


# --- Wrong variants, and where the tables come from -----------------------------------------------------------


def without_last(table):
    return (*table[:-1], 0.0)


WRONG = [
    (exponential, "_Q", "exp"),
    (exponential, "_TANGENT", "tanh"),
    (logarithm, "_SERIES", "log"),
    (logarithm, "_RATIO", "log"),
    (power, "_TAIL", "pow"),
    (power, "_TWO_THIRDS", "pow"),
    (trigonometric, "_QUARTER_TURN", "sin"),
    (trigonometric, "_SINE", "sin"),
    (trigonometric, "_COSINE", "cos"),
    (error_function, "_NEAR", "erf"),
    (error_function, "_TAIL", "erfc"),
    (inverse_error_function, "_NEAR", "erf_inv"),
    (inverse_error_function, "_FAR", "erf_inv"),
]
OTHER_PRECISION = {np.float32: "_RATIO", np.float64: "_SERIES"}


CASES = [(*case, dtype) for case in WRONG for dtype in TYPES if case[1] != OTHER_PRECISION[dtype]]


@pytest.mark.parametrize(("module", "attribute", "name", "dtype"), CASES)
def test_a_dropped_coefficient_is_caught(module, attribute, name, dtype, monkeypatch):
    table = getattr(module, attribute)
    if isinstance(table, dict):
        monkeypatch.setattr(module, attribute, {key: without_last(values) for key, values in table.items()})
    else:
        monkeypatch.setattr(module, attribute, without_last(table))
    got = call_changed(name, dtype)
    assert units(got, name, dtype).max() > 1.5 * bound(name, dtype)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", ["exp", "expm1", "pow"])
def test_a_short_logarithm_of_2_is_caught(name, dtype, monkeypatch):
    short = {key: form._replace(log_2=without_last(form.log_2)) for key, form in bits._FORMATS.items()}
    monkeypatch.setattr(bits, "_FORMATS", short)
    got = call_changed(name, dtype)
    assert units(got, name, dtype).max() > 2.0 * bound(name, dtype)


@pytest.mark.parametrize("dtype", TYPES)
def test_a_power_without_its_rest_is_caught(dtype, monkeypatch):
    monkeypatch.setattr(power, "exp_of_sum", lambda total, rest: exponential.exp(total))
    got = call_changed("pow", dtype)
    assert units(got, "pow", dtype).max() > 10.0


def test_the_tables_are_those_of_the_script(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[3] / "scripts" / "functions"))
    with mp.workdps(mp.dps):
        import coefficients

        stored = {
            "exponential": exponential._Q,
            "tangent": exponential._TANGENT,
            "sine": trigonometric._SINE,
            "cosine": trigonometric._COSINE,
            "logarithm_tail": power._TAIL,
            "error_near": error_function._NEAR,
        }
        for name, tables in stored.items():
            found, error = coefficients.polynomial(name, "float32")
            assert found == [np.float32(value) for value in tables["float32"]]
            assert error < -26.0
        # As good as can be with so few terms: the rest of an error is from rounding.
        for name, table, limit in (
            ("logarithm_wide", avx512_functions._SERIES, -30.0),
            ("logarithm_binary", avx512_functions._BINARY, -25.0),
            ("logarithm_unit", avx512_functions.UNIT_SERIES, -24.8),
            ("power_of_two", avx512_functions._POWER, -28.8),
        ):
            found, error = coefficients.polynomial(name, "float32")
            assert found == [np.float32(value) for value in table], name
            assert error < limit, name
        parts = {
            "ln 2": {name: form.log_2 for name, form in bits._FORMATS.items()},
            "2/3": power._TWO_THIRDS,
            "pi/2": trigonometric._QUARTER_TURN,
        }
        for name, tables in parts.items():
            value, widths = coefficients.CONSTANTS[name]
            for dtype, table in tables.items():
                assert coefficients.parts(value, widths[dtype], dtype) == [np.dtype(dtype).type(part) for part in table]
    for name in ("coefficients", "tables", "remez"):
        sys.modules.pop(name)
