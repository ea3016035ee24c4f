"""The step check: its estimate falls with the step, its pairs are what they claim to be."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from entropyjax.ensemble import Ensemble, EnsembleError, check, check_step, make_plan, run_chunks
from entropyjax.models import Star
from entropyjax.params import cast
from entropyjax.solve import METHODS, Criteria, Grid, solve

MEMORY = 64 * 2**20


def request(method, step, replicates, **changes):
    dtype = np.dtype("float64")
    found = Ensemble(
        model=Star(),
        method=METHODS.get(method)(),
        grid=cast(Grid.with_step(16.0, 8, step), dtype),
        constants=cast(Star().params(), dtype),
        cells={"n_agents": np.array([8.0, 24.0]), "context_window": np.array([64.0, 40.0])},
        criteria=cast(Criteria(), dtype),
        cell_criteria={},
        population={},
        replicates=replicates,
        key=jax.random.key(2),
        dtype=dtype,
    )
    return dataclasses.replace(found, **changes)


@pytest.mark.parametrize(
    ("method", "falls"), [("euler_maruyama", 2.0), pytest.param("ri6", 3.0, marks=pytest.mark.slow)]
)
def test_the_estimate_falls_with_the_step(method, falls):
    coarse, fine = (check_step(request(method, step, 512), 1.0, MEMORY) for step in (1.0, 0.25))
    assert (coarse.step, fine.step) == (1.0, 0.25)
    assert coarse.pairs == fine.pairs == 1024
    assert fine.entropy_error < coarse.entropy_error / falls
    assert coarse.error == max(coarse.collapse_error, coarse.entropy_error)


def test_a_small_step_of_the_ode_has_no_error():
    found = check_step(request("rk4", 0.125, 1), 1.0, MEMORY)
    assert found.pairs == 2
    assert found.error < 1e-5
    assert found.changed == 0.0


def test_a_share_is_rerun_and_never_less_than_two(monkeypatch):
    assert check_step(request("euler_maruyama", 1.0, 64), 1e-6, MEMORY).pairs == 128, "too few to leave any out"
    monkeypatch.setattr(check, "PAIRS", 1)
    found = check_step(request("euler_maruyama", 1.0, 64), 1e-6, MEMORY)
    assert found.pairs == 4
    # Four pairs that are alike do not show that the step is right.
    assert found.collapse_uncertainty > 0.1


@pytest.mark.slow
def test_the_pairs_are_two_runs_on_one_path(monkeypatch):
    """The estimate, remade from single solves: half the step against `substeps=2`."""
    monkeypatch.setattr(check, "PAIRS", 1)
    ensemble = request("euler_maruyama", 1.0, 64)

    def lane(cell, replicate, agents, window):
        params = cast(Star().params(n_agents=8.0), jnp.float64)
        params = dataclasses.replace(params, n_agents=agents, context_window=window)
        options = {"method": ensemble.method, "criteria": ensemble.criteria}
        options |= {"index": cell * jnp.uint32(64) + replicate, "key": ensemble.key}

        def save(t, state, alive):
            return Star().observe(state, params)["normalised_entropy"]

        rough = solve(Star(), params, grid=ensemble.grid, save=save, substeps=2, **options)
        smooth = solve(Star(), params, grid=ensemble.grid.refined(), save=save, **options)
        return rough.saved, smooth.saved, rough.outcome, smooth.outcome

    # The share of one half: 32 trajectories of each cell, numbered as in the whole run.
    cell, replicate = (a.ravel().astype(np.uint32) for a in np.meshgrid(range(2), range(32), indexing="ij"))
    columns = (np.asarray(column)[cell] for column in ensemble.cells.values())
    rough, smooth, was, becomes = (np.asarray(a) for a in jax.jit(jax.vmap(lane))(cell, replicate, *columns))
    found = check_step(ensemble, 0.5, MEMORY)
    assert found.changed == pytest.approx(np.mean(was != becomes))
    difference = (smooth - rough).reshape(2, 32, 9)
    excess = difference.mean(axis=1) ** 2 - difference.var(axis=1, ddof=1) / 32
    assert found.pairs == 64
    expected = np.sqrt(np.maximum(excess.mean(axis=0), 0.0)).max() / (1.0 - 0.5)
    assert found.entropy_error == pytest.approx(expected, rel=1e-8)


def test_a_step_that_fails_is_no_pair():
    found = check_step(request("rk4", 1.0, 1, cells={"focus_rate": np.array([1.0, 1e4])}), 1.0, MEMORY)
    assert found.pairs == 1
    assert np.isfinite(found.error)


def test_the_stiff_path_is_refused_in_float32():
    """Its root finder takes rounding for divergence there; see `AdaptiveStiff`."""
    single = request("adaptive_stiff", 1.0, 1, dtype=np.dtype("float32"))
    with pytest.raises(EnsembleError, match=r"does not converge reliably in float32; set run.precision"):
        single.check()
    request("adaptive_stiff", 1.0, 1).check()


def test_the_stiff_path_takes_one_device():
    assert make_plan(request("adaptive_stiff", 1.0, 1)).devices == 1 < jax.local_device_count()


@pytest.mark.slow
def test_the_stiff_path_runs_in_an_ensemble():
    stiff = request("adaptive_stiff", 1.0, 1, observables=("context",))
    plan = make_plan(stiff)
    ((_, _, found),) = run_chunks(stiff, plan, range(1))
    assert found.failures[:, 1:].sum() == 0
    for cell, values in enumerate(zip(*stiff.cells.values(), strict=True)):
        params = Star().params(**dict(zip(stiff.cells, map(float, values), strict=True)))
        # RK4 at this step is good to 1e-6, the stiff pair at its tolerances to 1e-7.
        exact = solve(Star(), params, grid=Grid.with_step(16.0, 8, 0.0625)).saved.context
        np.testing.assert_allclose(found.observables["context"].mean[cell], exact, atol=1e-5)
