"""The loop closed: the parts of scripts/closed_loop.py, and a small form of the whole."""

import sys
from pathlib import Path

import jax
import numpy as np
import pytest
import scipy.stats

from entropyjax import iwg
from entropyjax.iwg.trajectory import Dispatch, Observation, Plan, Reflexion, Scheduling, Step, Trajectory, Turn

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
from loop.fit import counted, studies
from loop.grid import DEPTH, FULL, QUICK, TRUTH, Cell, cells, resolution_rate, truth
from loop.predict import boundary_of_draws, boundary_of_runs, half, held_out, of_truth, trap_cells, trap_of
from loop.runs import ACCOUNTS, Observed, entropies, outcome
from loop.tables import report

ROSTER = tuple("abcdefgh")


def run_of(right, success=True):
    """Return a run whose right executor has these probabilities, turn by turn."""
    seen = Step(Dispatch("a", "q"), Observation("o", "reached"), Reflexion(True))
    laws = [{"a": q} | dict.fromkeys(ROSTER[1:], (1 - q) / 7) for q in right]
    turns = tuple(Turn(Plan(scheduling=Scheduling("law", law)), (seen,), 0.0, 0.0, 0.0) for law in laws)
    return Trajectory("i", "o", turns, "answered", "", success, ROSTER)


def test_the_last_right_dispatch_resolves_and_none_before_it():
    for depth in (1, 2, 20, 50):
        left = (1.0 - resolution_rate(depth)) ** np.arange(depth + 1)
        assert left[depth] <= 0.01 < left[depth - 1]


def test_ends_of_runs_are_those_of_the_criteria():
    # With eight executors h is about 0.33, 0.44, 0.54 and 0.99 at these chances of the right one.
    low, between, over, lost = 0.86, 0.8, 0.74, 0.2
    h = entropies(run_of((low, between, over, lost)))
    known = [scipy.stats.entropy([q, *[(1 - q) / 7] * 7]) / np.log(8) for q in (low, between, over, lost)]
    np.testing.assert_allclose(h, known)
    assert h[0] < 0.4 < h[1] < 0.5 < h[2] < h[3]
    assert outcome(run_of((lost, low, low))) == "resolved"
    assert outcome(run_of((lost, low, lost, lost, low))) == "collapsed"
    assert outcome(run_of((low, over, low))) == "collapsed"
    # Who was never below the lower end of the threshold cannot lose it.
    assert outcome(run_of((between, over, over), False)) == "unresolved"
    assert outcome(run_of((over, lost, lost), False)) == "never_focused"
    found = Observed.of([run_of((low,)), run_of((low, lost, lost)), run_of((lost,), False)])
    assert found[:5] == (3, 2, 1, 2, 5)
    assert found.entropy == pytest.approx(np.log(8) * (h[0] + (h[0] + 2 * h[3]) / 3 + h[3]) / 3)


@pytest.mark.parametrize("size", [FULL, QUICK])
def test_cells_are_told_apart_and_a_third_is_held_out(size):
    found = cells(size)
    assert len({one.name for one in found}) == len({one[:3] for one in found}) == len(found)
    grid = [one for one in found if one.window in size.windows and one.effort in size.efforts]
    held = np.mean([one.held for one in grid])
    assert 0.25 < held < 0.4
    agents, windows, efforts = size.trap
    assert {(agents, w, r) for w in windows for r in efforts} <= {one[:3] for one in found}
    fitted = [one for one in found if not one.held]
    assert {one.executors for one in fitted} == set(size.executors)
    assert {one.effort for one in fitted} == set(size.efforts)


def test_half_is_where_a_logistic_curve_passes_it():
    windows = np.array([32.0, 64.0, 128.0, 256.0])
    shares = 1.0 / (1.0 + np.exp(3.0 * np.log(windows / 100.0)))
    assert half(windows, shares) == pytest.approx(100.0)
    assert np.isnan(half(windows, 0.4 * shares)) and np.isnan(half(windows, 0.5 + 0.5 * shares))
    seen = {w: Observed(400, round(400 * s), 0, 0, 0, 0.0, 0.0) for w, s in zip(windows, shares, strict=True)}
    middle, low, high = boundary_of_runs(seen)
    assert low < 100.0 < high and middle == pytest.approx(100.0, rel=0.02) and high / low < 1.15
    assert all(np.isnan(boundary_of_runs({w: Observed(9, 0, 0, 9, 0, 0.0, 0.0) for w in windows})))


def test_tokens_are_counted_as_they_were_made():
    from entropyjax import Star, trajectory_traces

    runs = []
    for number, n in enumerate((4, 16)):
        cell = Cell(n, 96.0, 0.5, False)
        knobs = iwg.Difficulty(executors=n, depth=DEPTH, similarity=1.0)
        made = list(iwg.generate("retrieval", knobs, count=12))
        key = jax.random.key(number)
        runs += iwg.simulate(Star(), truth(cell), made, key, rules=iwg.Rules(iwg.Budget(40)))
    found = counted(trajectory_traces(runs))
    assert found["system_tokens"] == pytest.approx(1.0, abs=1e-6)
    assert found["roster_tokens"] == pytest.approx(0.3, abs=1e-6)
    assert found["compaction_rate"] == pytest.approx(0.08, abs=1e-6)
    # Some 500 steps with a deviation of 0.5 ktok: four standard errors.
    assert found["executor_tokens"] == pytest.approx(1.0, abs=0.1)
    assert found["error_tokens"] == pytest.approx(6.0, abs=0.15)


@pytest.mark.slow
def test_the_loop_closes():
    found = next(studies(ACCOUNTS[0], QUICK))
    inside = [
        float(low) <= true <= float(high)
        for true, (low, high) in ((v, found.fit.interval.sel(label=k).values) for k, v in TRUTH.items())
    ]
    assert sum(inside) >= 4
    held = held_out(found)
    failed = [one for one in held if one.kind == "failed"]
    assert np.mean([one.inside for one in failed]) >= 0.8
    # By the true parameters: 20 runs of a cell, and no cell beyond four standard errors.
    for one in held:
        spread = np.sqrt(max(one.truth * (1.0 - one.truth), 0.01) / 20)
        assert abs(one.share - one.truth) < 4.0 * spread
    bands = np.nanquantile(boundary_of_draws(found.draws, (16, 32), QUICK), [0.0, 1.0], axis=1)
    true = boundary_of_draws(of_truth(found.account, found.tokens), (16, 32), QUICK)[:, 0]
    assert np.all(bands[0] * 0.95 < true) and np.all(true < bands[1] * 1.05)
    row = trap_cells(found, QUICK.trap[1][0])
    best, labels = trap_of(found.draws, row)
    assert 0.8 < best.min() < best.max() < 3.0 and labels[0] == "BELOW" and labels[-1] == "TRAP"
    good = [1.0 - found.observed[cell].failed / found.observed[cell].runs for cell in row]
    assert good[1] > 0.7 and max(good[0], good[2]) < 0.3
    assert "\n".join(report(found, whole=True)).count("| yes |") == sum(inside)
