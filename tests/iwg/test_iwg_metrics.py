"""Metrics, against values worked out by hand from the definitions of the public code of arXiv:2606.01351."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from entropyjax.iwg import (
    Budget,
    Checkpoint,
    Difficulty,
    Rules,
    Scheduling,
    WorkflowError,
    drive,
    generate,
    run,
    score,
    scripted,
)
from entropyjax.iwg.metrics import (
    COLUMNS,
    consistency,
    exception_handling,
    faithfulness,
    lcs_f1,
    macro_f1,
    step_success,
    task_success,
)
from entropyjax.iwg.metrics.failures import blame
from entropyjax.iwg.metrics.series import series
from entropyjax.iwg.scheduling import by_dispatch
from entropyjax.iwg.strategy import strategy_of


def lcs(one, other):
    """The textbook's recursion, row by row."""
    table = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for i, a in enumerate(one):
        for j, b in enumerate(other):
            table[i + 1][j + 1] = table[i][j] + 1 if a == b else max(table[i][j + 1], table[i + 1][j])
    return table[-1][-1]


SEQUENCES = st.lists(st.tuples(st.text("abc", max_size=9), st.text("abc", max_size=9)), max_size=8)


@given(SEQUENCES)
def test_lcs_is_that_of_the_textbook(pairs):
    gold, made = [one for one, _ in pairs], [other for _, other in pairs]
    found = lcs_f1(gold, made)
    assert found.length.tolist() == [lcs(*pair) for pair in pairs]
    for length, p, r, f1, one, other in zip(*found, gold, made, strict=True):
        assert p == pytest.approx(length / len(other) if other else 0.0)
        assert r == pytest.approx(length / len(one) if one else 0.0)
        assert f1 == pytest.approx(2 * length / (len(one) + len(other)) if length else 0.0)


def test_lcs_f1_by_hand():
    # s r c against s c r c: s r c in full, or s c c: 3 of 4 and 3 of 3, F1 = 6/7.
    found = lcs_f1([["s", "r", "c"], ["s"], []], [["s", "c", "r", "c"], ["x", "y"], []])
    np.testing.assert_allclose(found.precision, [3 / 4, 0.0, 0.0])
    np.testing.assert_allclose(found.recall, [1.0, 0.0, 0.0])
    np.testing.assert_allclose(found.f1, [6 / 7, 0.0, 0.0])


GOLD = [Checkpoint("exact", "Ulm"), Checkpoint("api", "API(move:/a)"), Checkpoint("predicate", "42", "contains")]


@pytest.mark.parametrize(
    ("found", "task", "step"),
    [
        ([" ulm ", "called move:/a now", "it is 42."], 1.0, 1.0),
        (["in Ulm", "called move:/a now", "it is 42."], 0.0, 2 / 3),
        ([" ulm ", "called move:/a now"], 0.0, 2 / 3),
        (["it is 42.", " ulm ", "called move:/a now"], 0.0, 0.0),
        ([], 0.0, 0.0),
    ],
)
def test_steps_by_hand(found, task, step):
    assert task_success([GOLD], [found]) == [task] and step_success([GOLD], [found]) == [step]


def test_no_checkpoints_are_all_reached():
    assert task_success([[]], [[]]) == [1.0] and step_success([[]], [["x"]]) == [1.0]


@pytest.mark.parametrize(
    ("words", "strategy"),
    [
        ("Please try again, then switch", "retry"),
        ("Re-call the tool", "retry"),
        ("Use a different agent or stop", "switch"),
        ("Fallback to a cache", "switch"),
        ("Give up", "abort"),
        ("Break down the task", "decompose"),
        ("Split it", "decompose"),
        ("ignore it", "other"),
        ("", "other"),
    ],
)
def test_strategies_by_hand(words, strategy):
    assert strategy_of(words) == strategy


def test_exception_handling_by_hand():
    plans = ["Retry once", "Retry once", "", "Ask somebody"]
    assert exception_handling(plans, ["reattempt", "Timeout", "", "Hallucination"]).tolist() == [1.0, 0.0, 1.0, 1.0]


def test_faithfulness_by_hand():
    # Half of "Alma Ulm" stands in the second request, all of "42" in the third; the fourth follows the last checkpoint.
    checkpoints = [["Alma Ulm", "42", "x"], ["a"], ["a"], ["?"]]
    queries = [["Where?", "the town of alma", "add 1 to 42", "all of it, y"], ["first"], [], ["one", "two"]]
    np.testing.assert_allclose(faithfulness(checkpoints, queries), [(0.5 + 1.0 + 0.0) / 3, 1.0, 1.0, 1.0])
    beyond = faithfulness([["a"]], [["q", "no", "beyond"]])
    np.testing.assert_allclose(beyond, [(0.0 + 1.0) / 2])


def test_consistency_by_hand():
    # {a, b, c} and {b, c, d}: two of four.
    np.testing.assert_allclose(consistency(["a b c", "", "x"], ["d, C-b b", "a", "x"]), [0.5, 0.0, 1.0])

    def embed(texts):
        return np.array([[text.count("a"), text.count("b")] for text in texts])

    found = consistency(["aab", "a", "c"], ["b", "aaa", "a"], embed)
    np.testing.assert_allclose(found, [1 / math.sqrt(5), 1.0, 0.0])
    with pytest.raises(WorkflowError, match="one row for each"):
        consistency(["a"], ["b"], lambda texts: np.ones(3))


def test_macro_f1_by_hand():
    # retry: tp 2, fp 1, fn 0: 4/5; switch: tp 1, fp 0, fn 1: 2/3; abort: tp 0, fp 0, fn 1: 0; decompose: fp 1: 0.
    pairs = [("retry", "retry"), ("retry", "retry"), ("switch", "switch"), ("switch", "retry"), ("abort", "decompose")]
    assert macro_f1(pairs) == pytest.approx((4 / 5 + 2 / 3 + 0.0 + 0.0) / 4)
    assert math.isnan(macro_f1([]))


def test_scheduling_vectors():
    roster = ("a", "b", "c")
    assert by_dispatch([["a", "b", "b", "x"]], roster) == Scheduling("parallel", {"a": 0.5, "b": 0.5}, 2 / 3)
    drawn = by_dispatch([["a"], ["a"], ["b"], ["x"]], roster)
    assert drawn == Scheduling("draws", {"a": 2 / 3, "b": 1 / 3}, 0.75)
    assert by_dispatch([["x"]], roster) == by_dispatch([[]], roster) == Scheduling("nothing", {}, 0.0)


INSTANCES = list(generate("retrieval", Difficulty(width=2), count=6))
FLAWED = list(generate("retrieval", Difficulty(executors=4, error_rate=1.0), count=30))


def runs_of(name, instances, **budget):
    made = scripted(name, seed=1)
    return [drive(run(made(one, k), one, Rules(Budget(**budget)))) for k, one in enumerate(instances)]


def test_perfect_runs_score_best():
    chains = list(generate("retrieval", Difficulty(depth=4), count=6))
    scores = score(chains, runs_of("perfect", chains))
    assert set(scores.columns) == set(COLUMNS) and all(len(one) == 6 for one in scores.columns.values())
    best = (
        "lcs_f1",
        "task_success",
        "step_success_rate",
        "exception_handling_f1",
        "faithfulness",
        "success",
        "reached",
    )
    assert {name: scores.means[name] for name in best} == dict.fromkeys(best, 1.0)
    # Thoughts are the only words that the gold text has not.
    assert scores.means["consistency"] > 0.9 and scores.means["answered"] == 1.0
    assert scores.means["orchestrator_faults"] == scores.means["executor_faults"] == 0.0
    assert all(math.isnan(value) for value in scores.blame.values()) and math.isnan(scores.recovery_macro_f1)


def test_parallel_dispatches_have_the_entropy_of_their_number():
    found = series(runs_of("parallel", INSTANCES))
    # Two chains of two side by side, unless one executor serves both; then the step in which they meet.
    assert found.entropy.shape == (6, 3) and set(np.round(found.entropy[:, :2].ravel(), 12)) <= {
        0.0,
        round(math.log(2), 12),
    }
    assert (found.entropy[:, 2] == 0.0).all() and (found.valid_mass == 1.0).all()
    assert found.at_risk.tolist() == [6, 6, 6]
    uniform = series(runs_of("random", INSTANCES, turns=5))
    np.testing.assert_allclose(uniform.entropy, math.log(8), rtol=1e-12)


def test_failures_are_laid_on_whose_they_are():
    chains = list(generate("retrieval", Difficulty(depth=4), count=3))
    ends = {
        "early_stopping": (chains, {}, "orchestrator"),
        "looping": (chains, {"turns": 9}, "orchestrator"),
        "perfect": (chains, {"turns": 2}, "budget"),
    }
    for name, (instances, budget, whose) in ends.items():
        scores = score(instances, runs_of(name, instances, **budget))
        assert scores.blame == {one: float(one == whose) for one in scores.blame}
    flawed = runs_of("perfect", FLAWED, turns=1)
    assert {blame(one) for one in flawed} == {"executor"}
    silent = dataclasses.replace(flawed[0], end="no_reply")
    assert blame(silent) == "orchestrator" and blame(dataclasses.replace(silent, success=True)) == ""


def test_recoveries_of_the_perfect_orchestrator_are_the_gold_ones():
    scores = score(FLAWED, runs_of("perfect", FLAWED))
    assert scores.recovery_macro_f1 == 1.0 and scores.means["exception_handling_f1"] == 1.0
    assert scores.means["success"] == 1.0 and scores.means["executor_faults"] >= 3.0
    # What is reported in another turn than the plan has it counts for nothing there, by definition.
    assert scores.means["task_success"] == 0.0 and scores.means["step_success_rate"] < 0.5


def test_the_cognitive_horizon_is_that_of_the_mean():
    base = runs_of("random", INSTANCES, turns=6)
    masses = [0.5, 0.7, 0.9, 0.97, 0.9, 0.8]

    def with_law(one, shift):
        laws = [Scheduling("law", {"a": p - shift, "b": 1.0 - p + shift}) for p in masses]
        plans = [dataclasses.replace(turn.plan, scheduling=law) for turn, law in zip(one.turns, laws, strict=True)]
        turns = tuple(dataclasses.replace(turn, plan=plan) for turn, plan in zip(one.turns, plans, strict=True))
        return dataclasses.replace(one, turns=turns)

    found = series([with_law(one, 1e-4 * k) for k, one in enumerate(base) if len(one.turns) == 6])
    assert 2.5 < found.cognitive_horizon() < 3.5
    assert math.isnan(series(base[:1]).cognitive_horizon())


def test_runs_that_cannot_be_scored_are_told():
    runs = runs_of("perfect", INSTANCES)
    with pytest.raises(WorkflowError, match="no runs to score"):
        score(INSTANCES, [])
    with pytest.raises(WorkflowError, match="is not among those given"):
        score(INSTANCES[1:], runs)
    stopped = score(INSTANCES, runs_of("early_stopping", INSTANCES))
    # Two turns of a plan of five marks.
    assert stopped.means["reached"] == pytest.approx(2 / len(INSTANCES[0].marks))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"steps": ()}, "A turn has no dispatch"),
        ({"context": -1.0}, "A turn has -1 tokens of context"),
        ({"tokens": float("nan")}, "A turn has nan tokens of tokens"),
    ],
)
def test_turns_that_cannot_be_are_told(change, sentence):
    turn = runs_of("perfect", INSTANCES[:1])[0].turns[0]
    with pytest.raises(WorkflowError, match=sentence):
        dataclasses.replace(turn, **change)
    with pytest.raises(WorkflowError, match=r"holds the probability 1\.5"):
        Scheduling("law", {"a": 1.5})
