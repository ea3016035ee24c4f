"""Pallas kernels: interpret mode gives the scan's statistics, and everything that is let in lowers for CUDA."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.sharding import Mesh, PartitionSpec
from systems import STARS, star_reference
from test_ensemble_run import star, toy

from entropyjax.ensemble.groups import Lanes
from entropyjax.ensemble.lanes import gather, item_statistics, lane_sinks
from entropyjax.ensemble.population import Samples
from entropyjax.params import cast
from entropyjax.results import Failure, Outcome
from entropyjax.solve import METHODS, Criteria, Grid
from entropyjax.solve.pallas.batch import Options, prepare
from entropyjax.solve.sinks import Each, Sample, Tally, Total
from entropyjax.solve.unsupported import Unsupported

SMALL = Options(lanes=16, interpret=True)
QUICK = {"xla_backend_optimization_level": 0}
"""Compiler options: these kernels run for milliseconds, and compile for seconds."""

CUDA = Options()


def kernel_of(request, options):
    """Return the kernel of an ensemble whose cells are one block each, and what it is called with."""
    block = request.replicates
    arrays, static = eqx.partition(request.without_cells(), eqx.is_array)
    items = gather(request, 1, block, np.arange(request.n_cells))

    def lane(shared, item, number, valid):
        return lane_sinks(eqx.combine(shared, static), item, number, valid)

    return prepare(lane, arrays, items, block, options), arrays, items


def lowered(kernel, *args):
    """Return the program for CUDA as text; jax makes it without a GPU."""
    return jax.jit(kernel).trace(*args).lower(lowering_platforms=("cuda",)).as_text()


def run(function, block, options=SMALL, items=None):
    """Run a function of one lane for `block` lanes of every item."""
    items = np.arange(2.0) if items is None else items
    shared = jnp.asarray([0.5, 2.0])
    kernel = prepare(function, shared, items, block, options)
    return jax.tree.map(np.asarray, jax.jit(kernel, compiler_options=QUICK)(shared, items))


# --- Ensembles -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "method, dtype, replicates, tolerance",
    # The sums of at most 33 lanes are taken in another order: a few roundings.
    [pytest.param("rk4", "float64", 15, 1e-13, marks=pytest.mark.slow), ("euler_maruyama", "float32", 33, 1e-5)],
)
def test_a_kernel_gives_the_statistics_of_the_scan(method, dtype, replicates, tolerance):
    # One level in three is NaN from the start, and 15 and 33 lanes do not fill vectors of 16.
    population = {"start": Samples(jnp.asarray([0.6, 1.4, np.nan], dtype))}
    cells = {"gain": np.linspace(0.05, 0.3, 4)}
    request = toy(method=METHODS.get(method)(), dtype=dtype, replicates=replicates, population=population)
    request = dataclasses.replace(request, cells=cells)
    kernel, shared, items = kernel_of(request, SMALL)
    devices = PartitionSpec("device")
    mesh = Mesh(np.asarray(jax.local_devices()[:2]), ("device",))
    mapped = jax.shard_map(kernel, mesh=mesh, in_specs=(PartitionSpec(), devices), out_specs=devices, check_vma=False)
    found = jax.jit(mapped, compiler_options=QUICK)(shared, items)
    scan = jax.vmap(lambda item: item_statistics(request.without_cells(), Lanes(replicates, replicates), item))
    expected = jax.jit(scan, compiler_options=QUICK)(items)
    for value, target in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(value, target, rtol=tolerance, atol=tolerance)
    assert np.all(found.failures[:, Failure.NON_FINITE] > 0)
    assert np.all(found.failures[:, Failure.NONE] > 0)


@pytest.mark.slow
def test_the_star_agrees_with_scipy():
    names = ("collapsing", "default")
    request = star("rk4", replicates=1, grid=cast(Grid(24.0, 6, 32), "float64"), observables=("progress", "context"))
    columns = {key for name in names for key in STARS[name]}
    defaults = request.model.params()
    cells = {key: np.array([STARS[name].get(key, getattr(defaults, key)) for name in names]) for key in columns}
    request = dataclasses.replace(request, cells=cells, constants=cast(defaults, "float64"), criteria=Criteria())
    kernel, shared, items = kernel_of(request, Options(lanes=1, interpret=True))
    found = jax.tree.map(np.asarray, jax.jit(kernel, compiler_options=QUICK)(shared, items))
    for cell, name in enumerate(names):
        reference = star_reference(STARS[name], np.asarray(request.grid.times()))
        # RK4 with dt = 1/8 is off by 5e-8 in s, 4e-6 in c (up to 102) and 4e-7 in the time of the collapse.
        for observable, component in (("progress", 1), ("context", 2)):
            mean = found.observables[observable][1][cell]
            np.testing.assert_allclose(mean, reference.states[:, component], rtol=1e-6, atol=1e-6)
        count, mean, _ = found.collapse_time
        assert count[cell] == np.isfinite(reference.collapse_time)
        if count[cell]:
            np.testing.assert_allclose(mean[cell], reference.collapse_time, rtol=1e-6)
            assert found.outcomes[cell, Outcome.COLLAPSED] == 1
    assert np.any(found.collapse_time[0] > 0)


@pytest.mark.parametrize("method, dtype", [("rk4", "float32"), ("euler_maruyama", "float64")])
def test_the_kernel_of_the_star_lowers_for_cuda(method, dtype):
    assert "xla.gpu.triton" in lowered(*kernel_of(star(method, dtype), CUDA))


def test_kernels_are_equal_when_they_compute_the_same():
    first, again, other = (kernel_of(toy(observables=names), SMALL)[0] for names in (("level",), ("level",), ("done",)))
    assert first == again and hash(first) == hash(again)
    assert first != other
    assert first != kernel_of(toy(observables=("level",)), CUDA)[0]


# --- Operations ----------------------------------------------------------------------------------------------


def smooth(x):
    """Return functions of x > 0 that Triton takes from its library of functions."""
    unit = x / (1.0 + x)
    names = "exp exp2 expm1 log log1p logistic sin cos tan atan sinh cosh tanh asinh sqrt rsqrt cbrt square floor ceil"
    out = [getattr(lax, name)(x) for name in names.split()]
    out += [f(unit) for f in (lax.asin, lax.acos, lax.atanh, lax.erf, lax.erfc, lax.erf_inv, jnp.round)]
    return [*out, lax.acosh(1.0 + x), lax.atan2(x, unit), lax.pow(x, unit), x**-3, x % 0.75, jnp.abs(-x), jnp.sign(x)]


def awkward(x):
    """Return what Triton would get wrong or does not have: NaN and signed zeros, clamps, roundings, choices."""
    odd = jnp.where(x > 2.0, jnp.nan, x - 1.0)
    word = lax.bitcast_convert_type(x.astype(jnp.float32), jnp.uint32)
    which = (x.astype(jnp.int32) % 3).astype(jnp.int32)
    return [
        *(jnp.maximum(odd, 0.5), jnp.minimum(0.5, odd), jnp.maximum(x, odd), jnp.minimum(odd, 0.25 - odd), -(x - x)),
        *(jnp.clip(odd, -0.5, 0.5), jnp.round(4.0 * x) / 4.0, jnp.round(x - 1.5), jnp.isfinite(odd / (x - 1.0))),
        *((word >> 3) ^ (word << jnp.uint32(7)), ~which & 5, which // 2, lax.select_n(which, x, -x, x * x)),
        lax.switch(which, [jnp.sin, jnp.cos, lambda x: x], x),
        jnp.argmax(jnp.stack([x, 1.0 - x, x * x])).astype(jnp.int32),
    ]


def loops(x):
    """Return what loops give that lanes leave in different rounds, or that go over an array."""
    root = lax.while_loop(lambda y: jnp.abs(y * y - x) > 1e-5 * x, lambda y: 0.5 * (y + x / y), x)
    terms = jnp.stack([x, 0.5 * x, 0.25 * x])
    total, partial = lax.scan(lambda carry, term: (carry + term, carry * term), 0.0 * x, terms)
    third = lax.fori_loop(0, 3, lambda _, pair: (pair[0] * x, pair[1] + 1.0), (x, 0.0))
    return [root, total, partial[2], third[0] + third[1]]


def number_of(item, lane, dtype):
    return (lane.astype(jnp.int32).astype(dtype) + item) / 4.0


def everything(shared, item, lane, valid):
    x = number_of(item, lane, shared.dtype) + shared[0]
    return [Each(value) for value in (*smooth(x), *awkward(x), *loops(x))]


def test_operations_keep_their_meaning():
    shared, items = jnp.asarray([0.5, 2.0]), np.arange(2.0)
    found = run(everything, 33)
    lanes = jax.vmap(
        lambda item: jax.vmap(lambda lane: everything(shared, item, lane, True))(np.arange(33, dtype="u4"))
    )
    expected = jax.jit(lanes, compiler_options=QUICK)(items)
    # Rounding alone differs: erf and its kin are the package's own, good to some units in the last place.
    for value, sink in zip(found, expected, strict=True):
        assert value.dtype == sink.value.dtype
        np.testing.assert_allclose(value, sink.value, rtol=1e-12)
        if value.dtype.kind == "f":
            number = ~np.isnan(value)
            np.testing.assert_array_equal(np.signbit(value)[number], np.signbit(sink.value)[number])


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_operations_lower_for_cuda(dtype):
    shared, items = jax.ShapeDtypeStruct((2,), dtype), jax.ShapeDtypeStruct((2,), dtype)
    assert "xla.gpu.triton" in lowered(prepare(everything, shared, items, 33, CUDA), shared, items)


@pytest.mark.skipif(jax.default_backend() != "gpu", reason="kernels run on GPU alone, and there is none")
def test_a_gpu_gives_what_interpret_mode_gives():
    # CUDA's functions are good to some units in the last place of float64.
    for value, target in zip(run(everything, 33, CUDA), run(everything, 33), strict=True):
        np.testing.assert_allclose(value, target, rtol=1e-12)


# --- Sinks ---------------------------------------------------------------------------------------------------


def walk(shared, item, lane, valid):
    """Every sink, of a lane that doubles its number four times; of five rows, the last is saved after the loop."""
    x = number_of(item, lane, shared.dtype)
    last, rows = lax.scan(lambda y, _: (shared[1] * y, (y, valid & (y < 3.0))), x, None, length=4)
    values, keep = jnp.append(rows[0], last), jnp.append(rows[1], valid & (last < 3.0))
    place = jnp.minimum(x.astype(jnp.int32), 4)
    return {
        "rows": Sample(values, keep),
        "end": Sample(last, valid & (x > 1.0)),
        "never": Sample(last, valid & (x < -1.0)),
        "tally": Tally(place, valid, 5),
        "total": Total(place, valid & (x < 2.0)),
        "each": Each(values),
    }


@pytest.mark.parametrize("block", [1, 33])
def test_sinks_are_what_numpy_makes_of_the_lanes(block):
    found = run(walk, block)
    for item in range(2):
        x = (np.arange(block) + item) / 4.0
        values = x[:, None] * 2.0 ** np.arange(5)
        np.testing.assert_array_equal(found["each"][item], values)
        for row in range(5):
            check_moments([part[item, row] for part in found["rows"]], values[values[:, row] < 3.0, row])
        check_moments([part[item] for part in found["end"]], values[x > 1.0, 4])
        check_moments([part[item] for part in found["never"]], values[:0, 4])
        place = np.minimum(x.astype(int), 4)
        np.testing.assert_array_equal(found["tally"][item], np.bincount(place, minlength=5))
        assert found["total"][item] == np.sum(place[x < 2.0])


def check_moments(found, values):
    square = np.sum((values - values.mean()) ** 2) if len(values) else 0.0
    expected = (len(values), values.mean() if len(values) else 0.0, square)
    # Values up to 140, with at most 33 of them: roundings of 1e-14 in the mean.
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


# --- What is refused -----------------------------------------------------------------------------------------


def _in_two_loops(shared, item, lane, valid):
    rows = [lax.scan(lambda y, _: (y + item, y), item, None, length=3)[1] for _ in range(2)]
    return [Sample(row, lax.scan(lambda y, _: (y, y), valid, None, length=3)[1]) for row in rows]


def _rows_chosen(shared, item, lane, valid):
    rows = lax.scan(lambda y, _: (y + item, (y, valid)), item, None, length=3)[1]
    return Sample(jnp.where(item > 1.0, rows[0], 1.0), rows[1])


def _saved(value):
    return lambda shared, item, lane, valid: Sample(value(shared, item, lane), valid)


@pytest.mark.parametrize(
    "function, sentence",
    [
        (_saved(lambda shared, item, lane: shared * item), "reduces arrays"),
        (_saved(lambda shared, item, lane: (lane // (lane + jnp.uint32(1))).astype(item.dtype)), "divides integers"),
        (_saved(lambda shared, item, lane: (lane >> lane).astype(item.dtype)), "shifts by something"),
        (_saved(lambda shared, item, lane: lax.lgamma(item)), "'lgamma' has no rule"),
        (_in_two_loops, "more than one loop"),
        (_rows_chosen, "saved rows"),
    ],
)
def test_what_a_kernel_cannot_express_is_said(function, sentence):
    with pytest.raises(Unsupported, match=sentence):
        run(function, 3)


def test_large_shared_arrays_are_refused():
    shared = jnp.ones(300)
    with pytest.raises(Unsupported, match=r"shape \(300,\)"):
        prepare(lambda shared, item, lane, valid: Sample(shared[lane] * item, valid), shared, np.ones(1), 3, SMALL)


def test_a_vector_is_a_power_of_two():
    with pytest.raises(ValueError, match="48 lanes"):
        run(walk, 3, Options(lanes=48))
