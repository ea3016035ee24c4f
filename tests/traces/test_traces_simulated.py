"""Logs of simulated runs: trajectories that the solver gives too, and dispatches with the chances of the model."""

import gzip
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from entropyjax.agents import AgentError
from entropyjax.models import Mesh, Replicator, Star
from entropyjax.solve import METHODS, Criteria, Grid, solve
from entropyjax.traces import RunRecord, StepRecord, TraceError, read_traces, simulated_traces, trace_set, write_traces

STAR = Star()
KEY = jax.random.key(3)


SIZE = {"runs": 4, "tasks": 300, "steps": 16, "key": KEY}
"""One size for all, so that one program does for all."""


@pytest.fixture(scope="module")
def logs():
    """Tasks of which about half are resolved, and the scheduling vectors."""
    params = STAR.params(n_agents=4, resolution_rate=0.5, evidence=1.5, error_tokens=1.0)
    return params, simulated_traces(STAR, params, **SIZE, log_probabilities=True)


def test_contexts_are_those_of_the_solver():
    params, steps, epsilon, lanes = STAR.params(resolution_rate=0.0), 16, 0.25, 6
    found = simulated_traces(STAR, params, **SIZE, epsilon=epsilon)
    grid, method = Grid(steps * epsilon, steps, 1), METHODS.get("agents")()

    def one(index):
        return solve(STAR, params, grid=grid, key=KEY, index=index, method=method).saved.context

    expected = np.asarray(jax.jit(jax.vmap(one))(jnp.arange(lanes, dtype=jnp.uint32)))
    context, tokens = (each.reshape(1200, steps)[:lanes] for each in (found.context, found.tokens))
    static = params.system_tokens + params.n_agents * params.roster_tokens
    # The load over its own scale: a few roundings of numbers near 30 ktok.
    np.testing.assert_allclose(context, static + expected[:, :steps], rtol=1e-12)
    assert (found.lengths == steps).all() and (found.success == 0).all()
    # Tokens are what remains when forgetting is taken out.
    kept = 1.0 - epsilon * params.compaction_rate
    np.testing.assert_allclose(tokens[:, :-1], expected[:, 1:steps] - kept * expected[:, : steps - 1], rtol=1e-9)


def test_runs_of_a_task_share_its_right_executors(logs):
    _, found = logs
    right = np.full((300, 16), -1)
    task, place = found.task[found.run], found.place
    for k, t, agent, error in zip(task, place, found.agent, found.error, strict=True):
        if not error:
            assert right[k, t] in (-1, agent)
            right[k, t] = agent
    seen = np.bincount(right[right >= 0], minlength=4)
    assert scipy.stats.chisquare(seen).pvalue > 1e-3
    # The right executor has the first place in its own vector.
    best = np.exp(found.log_probability)
    np.testing.assert_allclose(best.sum(axis=1), 1.0, rtol=1e-12)
    chance = best[np.arange(len(place)), found.agent]
    wrong = found.error == 1
    np.testing.assert_allclose(best[~wrong].sum(axis=1) - chance[~wrong], 3 * np.sort(best[~wrong], axis=1)[:, 1])


def test_dispatches_have_the_chances_that_the_model_gives(logs):
    _, found = logs
    # The sum of 1[agent = j] - p_j is a martingale: its standard deviation is the root of the summed variances.
    p = np.exp(found.log_probability)
    for j in range(4):
        excess = (found.agent == j) - p[:, j]
        assert abs(excess.sum()) < 4.0 * np.sqrt((p[:, j] * (1 - p[:, j])).sum())
    # Given wrong, the others are equally likely: by their distance from the most likely at focused steps.
    clear = p.max(axis=1) > 0.3
    shift = (found.agent - p.argmax(axis=1))[clear & (found.error == 1)] % 4
    assert set(shift) == {1, 2, 3} and scipy.stats.chisquare(np.bincount(shift)[1:]).pvalue > 1e-3


def test_runs_end_when_their_task_is_resolved(logs):
    params, found = logs
    assert 0.1 < found.success.mean() < 0.9
    rights = np.bincount(found.run, weights=found.error == 0, minlength=len(found)).astype(int)
    # Each right dispatch leaves half of what is left: seven of them pass 1 - s_tol = 0.99.
    assert (rights[found.success == 1] == 7).all() and (rights[found.success == 0] < 7).all()
    assert (found.lengths[found.success == 0] == 16).all()
    ends = found.offsets[1:][found.success == 1] - 1
    assert (found.error[ends] == 0).all()
    eager = Criteria(progress_tolerance=0.4)
    short = simulated_traces(STAR, params, **SIZE, criteria=eager)
    assert short.success.mean() > found.success.mean()


def test_only_confusable_executors_are_taken_for_the_right_one():
    params = STAR.params(n_agents=7, roster_similarity=1 / 3, evidence=0.0)
    found = simulated_traces(STAR, params, **SIZE, log_probabilities=True)
    assert (np.isfinite(found.log_probability).sum(axis=1) == 3).all()
    assert np.isfinite(found.log_probability[np.arange(len(found.agent)), found.agent]).all()


def test_parameters_may_differ_between_tasks():
    evidence = np.repeat([0.0, 30.0], 150)
    found = simulated_traces(STAR, STAR.params(evidence=evidence, error_tokens=0.0), **SIZE)
    errors = [found.error[found.task[found.run] // 150 == k].mean() for k in range(2)]
    # With eight executors that look alike seven dispatches of eight are wrong.
    assert abs(errors[0] - 7 / 8) < 0.02 and errors[1] < 0.2
    alone = simulated_traces(STAR, STAR.params(evidence=0.0, error_tokens=0.0), **SIZE)
    half = found.offsets[600]
    np.testing.assert_array_equal(alone.agent[:half], found.agent[:half])


@pytest.mark.parametrize(
    ("model", "values", "more", "sentence"),
    [
        (Replicator(), {}, {}, "Replicator does not choose by one gap"),
        (Mesh(), {}, {}, "Mesh does not choose"),
        (STAR, {"n_agents": 4.5}, {}, "n_agents is 4.5"),
        (STAR, {"n_agents": np.array([4.0, 5.0])}, {}, "n_agents is 4, 5"),
        (STAR, {"roster_similarity": 0.5}, {}, "is 3.5, and logs need a whole number"),
        (STAR, {"evidence": np.ones(3)}, {}, r"shape \(3,\)"),
        (STAR, {}, {"runs": 0}, "0 runs of 2 tasks"),
        (STAR, {"compaction_rate": 0.9}, {"epsilon": 2.0}, "must stay below 1"),
    ],
)
def test_what_cannot_be_simulated_is_told(model, values, more, sentence):
    with pytest.raises(AgentError, match=sentence):
        simulated_traces(model, model.params(**values), **{"runs": 1, "tasks": 2, "steps": 3, "key": KEY} | more)


def test_single_precision_gives_the_same_dispatches(logs):
    params, found = logs
    with jax.enable_x64(False):
        single = simulated_traces(STAR, params, **SIZE | {"key": jax.random.key(3)})
    # Uniforms and normals are rounded to 24 bits, so that few dispatches differ, and those change what follows.
    same = single.dispatches() == found.dispatches()
    assert same.mean() > 0.99


@pytest.mark.parametrize("name", ["runs.jsonl", "runs.jsonl.gz"])
def test_what_is_written_is_read_back(tmp_path, logs, name):
    _, found = logs
    back = read_traces(write_traces(found, tmp_path / "new" / name))
    assert str(back) == str(found) and list(back.run_id) == list(found.run_id)
    for column in ("task", "trial", "success", "failure_step", "offsets", "step", "turn", "error"):
        np.testing.assert_array_equal(getattr(back, column), getattr(found, column))
    order = [found.agents.index(agent) for agent in back.agents]
    np.testing.assert_array_equal(np.array(order)[back.agent], found.agent)
    # Files hold a millionth of a token.
    np.testing.assert_allclose(back.context, found.context, rtol=0, atol=1e-9)
    np.testing.assert_allclose(back.log_probability, found.log_probability[:, order], rtol=1e-15)
    assert [one.name for one in (tmp_path / "new").iterdir()] == [name]


def test_unknown_stays_unknown(tmp_path):
    runs = [
        RunRecord("r", "t", "s", "m", [StepRecord(None, 3, 1), StepRecord("é", 4, 1, error=True)], ("é", "b")),
        RunRecord("q", "t", "s", "m", [], ("b",), trial=3, success=False, failure_step=2),
    ]
    path = write_traces(trace_set(runs), tmp_path / "a.jsonl")
    first = json.loads(path.read_text().splitlines()[0])
    assert first["steps"][0]["agent"] is None and first["steps"][0]["tokens_step"] is None and first["success"] is None
    back = read_traces(path)
    assert back.agent.tolist() == [-1, 0] and back.step.tolist() == [3, 4] and back.turn.tolist() == [1, 1]
    assert back.success.tolist() == [-1, 0] and back.trial.tolist() == [-1, 3] and back.failure_step.tolist() == [-1, 2]
    assert np.isnan(back.context).all() and back.rosters[back.roster].tolist() == [[True, True], [False, True]]


def test_nothing_is_overwritten_or_left_behind(tmp_path):
    traces = trace_set([RunRecord("r", "t", "s", "m", [])])
    path = write_traces(traces, tmp_path / "a.jsonl.gz")
    assert json.loads(gzip.decompress(path.read_bytes()))["run_id"] == "r"
    with pytest.raises(TraceError, match="exists already"):
        write_traces(traces, path)
    (tmp_path / "file").write_text("")
    with pytest.raises(TraceError, match="cannot be written"):
        write_traces(traces, tmp_path / "file" / "b.jsonl")
    broken = trace_set([RunRecord("r", "t", "s", "m", [])])
    object.__setattr__(broken, "tasks", ())
    with pytest.raises(IndexError):
        write_traces(broken, tmp_path / "c.jsonl")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.jsonl.gz", "file"]
