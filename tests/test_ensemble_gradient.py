"""Means over ensembles and their derivatives: closed forms, finite differences, paths, failing lanes, messages."""

import dataclasses
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import entropyjax as ej
from entropyjax.ensemble import EnsembleError, Samples, Uniform
from entropyjax.ensemble.population import draw_population
from entropyjax.models import AbstractModel, Interval
from entropyjax.models.base import Observable
from entropyjax.params import AbstractParams, ParameterError, cast, parameter, replace
from entropyjax.params.support import NON_NEGATIVE, REAL
from entropyjax.solve import METHODS, Criteria, Grid, native, solve

INF = float("inf")
STEPS, DT = 16, 0.25
MODES = ("forward", "reverse")


class LineParams(AbstractParams):
    rate: Any = parameter(0.5, "1/step", REAL, "r", "Relaxation.")
    noise: Any = parameter(0.3, "1/sqrt(step)", NON_NEGATIVE, "sigma", "Noise.")
    start: Any = parameter(1.0, "-", REAL, "x0", "Start.")


class LineState(NamedTuple):
    x: Any


class Line(AbstractModel):
    """dx = (growth x^power - rate x) dt + noise dW; in focus where x is below the threshold."""

    growth: float = eqx.field(static=True, default=0.0)
    power: int = eqx.field(static=True, default=3)

    Params: ClassVar[type[AbstractParams]] = LineParams
    domain: ClassVar[LineState] = LineState(Interval(-INF, INF))
    observables: ClassVar[dict[str, Observable]] = {"x": Observable("x", "-", "State.", lambda m, y, p: y.x)}

    def initial_state(self, params):
        return LineState(params.start)

    def drift(self, t, state, params):
        grown = self.growth * state.x**self.power if self.growth else 0.0 * state.x
        return LineState(grown - params.rate * state.x)

    def diffusion(self, t, state, params):
        return (LineState(params.noise),)

    def focus_signal(self, params, level):
        return lambda state: level - state.x

    def entropy_trend(self, state, params):
        return -params.rate * state.x

    def progress(self, state):
        return 0.0 * state.x


def line(method="euler_maruyama", dtype="float64", growth=0.0, power=3, **changes):
    """Ensemble of the line, 33 trajectories unless told otherwise, saved at 5 times."""
    dtype = np.dtype(dtype)
    request = ej.Ensemble(
        model=Line(growth, power),
        method=METHODS.get(method)(),
        grid=cast(Grid(STEPS * DT, 4, STEPS // 4), dtype),
        constants=cast(LineParams(), dtype),
        cells={},
        criteria=cast(Criteria(), dtype),
        cell_criteria={},
        population={},
        replicates=33,
        key=jax.random.key(5),
        dtype=dtype,
        observables=(),
    )
    return dataclasses.replace(request, **changes)


def starts(low, high, dtype="float64"):
    return {"start": Uniform(*(jnp.asarray(end, dtype) for end in (low, high)))}


def drawn(request, name):
    """What a request draws of a parameter, by the population's own function."""
    index = jnp.arange(request.replicates, dtype=jnp.uint32)
    specs = LineParams.specs()
    return jax.vmap(lambda i: draw_population(request.population, specs, request.key, i, request.dtype)[name])(index)


def fast(function):
    """The function compiled quickly, for it runs briefly."""
    return jax.jit(function, compiler_options={"xla_backend_optimization_level": 0})


def means(found):
    """The means alone, of a result or a pytree of results."""
    return jax.tree.map(lambda one: one.mean, found, is_leaf=lambda node: hasattr(node, "mean"))


def solved(request, quantity, values, mode="forward", **options):
    """The result, and the derivatives of its means by all values."""

    def run(values):
        found = ej.ensemble_mean(request, quantity, values, mode=mode, **options)
        return means(found), found

    jacobian = jax.jacrev if mode == "reverse" else jax.jacfwd
    slopes, found = fast(jacobian(run, has_aux=True))(values)
    return found, slopes


def close(found, expected, tolerance):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance), found, expected)


# --- Against closed forms -----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_mean_of_euler_maruyama_has_its_closed_form(mode):
    # x_n = (1 - r dt)^n x_0 + sigma * noise: both derivatives are known, whatever the noise.
    request = line(cells={"rate": np.array([0.2, 0.7])})
    found, slopes = solved(request, ej.Observed("x"), {"start": 1.2, "noise": 0.3}, mode, path="scan", lanes=16)
    shrink = (1.0 - request.cells["rate"][:, None] * DT) ** (4 * np.arange(5))
    # Rounding only.
    close(slopes, {"start": shrink, "noise": (found.mean - 1.2 * shrink) / 0.3}, 1e-12)


@pytest.mark.parametrize(("mode", "replicates"), [("forward", 1), ("reverse", 17)])
def test_means_counts_and_errors_at_odd_sizes(mode, replicates):
    request = line("rk4", population=starts(0.4, 1.0), replicates=replicates)
    found, slopes = solved(request, ej.Observed("x"), {"start.high": 1.0}, mode, path="scan", lanes=8)
    start, z = np.asarray(drawn(request, "start")), -0.5 * DT
    # One step of RK4 multiplies by this.
    shrink = (1.0 + z + z**2 / 2 + z**3 / 6 + z**4 / 24) ** (4 * np.arange(5))
    close(found.mean, np.mean(start) * shrink, 1e-13)
    close(slopes["start.high"], np.mean((start - 0.4) / 0.6) * shrink, 1e-12)
    error = np.std(start, ddof=1) / np.sqrt(replicates) if replicates > 1 else 0.0
    close(found.error, error * shrink, 1e-12)
    assert np.all(found.count == replicates) and found.failures == 0


@pytest.mark.parametrize("path", [pytest.param("scan", marks=pytest.mark.slow), "native"])
def test_times_of_an_ode_have_their_closed_form_also_under_vmap(path):
    if path == "native" and native.unavailable():
        pytest.skip(str(native.unavailable()))
    # x = x_0 exp(-r t) meets theta at ln(x_0 / theta) / r; below theta from the start it is in focus at 0.
    request = line("rk4", population=starts(0.4, 1.0), replicates=129)
    quantity = {
        "time": ej.TimeOf("focus"),
        "share": ej.Below(ej.TimeOf("focus"), [0.3, 0.6], 0.1),
        "density": ej.Density(ej.TimeOf("focus"), 0.3, 0.1),
    }
    place = (np.asarray(drawn(request, "start")) - 0.4) / 0.6

    def exact(values):
        start = 0.4 + place * (values["start.high"] - 0.4)
        time = jnp.where(start > 0.6, jnp.log(start / values["collapse_threshold"]) / values["rate"], 0.0)
        rise = [jax.nn.sigmoid((level - time) / 0.1) for level in (0.3, 0.6)]
        density = jnp.mean(rise[0] * (1.0 - rise[0]) / 0.1)
        return {"time": jnp.mean(time), "share": jnp.stack([jnp.mean(one) for one in rise]), "density": density}

    def both(function, rate):
        values = {"rate": rate, "collapse_threshold": 0.6, "start.high": 1.0}
        slopes, found = jax.jacfwd(lambda values: (function(values),) * 2, has_aux=True)(values)
        return found, slopes

    def run(values):
        return means(ej.ensemble_mean(request, quantity, values, path=path))

    rates = jnp.array([0.4, 0.5])
    found, slopes = fast(jax.vmap(lambda rate: both(run, rate)))(rates)
    # The cubic between steps of a quarter errs by (r dt)^4 / 384 = 6e-7 in relative terms, and RK4 by less.
    values, derivatives = jax.vmap(lambda rate: both(exact, rate))(rates)
    close(found, values, 2e-5)
    close(slopes, derivatives, 2e-4)


# --- Modes and paths ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [pytest.param("rk4", marks=pytest.mark.slow), "euler_maruyama"])
def test_modes_agree_with_each_other_and_with_finite_differences(method):
    request = line(method, growth=0.1, population=starts(0.3, 1.2), replicates=31)
    values = {"rate": 0.5, "noise": 0.3, "start.high": 1.2}
    quantity = {"x": ej.Observed("x"), "share": ej.Below(ej.Observed("x"), 0.4, 0.1)}
    _, slopes = solved(request, quantity, values, "forward", path="scan", lanes=15)
    # Both are exact derivatives of the same sums.
    close(solved(request, quantity, values, "reverse", path="scan", lanes=16)[1], slopes, 1e-12)
    run = fast(lambda values: means(ej.ensemble_mean(request, quantity, values, path="scan")))
    step = 1e-5
    for name, value in values.items():
        up, down = (run(values | {name: value + sign * step}) for sign in (1.0, -1.0))
        ratio = jax.tree.map(lambda a, b: (a - b) / (2.0 * step), up, down)
        # Central differences: step^2 times third derivatives (the kernel's is 1 / width^3 / 8), and rounding / step.
        close({key: slopes[key][name] for key in slopes}, ratio, 1e-7)


def test_native_kernels_give_the_derivatives_of_the_scan():
    if native.unavailable():
        pytest.skip(str(native.unavailable()))
    request = line("rk4", growth=0.1, replicates=1025, dtype="float32", population=starts(0.3, 1.2, "float32"))
    values = {"rate": 0.5, "start.high": 1.2}
    _, found = solved(request, ej.Observed("x"), values, path="native")
    # float32, and sums in another order.
    close(found, solved(request, ej.Observed("x"), values, path="scan")[1], 1e-5)


@pytest.mark.parametrize(("mode", "each"), [("forward", 0.0), ("reverse", 5.5)])
def test_memory_hardly_grows_with_trajectories(mode, each):
    request = line("rk4", population=starts(0.4, 1.0), replicates=10**6)

    def loss(values):
        return jnp.sum(ej.ensemble_mean(request, ej.Observed("x"), values, mode=mode, path="scan", lanes=32).mean)

    compiled = fast(jax.value_and_grad(loss)).lower({"rate": 0.5}).compile()
    # 32 lanes, their 16 steps and 5 rows take less than 64 kB.
    assert compiled.memory_analysis().temp_size_in_bytes <= 2**16 + each * request.replicates


@pytest.mark.parametrize("mode", MODES)
def test_second_derivatives_have_their_closed_form(mode):
    def loss(values):
        return ej.ensemble_mean(line("rk4"), ej.Observed("x"), values, mode=mode, path="scan").mean[-1] ** 2

    def exact(values):
        z = -values["rate"] * DT
        return (values["start"] * (1.0 + z + z**2 / 2 + z**3 / 6 + z**4 / 24) ** STEPS) ** 2

    values = {"rate": 0.5, "start": 1.2}
    close(fast(jax.hessian(loss))(values), jax.hessian(exact)(values), 1e-11)


# --- Lanes that fail ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("power", "dtype"), [(3, "float64"), pytest.param(8, "float32", marks=pytest.mark.slow)])
def test_lanes_that_overflow_leave_the_derivatives_finite(power, dtype):
    # The cube overflows within a step; the eighth power in float32 also in the slope at the last good state.
    request = line("rk4", dtype, growth=1.0, power=power, population=starts(0.5, 1.2, dtype), replicates=48)
    values = {"rate": jnp.asarray(1.0, dtype), "start.high": jnp.asarray(1.2, dtype)}
    place = (drawn(request, "start") - request.population["start"].low) / 0.7
    grid = request.grid

    def lanes(values):
        def one(place):
            start = 0.5 + place * (values["start.high"] - 0.5)
            params = replace(request.constants, {"rate": values["rate"], "start": start})
            found = solve(
                request.model,
                params,
                grid=grid,
                method=request.method,
                dtype=dtype,
                save=lambda t, y, alive: (jnp.where(alive, y.x, 0.0), alive),
            )
            return found.saved, found.failure

        (x, alive), failure = jax.vmap(one)(jnp.asarray(place, dtype))
        count = jnp.sum(alive, axis=0)
        return jnp.sum(x, axis=0) / count.astype(dtype), (count, jnp.sum(failure > 0))

    expected, (count, failures) = jax.device_get(fast(jax.jacfwd(lanes, has_aux=True))(values))
    assert 0 < failures < 48
    for mode in MODES:
        found, slopes = solved(request, ej.Observed("x"), values, mode, path="scan", lanes=16)
        np.testing.assert_array_equal(found.count, count)
        assert int(found.failures) == int(failures)
        close(slopes, expected, 1e-9 if dtype == "float64" else 2e-4)


def test_a_derivative_that_does_not_exist_is_no_zero():
    # A NaN of a healthy lane must come out: only failing lanes are shielded.
    class Root(Line):
        def initial_state(self, params):
            return LineState(jnp.sqrt(params.start))

    request = line("rk4", model=Root())
    slope = solved(request, ej.Observed("x"), {"start": 0.0}, "reverse", path="scan")[1]["start"]
    assert not np.any(np.isfinite(slope))


def test_no_trajectory_has_the_event():
    found = fast(lambda: ej.ensemble_mean(line("rk4"), ej.TimeOf("collapse"), path="scan"))()
    assert (found.mean, found.count, found.error, found.failures) == (0.0, 0, 0.0, 0)


# --- What cannot be asked for -------------------------------------------------------------------------------


DRAWN = {"population": starts(0.0, 1.0)}
SWEPT = {"cells": {"rate": np.array([0.1, 0.2])}}
MEASURED = {"population": {"start": Samples(jnp.array([0.5, 1.0]))}}


@pytest.mark.parametrize(
    ("changes", "quantity", "values", "options", "message"),
    [
        ({}, ej.Observed("outcome"), {}, {}, "'outcome' is discrete"),
        ({}, ej.Observed("y"), {}, {}, "'y' is not an observable of this model; .*x"),
        ({}, ej.TimeOf("crossings"), {}, {}, "is no event but a code or a count"),
        ({}, ej.TimeOf("collapsed"), {}, {}, "'collapsed' is not an event; .*collapse"),
        ({}, ej.TimeOf("horizon"), {}, {}, "no cognitive horizon"),
        ({}, "x", {}, {}, "'x' is not a quantity"),
        ({}, ej.Below(ej.Observed("x"), 0.5, 0.0), {}, {}, "width = 0 must be positive"),
        ({}, ej.Below(ej.Below(ej.Observed("x"), 0.5, 0.1), 0.5, 0.1), {}, {}, "takes an Observed or a TimeOf"),
        ({}, ej.Below(ej.Observed("x"), np.ones((3, 2)), 0.1), {}, {}, r"several for each of 1 cells, not of shape"),
        ({}, ej.Observed("x"), {"rat": 0.5}, {}, "'rat' is not a value of this ensemble; .*rate"),
        ({}, ej.Observed("x"), {"rate": np.ones(2)}, {}, "rate must be one number"),
        (SWEPT, ej.Observed("x"), {"rate": 0.5}, {}, "rate is swept"),
        (
            {"population": starts(0.0, 1.0)},
            ej.Observed("x"),
            {"start": 0.5},
            {},
            "name start.low or start.high instead",
        ),
        (MEASURED, ej.Observed("x"), {"start": 0.5}, {}, "measured samples have no parameters"),
        ({}, ej.Observed("x"), {}, {"mode": "backward"}, "'backward' is not a mode of differentiation"),
        ({}, ej.Observed("x"), {}, {"path": "fast"}, "'fast' is not a solver path"),
    ],
)
def test_wrong_requests_are_refused_with_a_sentence(changes, quantity, values, options, message):
    with pytest.raises(EnsembleError, match=message):
        ej.ensemble_mean(line(**changes), quantity, values, **options)


def test_values_outside_their_bounds_are_refused():
    with pytest.raises(ParameterError, match="noise"):
        ej.ensemble_mean(line(), ej.Observed("x"), {"noise": -1.0})


def test_methods_without_such_a_derivative_are_refused():
    with pytest.raises(EnsembleError, match="adapts its steps and cannot be gone back over"):
        ej.ensemble_mean(line("tsit5_adaptive"), ej.Observed("x"), mode="reverse")
    agents = dataclasses.replace(line(), model=ej.Star(), constants=ej.Star().params(), method=METHODS.get("agents")())
    with pytest.raises(EnsembleError, match="Agents choose between whole alternatives"):
        ej.ensemble_mean(agents, ej.Observed("entropy"))
