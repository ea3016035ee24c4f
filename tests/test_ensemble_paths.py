"""Solver paths of an ensemble: which is chosen and why, and that they agree."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from entropyjax.ensemble import Accumulator, Ensemble, EnsembleError, Uniform, make_plan, run_chunks, sample_paths
from entropyjax.models import MODELS, Star
from entropyjax.params import cast
from entropyjax.records import Calibration
from entropyjax.solve import METHODS, Criteria, Grid, native

needs_llvm = pytest.mark.skipif(native.unavailable() is not None, reason="native kernels need the extra 'cpu'")


def star(method="euler_maruyama", dtype=np.float32, model=None, **changes):
    model = Star() if model is None else model
    request = Ensemble(
        model=model,
        method=METHODS.get(method)(),
        grid=cast(Grid(32.0, 4, 16), dtype),
        constants=cast(model.params(initial_focus=3.0), dtype),
        cells={"context_window": np.array([16.0, 48.0])},
        criteria=cast(Criteria(), dtype),
        cell_criteria={},
        population={"n_agents": Uniform(jnp.asarray(4.0, dtype), jnp.asarray(40.0, dtype))},
        replicates=300,
        key=jax.random.key(2),
        dtype=dtype,
    )
    return dataclasses.replace(request, **changes)


def statistics(request, **choices):
    plan = make_plan(request, devices=1, **choices)
    total = Accumulator(request.n_cells, plan.blocks)
    for start, _, part in run_chunks(request, plan, range(plan.chunks)):
        total.add(start, part)
    return total.cells


def agree(found, wanted, lanes, rtol):
    """Counts differ by a few lanes at the most, whose outcome hangs on a rounding; moments by rounding."""
    for name, a, b in zip(found._fields, found, wanted, strict=True):
        if name in ("outcomes", "failures", "projected"):
            assert np.abs(a - b).sum() <= 2 * lanes, (name, a, b)
    for name, a in found.observables.items():
        b = wanted.observables[name]
        np.testing.assert_array_equal(a.count, b.count)
        np.testing.assert_allclose(a.mean, b.mean, rtol=rtol, atol=rtol, err_msg=name)
        np.testing.assert_allclose(a.square, b.square, rtol=100 * rtol, atol=100 * rtol, err_msg=name)


@needs_llvm
@pytest.mark.parametrize(
    ("method", "dtype", "rtol"),
    [
        # Rounding of 64 steps in float32, and in float64.
        ("rk4", np.float64, 1e-11),
        ("euler_maruyama", np.float32, 5e-5),
        # Steps are accepted or not by rounding: agreement is to the tolerance of the method.
        pytest.param("tsit5_adaptive", np.float64, 1e-7, marks=pytest.mark.slow),
        pytest.param("ri6", np.float32, 5e-5, marks=pytest.mark.slow),
        pytest.param("tsit5", np.float32, 5e-5, marks=pytest.mark.slow),
        pytest.param("agents", np.float64, 1e-11, marks=pytest.mark.slow),
    ],
)
def test_native_and_scan_agree(method, dtype, rtol):
    with jax.enable_x64(dtype == np.float64):
        request = star(method, dtype)
        agree(statistics(request, path="native"), statistics(request, path="scan"), 1, rtol)


@needs_llvm
@pytest.mark.slow
def test_the_replicator_has_a_native_kernel():
    with jax.enable_x64(True):
        model = MODELS.get("replicator")(max_agents=5)
        population = {"n_agents": Uniform(jnp.asarray(3.0), jnp.asarray(5.0))}
        request = star("rk4", np.float64, model, population=population, replicates=40)
        agree(statistics(request, path="native"), statistics(request, path="scan"), 0, 1e-11)


@needs_llvm
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "method"),
    [("tree", "rk4"), ("tree", "ri6"), ("tree", "agents"), ("tree", "tsit5_adaptive"), ("mesh", "agents")],
)
def test_trees_and_meshes_have_native_kernels(name, method):
    """Levels differ from lane to lane: 3 to 18 executors, at most 4 children to a node."""
    with jax.enable_x64(True):
        population = {"n_agents": Uniform(jnp.asarray(3.0), jnp.asarray(18.0))}
        model = MODELS.get(name)().sized({"n_agents": 18.0, "branching": 4.0})
        request = star(method, np.float64, model, population=population, replicates=40)
        rtol = 1e-7 if method == "tsit5_adaptive" else 1e-11
        agree(statistics(request, path="native"), statistics(request, path="scan"), 0, rtol)


class Fragile(Star):
    """The star, but every lane with a large roster fails: some turn non-finite, some diverge."""

    def drift(self, t, state, params):
        slope = super().drift(t, state, params)
        huge = jnp.where(params.n_agents > 35.0, 1e30, 0.0).astype(state.context.dtype)
        broken = jnp.where(params.n_agents < 6.0, jnp.nan, 0.0).astype(state.context.dtype)
        return slope._replace(context=slope.context + huge + broken)


@needs_llvm
def test_lanes_that_fail_are_counted_and_leave_the_others_alone():
    request = star("rk4", model=Fragile(), replicates=200)
    found, wanted = (statistics(request, path=path) for path in ("native", "scan"))
    assert np.all(found.failures[:, 1] > 0)
    assert np.all(found.failures[:, 2] > 0)
    agree(found, wanted, 0, 5e-5)
    for moments in found.observables.values():
        assert np.all(np.isfinite(moments.mean))


@needs_llvm
def test_single_paths_agree():
    request = star(replicates=20)
    found, wanted = (sample_paths(request, 1, 5, path=path) for path in ("native", "scan"))
    for name, values in wanted.items():
        assert values.shape == (5, 5)
        np.testing.assert_allclose(found[name], values, rtol=1e-4, atol=1e-4)


class Sorting(Star):
    """A model whose drift sorts, which native kernels do not."""

    def drift(self, t, state, params):
        slope = super().drift(t, state, params)
        return slope._replace(context=jnp.sort(jnp.stack([slope.context, slope.context + 1.0]))[0])


@needs_llvm
def test_the_plan_says_what_it_chose_and_why():
    assert "path native, for it is the fastest on a CPU" in str(make_plan(star()))
    assert "path scan, for it was asked for" in str(make_plan(star(), path="scan"))
    assert "path scan, for method adaptive has no native kernel" in str(make_plan(star("adaptive")))
    reason = "a native kernel cannot express it: the primitive 'sort' has no rule"
    assert reason in str(make_plan(star("rk4", model=Sorting())))
    slow = Calibration(source="measured on this machine", rates={"scan": 2.0, "native": 1.0})
    assert "path scan, for it is faster here (measured on this machine)" in str(make_plan(star(), calibration=slow))


@needs_llvm
def test_a_path_that_cannot_run_the_request_is_refused():
    with pytest.raises(EnsembleError, match=r"primitive 'sort' has no rule\. Choose path 'auto' or 'scan'"):
        make_plan(star("rk4", model=Sorting()), path="native")
    with pytest.raises(EnsembleError, match="'fast' is not a solver path; choose one of auto, native, pallas"):
        make_plan(star(), path="fast")


def test_without_llvm_the_scan_runs_and_says_so(monkeypatch):
    monkeypatch.setattr(native, "unavailable", lambda: "llvmlite is not installed; pip install entropyjax[cpu]")
    assert "path scan, for llvmlite is not installed" in str(make_plan(star()))
    with pytest.raises(EnsembleError, match="pip install"):
        make_plan(star(), path="native")


@needs_llvm
def test_chunks_and_cells_do_not_recompile():
    from entropyjax.ensemble import run

    request = star()
    plan = make_plan(request, devices=1, chunk_lanes=300)
    list(run_chunks(request, plan, range(plan.chunks)))
    before = run._chunk._cached._cache_size()
    assert plan.chunks == 2
    other = dataclasses.replace(request, cells={"context_window": np.array([20.0, 30.0])}, key=jax.random.key(5))
    again = make_plan(other, devices=1, chunk_lanes=300)
    assert again == plan
    list(run_chunks(other, again, range(again.chunks)))
    assert run._chunk._cached._cache_size() == before
