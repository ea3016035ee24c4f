"""Ensembles: chunks, devices, blocks and padding change nothing; failing lanes are counted and left out."""

import dataclasses
import math
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from entropyjax.ensemble import Accumulator, Ensemble, EnsembleError, make_plan, plan as plan_module, run_chunks
from entropyjax.ensemble.reduce import from_arrays, to_arrays
from entropyjax.ensemble.run import sample_paths
from entropyjax.models import AbstractModel, Interval, Star
from entropyjax.models.base import Observable
from entropyjax.params import AbstractParams, cast, parameter
from entropyjax.params.support import NON_NEGATIVE, REAL
from entropyjax.results import Failure, Outcome
from entropyjax.solve import METHODS, Criteria, Grid, solve

INF = float("inf")
STARTED = {"resolution_rate": 0.12, "initial_focus": 4.0}
"""Focused at the start, done at about the horizon: some trajectories collapse, some resolve, some do neither."""


# --- A model that compiles fast: an Ornstein-Uhlenbeck level and a share done --------------------------------


class ToyParams(AbstractParams):
    rate: Any = parameter(0.5, "1/step", NON_NEGATIVE, "r", "Relaxation of the level.")
    noise: Any = parameter(0.4, "1/sqrt(step)", NON_NEGATIVE, "sigma", "Noise of the level.")
    start: Any = parameter(1.0, "-", REAL, "y0", "Level at the start.")
    gain: Any = parameter(0.1, "1/step", NON_NEGATIVE, "k", "Progress while the level is low.")


class ToyState(NamedTuple):
    level: Any
    done: Any


class Toy(AbstractModel):
    """Focused where the level is below the threshold; resolved once enough is done."""

    Params: ClassVar[type[AbstractParams]] = ToyParams
    domain: ClassVar[ToyState] = ToyState(Interval(-INF, INF), Interval(0.0, 1.0))
    observables: ClassVar[dict[str, Observable]] = {
        "level": Observable("y", "-", "Level.", lambda m, y, p: y.level),
        "done": Observable("d", "-", "Share done.", lambda m, y, p: y.done),
    }

    def initial_state(self, params):
        return ToyState(params.start, 0.0 * params.start)

    def drift(self, t, state, params):
        return ToyState(-params.rate * state.level, params.gain * (1.0 - state.done))

    def diffusion(self, t, state, params):
        return ToyState(params.noise, None), ToyState(None, 0.5 * params.noise * (1.0 - state.done))

    def focus_signal(self, params, level):
        return lambda state: level - state.level

    def entropy_trend(self, state, params):
        return -params.rate * state.level

    def progress(self, state):
        return state.done


def toy(cells=5, replicates=13, **changes):
    """Toy ensemble whose cells differ in their rate."""
    dtype = np.dtype(changes.pop("dtype", "float64"))
    request = Ensemble(
        model=Toy(),
        method=METHODS.get("euler_maruyama")(),
        grid=cast(Grid(8.0, 4, 4), dtype),
        constants=cast(Toy().params(), dtype),
        cells={"rate": np.linspace(0.2, 0.9, cells)},
        criteria=cast(Criteria(progress_tolerance=0.6), dtype),
        cell_criteria={},
        population={},
        replicates=replicates,
        key=jax.random.key(3),
        dtype=dtype,
        observables=("level", "done"),
    )
    return dataclasses.replace(request, **changes)


def star(method="euler_maruyama", dtype="float64", **changes):
    """Star ensemble with cells that collapse and cells that do not."""
    dtype = np.dtype(dtype)
    request = Ensemble(
        model=Star(),
        method=METHODS.get(method)(),
        grid=cast(Grid(16.0, 8, 8), dtype),
        constants=cast(Star().params(**STARTED), dtype),
        cells={"n_agents": np.array([4, 8, 8, 24]), "context_window": np.array([64.0, 64.0, 40.0, 40.0])},
        criteria=cast(Criteria(progress_tolerance=0.2), dtype),
        cell_criteria={},
        population={},
        replicates=48,
        key=jax.random.key(1),
        dtype=dtype,
    )
    return dataclasses.replace(request, **changes)


def statistics(request, devices=1, **options):
    plan = make_plan(request, devices=devices, **options)
    total = Accumulator(request.n_cells, plan.blocks)
    for start, _, part in run_chunks(request, plan, range(plan.chunks)):
        total.add(start, part)
    return total.cells


def assert_same_bits(first, second):
    jax.tree.map(np.testing.assert_array_equal, first, second)


def assert_same_counts(first, second, rtol):
    """Counts are equal to the last one, moments up to rounding."""

    def check(a, b):
        if a.dtype.kind == "i":
            np.testing.assert_array_equal(a, b)
        else:
            np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)

    jax.tree.map(check, first, second)


# --- How a run is cut -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["scan", "native"])
def path(request):
    if request.param == "native":
        pytest.importorskip("llvmlite", reason="native kernels need the extra 'cpu'")
    return request.param


@pytest.fixture(scope="module")
def toy_whole(path):
    return statistics(toy(), path=path)


@pytest.mark.parametrize("devices", [2, 4])
def test_devices_change_nothing(toy_whole, path, devices):
    # 5 items on 2 and 4 devices: the last device gets padding, which must not count.
    assert_same_bits(statistics(toy(), devices=devices, path=path), toy_whole)


@pytest.mark.parametrize(("lanes", "chunk_lanes"), [(13, 13), (26, 26), (13, 39)])
def test_chunks_and_map_steps_change_nothing(toy_whole, path, lanes, chunk_lanes):
    choices = {"path": path, "lanes": lanes, "chunk_lanes": chunk_lanes}
    plan = make_plan(toy(), devices=1, **choices)
    # A native kernel takes a whole chunk at once.
    assert (plan.vector * 13, plan.chunk * 13) == (lanes if path == "scan" else chunk_lanes, chunk_lanes)
    assert plan.chunks == math.ceil(5 * 13 / chunk_lanes)
    assert_same_bits(statistics(toy(), **choices), toy_whole)


def test_many_chunks_on_many_devices_change_nothing(toy_whole, path):
    choices = {"path": path, "lanes": 13, "chunk_lanes": 26}
    assert make_plan(toy(), devices=2, **choices).chunks == 3
    assert_same_bits(statistics(toy(), devices=2, **choices), toy_whole)


def test_blocks_change_no_count_and_moments_by_rounding_only(toy_whole, path, monkeypatch):
    monkeypatch.setattr(plan_module, "BLOCK", 4)
    plan = make_plan(toy(), devices=1)
    assert (plan.blocks, plan.block) == (4, 4)
    assert_same_counts(statistics(toy(), path=path), toy_whole, rtol=1e-13)


@pytest.mark.parametrize("devices", [2, 4])
@pytest.mark.slow
def test_devices_change_no_bit_of_the_star(star_alone, devices):
    assert_same_bits(statistics(star(), devices=devices), star_alone)


def test_a_gap_in_the_chunks_is_refused():
    request = toy()
    plan = make_plan(request, devices=1)
    _, _, part = next(run_chunks(request, plan, [0]))
    total = Accumulator(request.n_cells, plan.blocks)
    with pytest.raises(ValueError, match="Items 0 to 1 are missing before item 2"):
        total.add(2, part)


def test_statistics_survive_storage(toy_whole):
    assert_same_bits(from_arrays(to_arrays(toy_whole)), toy_whole)


# --- Padding --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("replicates", [1, 1025, 1031])
def test_padding_never_counts(replicates):
    request = toy(cells=2, replicates=replicates)
    plan = make_plan(request, devices=1)
    assert plan.block * plan.blocks >= replicates
    cells = statistics(request)
    np.testing.assert_array_equal(cells.outcomes.sum(axis=1), replicates)
    np.testing.assert_array_equal(cells.failures, [[replicates, 0, 0, 0]] * 2)
    np.testing.assert_array_equal(cells.observables["level"].count, np.full((2, 5), replicates))
    # The exact mean of the Euler scheme: (1 - r dt)^k, within five standard errors.
    decay = (1.0 - request.cells["rate"][:, None] * 0.5) ** (4 * np.arange(5))
    spread = np.sqrt(cells.observables["level"].variance / replicates)
    if replicates > 1:
        assert np.all(np.abs(cells.observables["level"].mean - decay) <= 5.0 * spread + 1e-12)


def test_padding_of_a_block_is_not_a_trajectory(monkeypatch):
    # 7 trajectories in blocks of 4: the eighth lane exists, and its noise is that of the next cell's first.
    monkeypatch.setattr(plan_module, "BLOCK", 4)
    padded = statistics(toy(cells=2, replicates=7))
    monkeypatch.setattr(plan_module, "BLOCK", 7)
    assert_same_counts(padded, statistics(toy(cells=2, replicates=7)), rtol=1e-13)


# --- A lane alone -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def star_alone():
    return statistics(star())


@pytest.fixture(scope="module")
def star_lanes():
    """The same trajectories one by one through `solve`, with the indices that the documentation names."""
    request = star()
    names = [*request.cells]

    def lane(cell, replicate, *values):
        params = Star().params(**STARTED)
        params = dataclasses.replace(cast(params, jnp.float64), **dict(zip(names, values, strict=True)))
        index = cell * jnp.uint32(request.replicates) + replicate

        def save(t, state, alive):
            return Star().observe(state, params)

        options = {"method": request.method, "criteria": request.criteria, "index": index}
        return solve(Star(), params, grid=request.grid, key=request.key, save=save, **options)

    cell, replicate = (a.ravel().astype(np.uint32) for a in np.meshgrid(range(4), range(48), indexing="ij"))
    columns = [np.asarray(column, float)[cell] for column in request.cells.values()]
    return jax.tree.map(
        lambda leaf: np.asarray(leaf).reshape(4, 48, *leaf.shape[1:]),
        jax.jit(jax.vmap(lane))(cell, replicate, *columns),
    )


def test_a_lane_is_the_solve_with_its_global_index(star_alone, star_lanes):
    for code in Outcome:
        np.testing.assert_array_equal(star_alone.outcomes[:, code], (star_lanes.outcome == code).sum(axis=1))
    np.testing.assert_array_equal(star_alone.projections, star_lanes.projections.sum(axis=1))
    np.testing.assert_array_equal(star_alone.projected, (star_lanes.projections > 0).sum(axis=1))
    for name, moments in star_alone.observables.items():
        np.testing.assert_allclose(moments.mean, star_lanes.saved[name].mean(axis=1), rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(moments.variance, star_lanes.saved[name].var(axis=1, ddof=1), rtol=1e-8, atol=1e-12)
    for event in ("focus", "collapse", "resolution"):
        times = getattr(star_lanes.events, f"{event}_time")
        happened = times <= 16.0
        moments = getattr(star_alone, f"{event}_time")
        np.testing.assert_array_equal(moments.count, happened.sum(axis=1))
        expected = np.where(happened, times, 0.0).sum(axis=1) / np.maximum(happened.sum(axis=1), 1)
        np.testing.assert_allclose(moments.mean, expected, rtol=1e-10)
    # The cells differ in what happens, or the comparison says little.
    assert len({tuple(row) for row in star_alone.outcomes}) > 2


def test_histograms_are_those_of_the_raw_times(star_alone, star_lanes):
    edges = np.linspace(0.0, 16.0, 257)
    for event in ("collapse", "resolution"):
        times = getattr(star_lanes.events, f"{event}_time")
        expected = [np.histogram(row[row <= 16.0], edges)[0] for row in times]
        np.testing.assert_array_equal(getattr(star_alone, f"{event}_histogram"), expected)


def test_sample_paths_are_the_first_trajectories(star_lanes):
    paths = sample_paths(star(observables=("entropy", "context")), cell=2, count=3)
    assert sorted(paths) == ["context", "entropy"]
    for name, values in paths.items():
        assert values.shape == (3, 9)
        np.testing.assert_allclose(values, star_lanes.saved[name][2, :3], rtol=1e-10)


# --- Failing lanes ----------------------------------------------------------------------------------------------


def test_failing_lanes_are_coded_counted_and_left_out():
    fine = toy(cells=4, replicates=16)
    rates = fine.cells["rate"].copy()
    rates[[1, 3]] = 1e4
    cells, good = statistics(dataclasses.replace(fine, cells={"rate": rates})), statistics(fine)
    failed = cells.failures[:, Failure.NON_FINITE] + cells.failures[:, Failure.DIVERGED]
    np.testing.assert_array_equal(failed, [0, 16, 0, 16])
    np.testing.assert_array_equal(cells.failures.sum(axis=1), 16)
    np.testing.assert_array_equal(cells.outcomes.sum(axis=1), [16, 0, 16, 0])
    np.testing.assert_array_equal(cells.collapse_time.count[[1, 3]], 0)
    # Alive at t = 0 only: a failed lane is in no later average.
    np.testing.assert_array_equal(cells.observables["level"].count[1], [16, 0, 0, 0, 0])
    for leaf in jax.tree.leaves(cells):
        assert np.all(np.isfinite(leaf))
    # Other cells are untouched, to the bit.
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a[[0, 2]], b[[0, 2]]), cells, good)


def test_a_cell_whose_lanes_fail_in_part_averages_the_others():
    # Lanes that start beyond the limit fail; the start is drawn, so some of a cell's lanes do and some do not.
    from entropyjax.ensemble import Samples

    request = toy(cells=2, replicates=64, population={"start": Samples(jnp.array([1.0, 1e13]))})
    cells = statistics(request)
    failed = cells.failures[:, Failure.DIVERGED]
    assert np.all((failed > 10) & (failed < 54))
    np.testing.assert_array_equal(cells.outcomes.sum(axis=1), 64 - failed)
    np.testing.assert_array_equal(cells.observables["level"].count, np.repeat(64 - failed, 5).reshape(2, 5))
    assert np.all(np.abs(cells.observables["level"].mean) < 10.0)
    paths = sample_paths(request, cell=0, count=64)["level"]
    assert np.isnan(paths).all(axis=1).sum() == failed[0]


@pytest.mark.slow
def test_failing_cells_of_the_star_are_counted(star_alone):
    rates = np.array([1.0, 1e4, 1.0, 1.0])
    request = star()
    cells = statistics(dataclasses.replace(request, cells={**request.cells, "focus_rate": rates}))
    np.testing.assert_array_equal(cells.failures[:, Failure.NONE], [48, 0, 48, 48])
    keep = [0, 2, 3]
    picked = [jax.tree.map(lambda leaf: leaf[keep], whole) for whole in (cells, star_alone)]
    assert_same_counts(*picked, rtol=1e-10)


# --- Dynamics and precision -----------------------------------------------------------------------------------------


def compare_within_sampling_error(first, second, sigmas=5.0):
    """The same quantity from two ensembles whose noise is independent or shared."""
    for name, moments in first.observables.items():
        other = second.observables[name]
        spread = np.sqrt(moments.variance / moments.count + other.variance / other.count)
        assert np.all(np.abs(moments.mean - other.mean) <= sigmas * spread + 1e-5), name
    n = first.outcomes.sum(axis=1)
    for code in Outcome:
        p, q = first.outcomes[:, code] / n, second.outcomes[:, code] / n
        spread = np.sqrt((p * (1.0 - p) + q * (1.0 - q)) / n + 2.0 / n**2)
        assert np.all(np.abs(p - q) <= sigmas * spread)


def test_single_precision_agrees_with_double(star_alone):
    single = statistics(star(dtype="float32"))
    compare_within_sampling_error(single, star_alone)
    # The noise is the same to rounding, so almost every outcome is too.
    assert np.abs(single.outcomes - star_alone.outcomes).sum() <= 0.05 * star_alone.outcomes.sum()


def test_agents_run_through_the_ensemble_as_through_solve():
    request = star("agents", grid=cast(Grid(16.0, 8, 2), np.float64), observables=("context", "progress"))
    cells = statistics(request)
    assert cells.failures[:, Failure.NONE].tolist() == [48] * 4

    def lane(index):
        params = cast(Star().params(**STARTED, n_agents=8.0, context_window=40.0), jnp.float64)
        options = {"method": request.method, "criteria": request.criteria, "index": index}
        return solve(Star(), params, grid=request.grid, key=request.key, **options)

    lanes = jax.jit(jax.vmap(lane))(jnp.arange(96, 144, dtype=jnp.uint32))
    np.testing.assert_allclose(cells.observables["context"].mean[2], lanes.saved.context.mean(axis=0), rtol=1e-12)
    np.testing.assert_array_equal(cells.outcomes[2], np.bincount(np.asarray(lanes.outcome), minlength=4))


def test_swept_criteria_reach_the_lanes():
    swept = dataclasses.replace(
        toy(cells=2),
        cells={"rate": np.array([0.5, 0.5])},
        cell_criteria={"collapse_threshold": np.array([0.5, -5.0])},
    )
    cells = statistics(swept)
    assert cells.focus_time.count[0] > 0
    assert cells.focus_time.count[1] == 0
    assert cells.outcomes[1, Outcome.NEVER_FOCUSED] + cells.outcomes[1, Outcome.RESOLVED] == 13


# --- Plans ------------------------------------------------------------------------------------------------------------


def test_a_plan_fits_its_budget():
    for devices, megabytes, replicates in ((1, 16, 1), (1, 512, 5000), (2, 64, 5000), (4, 16, 100), (4, 512, 1)):
        request = star(cells={"n_agents": np.full(50_000, 8.0)}, replicates=replicates, observables=("entropy",))
        plan = make_plan(request, megabytes * 2**20, devices)
        working = plan.vector * plan.block * plan.bytes_per_lane * devices
        assert working <= megabytes * 2**20
        assert plan.chunk * plan.chunks >= plan.items == 50_000 * plan.blocks
        assert plan.block * plan.blocks >= replicates
        assert plan.block <= plan_module.BLOCK


@pytest.mark.parametrize("replicates", [1, 256])
def test_a_chunk_stays_within_the_memory_it_was_planned_for(replicates):
    # Single trajectories are the hard case: their statistics are larger than their working memory.
    from entropyjax.ensemble import run

    budget = 16 * 2**20
    request = toy(cells=40_000, replicates=replicates, grid=cast(Grid(8.0, 100, 1), np.float64))
    plan = make_plan(request, budget, devices=1, path="scan")
    mesh = jax.sharding.Mesh(np.asarray(jax.local_devices()[:1]), ("device",))
    items = run.gather(request, plan.blocks, plan.block, np.arange(plan.chunk))
    compiled = run._chunk.lower(request.without_cells(), items, plan, mesh).compile()
    memory = getattr(compiled, "compiled", compiled).memory_analysis()
    assert memory.temp_size_in_bytes + memory.output_size_in_bytes <= budget


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        ({}, {"devices": 5}, "devices = 5 is not between 1 and the 4 local devices"),
        ({}, {"memory_bytes": 1000}, "raise memory_mb"),
        ({"observables": ("entropy",)}, {}, "'entropy' is not an observable of this model; it has level, done"),
        ({"stride": 3}, {}, "stride = 3 must be at least replicates = 13"),
        ({"replicates": 2**31}, {}, "split the sweep over several seeds"),
    ],
)
def test_impossible_requests_are_refused_in_a_sentence(change, options, words):
    with pytest.raises(EnsembleError, match=words) as caught:
        make_plan(toy(**change), **options)
    assert str(caught.value).endswith(".")


def test_agents_are_checked_before_they_run():
    request = star("agents", cells={"compaction_rate": np.array([0.1, 5.0])})
    with pytest.raises(ValueError, match="must stay below 1 for agents"):
        make_plan(request)


def test_a_plan_reads_as_a_sentence():
    text = str(make_plan(toy(), devices=2))
    assert text.startswith("5 items of 13 trajectories in 1 chunks: 2 device(s)")
