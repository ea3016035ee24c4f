"""Environment, loop and orchestrators: what a dispatch brings, what a run costs, how it ends."""

import collections
import dataclasses
import itertools

import jax
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, strategies as st

from entropyjax.agents import AgentError
from entropyjax.iwg import (
    FAMILIES,
    POLICIES,
    SCRIPTED,
    Budget,
    Difficulty,
    Environment,
    Rules,
    State,
    Trajectory,
    WorkflowError,
    decode,
    drive,
    encode,
    generate,
    run,
    scripted,
    simulate,
)
from entropyjax.iwg.board import Board
from entropyjax.iwg.checkpoint import hidden
from entropyjax.iwg.history import Entry, size
from entropyjax.iwg.lockstep import Ask, lockstep
from entropyjax.iwg.loop import static_prompt
from entropyjax.iwg.trajectory import BoardUpdate, Dispatch
from entropyjax.models import Replicator, Star
from entropyjax.traces import simulated_traces
from entropyjax.traces.workflows import trajectory_traces

STAR = Star()
RULES = Rules(Budget(turns=40))


def made(family="retrieval", seed=0, **knobs):
    return next(generate(family, Difficulty(**knobs), seed=seed))


def outcomes(trajectory):
    return [step.observation.outcome for turn in trajectory.turns for step in turn.steps]


@given(st.sampled_from(FAMILIES.names()), st.integers(0, 10**6), st.integers(1, 3), st.floats(0, 1))
def test_the_perfect_orchestrator_reaches_every_checkpoint(family, seed, width, error_rate):
    instance = made(family, seed, width=width, error_rate=error_rate, extensions=1)
    for name in ("perfect", "parallel"):
        done = drive(run(scripted(name)(instance, 0), instance, dataclasses.replace(RULES, strict=True)))
        assert done.success and done.end == "answered" and done.answer == instance.seed.answer
        met = collections.Counter(outcomes(done))
        strategies = [one.strategy for one in instance.exceptions]
        assert met["reached"] == len(instance.marks) and met["partial"] == strategies.count("decompose")
        assert met["exception"] == len(strategies) and set(met) <= {"reached", "partial", "exception"}
        assert done.turns[0].problems == () and decode(Trajectory, encode(done)) == done
        if name == "parallel" and not error_rate:
            # Chains run side by side: as many turns as the longest path has marks.
            assert len(done.turns) == 4


def test_outcomes_of_dispatches():
    instance = made(depth=3, executors=4)
    first, second, _ = instance.marks
    environment, start = Environment(instance, strict=True), State()
    ask = {mark.id: Dispatch(mark.executor, instance.stage[mark.id].prompt, mark=mark.id) for mark in instance.marks}
    other = next(name for name in instance.roster if name != first.executor)

    def outcome(state, dispatch):
        after, seen = environment.answer(state, dispatch)
        return after, seen.outcome, seen.output

    assert outcome(start, Dispatch("Nobody", ""))[:2] == (start, "unknown_executor")
    state, found, said = outcome(start, dataclasses.replace(ask["m1"], executor=other))
    assert state == start and found == "wrong_executor" and said in instance.distractors
    assert outcome(start, ask["m2"])[:2] == (start, "premature")
    reached, found, said = outcome(start, ask["m1"])
    assert found == "reached" and reached.reached == {"m1"} and said == instance.stage["m1"].output
    assert outcome(reached, ask["m1"])[:2] == (reached, "repeated")
    assert outcome(reached, dataclasses.replace(ask["m2"], query="And now?"))[1] == "missing_input"
    assert Environment(instance).answer(reached, dataclasses.replace(ask["m2"], query="And?"))[1].outcome == "reached"
    assert environment.answer(reached, ask["m2"], since=start)[1].outcome == "premature"
    assert [one.id for one in environment.ready(reached)] == ["m2"] and not environment.done(reached)
    # Without the mark's name the executor tells what is meant.
    assert outcome(start, Dispatch(first.executor, "?"))[0].reached == {"m1"}
    if second.executor != first.executor:
        assert outcome(start, Dispatch(second.executor, "?"))[1] in ("premature", "wrong_executor")


def test_a_query_tells_which_of_two_marks_is_meant():
    instance = made(executors=1, depth=2, width=2)
    leaves = [mark.id for mark in instance.marks if not mark.dependencies]
    for leaf in leaves:
        seen = Environment(instance).answer(State(), Dispatch("Almanac_1", instance.stage[leaf].prompt))[1]
        assert (seen.mark, seen.outcome) == (leaf, "reached")


@pytest.mark.parametrize(
    ("strategy", "path", "found"),
    [
        ("retry", "aa", ["exception", "reached"]),
        ("decompose", "aaa", ["exception", "partial", "reached"]),
        ("switch", "aab", ["exception", "exception", "reached"]),
        ("switch", "ba", ["wrong_executor", "exception"]),
        ("abort", "aaa", ["exception"] * 3),
    ],
)
def test_exceptions_are_mended_by_their_gold_recovery_alone(strategy, path, found):
    instance = made(error_rate=1.0, executors=3)
    mark = instance.marks[0]
    backup = next(name for name in instance.roster if name != mark.executor)
    scenario = dataclasses.replace(instance.exceptions[0], strategy=strategy, backup=backup)
    instance = dataclasses.replace(instance, exceptions=(scenario,))
    state, seen = State(), []
    for letter in path:
        asked = Dispatch(mark.executor if letter == "a" else backup, "", mark=mark.id)
        state, one = Environment(instance).answer(state, asked)
        seen.append(one)
    assert [one.outcome for one in seen] == found
    value = hidden(instance.stage[mark.id].checkpoint)
    assert all((value in one.output) == (one.outcome == "reached") for one in seen)
    assert all((one.exception == scenario.kind) == (one.outcome == "exception") for one in seen)


def test_scripted_orchestrators_do_what_their_names_say():
    instance = made(executors=8, similarity=1.0)
    runs = {name: drive(run(scripted(name)(instance, 0), instance, RULES)) for name in SCRIPTED}
    assert [len(one.turns) for one in runs.values()] == [3, 3, len(runs["random"].turns), 40, 2]
    looped = outcomes(runs["looping"])
    assert looped == ["reached"] + ["repeated"] * 39 and runs["looping"].end == "step_budget"
    assert runs["early_stopping"].end == "answered" and not runs["early_stopping"].success
    assert {step.dispatch.query for turn in runs["looping"].turns for step in turn.steps} == {instance.stages[0].prompt}


def test_the_random_orchestrator_is_uniform_and_its_runs_independent():
    instance = made(executors=5, depth=1)
    runs = [drive(run(scripted("random", seed=7)(instance, k), instance, Rules())) for k in range(400)]
    # Until the one right executor of five is met: geometric.
    lengths = np.array([len(one.turns) for one in runs])
    assert abs(lengths.mean() - 5.0) < 4.0 * np.sqrt(20.0 / 400)
    picked = [turn.steps[0].dispatch.executor for one in runs for turn in one.turns]
    assert scipy.stats.chisquare([picked.count(name) for name in instance.roster]).pvalue > 1e-3


def test_tokens_are_those_of_the_texts():
    instance = made()
    done = drive(run(scripted("perfect")(instance, 0), instance, Rules(counter=len)))
    context = len(static_prompt(instance))
    for turn in done.turns:
        (step,) = turn.steps
        said = f"{step.dispatch.executor} was asked: {step.dispatch.query}\n{step.observation.output}"
        assert (turn.context, turn.reasoning) == (context, len(turn.plan.thought))
        assert turn.tokens == len(said) + turn.reasoning
        context += turn.tokens


def test_budgets_and_policies():
    instance = made("arithmetic", depth=12, output_tokens=400)
    static = -(-len(static_prompt(instance)) // 4)

    def ended(policy="keep", **budget):
        rules = Rules(Budget(**budget), POLICIES[policy])
        return drive(run(scripted("perfect")(instance, 0), instance, rules))

    full = ended(context=static + 1500.0)
    assert full.end == "context_full" and len(full.turns) == 4
    for policy in ("truncate", "compact"):
        done = ended(policy, context=static + 1500.0)
        assert done.success and max(turn.context for turn in done.turns) <= static + 1500.0
    cut = ended(tokens=5000.0)
    # Each call reads its context and writes its thought.
    spent = [turn.context + turn.reasoning for turn in cut.turns]
    assert (
        spent == [turn.spent for turn in cut.turns]
        and cut.end == "token_budget"
        and sum(spent) >= 5000.0 > sum(spent[:-1])
    )
    with pytest.raises(WorkflowError, match="The budget of turns is 0"):
        Budget(turns=0)


@given(st.lists(st.integers(0, 50), max_size=12), st.integers(0, 200))
def test_policies_keep_what_is_newest_and_fits(sizes, room):
    history = tuple(Entry("x" * n, n, "s" * min(n, 3)) for n in sizes)
    for name in ("truncate", "compact"):
        kept = POLICIES[name](history, room, len)
        assert size(kept) <= room and len(kept) <= len(history)
        texts = {(one.text, one.summary) for one in history} | {(one.summary, one.summary) for one in history}
        assert all((one.text, one.summary) in texts for one in kept)
    longest = next(k for k in range(len(sizes) + 1) if sum(sizes[k:]) <= room)
    assert POLICIES["truncate"](history, room, len) == history[longest:]
    assert POLICIES["keep"](history, room, len) is history


def test_the_board_takes_what_is_sound_and_tells_the_rest():
    board, problems = Board().updated(
        [
            BoardUpdate("ADD", "a"),
            BoardUpdate("ADD", "b", ("a",)),
            BoardUpdate("ADD", "a"),
            BoardUpdate("MODIFY", "c"),
            BoardUpdate("ADD", "d", ("e",)),
            BoardUpdate("MODIFY", "a", ("b",)),
            BoardUpdate("ADD", ""),
            BoardUpdate("MODIFY", "a", (), "completed", "42"),
        ]
    )
    assert str(board) == "- a: completed, result: 42\n- b: pending, after a" and str(Board()) == "(empty)"
    told = ("there already", "MODIFY of the task 'c'", "depends on 'e'", "'a' would depend on itself", "no task")
    assert all(words in problem for words, problem in zip(told, problems, strict=True))


def test_lockstep_answers_all_that_wait_at_once():
    asked = []

    async def one(number):
        return [await Ask((number, turn)) for turn in range(number)]

    def answer(questions):
        asked.append(questions)
        return [number * 10 + turn for number, turn in questions]

    assert lockstep([one(k) for k in (2, 0, 3)], answer) == [[20, 21], [], [30, 31, 32]]
    assert asked == [[(2, 0), (3, 0)], [(2, 1), (3, 1)], [(3, 2)]]
    with pytest.raises(RuntimeError, match="waits for something outside"):
        drive(one(1))


INSTANCES = list(generate("retrieval", Difficulty(depth=10, error_tokens=300), count=15))
SIZE = {"rules": Rules(Budget(turns=24)), "runs": 4}


def test_simulated_orchestrators_are_the_agent_level_simulator():
    params, key = STAR.params(resolution_rate=0.0, evidence=5.0), jax.random.key(5)
    runs = simulate(STAR, params, INSTANCES, key, **SIZE)
    expected = simulated_traces(STAR, params, runs=4, tasks=15, steps=24, key=key)
    found = trajectory_traces(runs)
    lengths = found.lengths
    assert lengths.min() >= 10 and (found.success == 1).any()
    kept = np.concatenate([expected.offsets[k] + np.arange(n) for k, n in enumerate(lengths)])
    # Only rounding differs: one program runs step by step, the other through time.
    np.testing.assert_allclose(found.context, expected.context[kept], rtol=1e-12)
    np.testing.assert_allclose(found.tokens, expected.tokens[kept], rtol=1e-12)
    np.testing.assert_array_equal(found.error, expected.error[kept])
    assert found.error.mean() > 0.1
    # The law is the model's: right and wrong dispatches as often as it says (a martingale, four deviations).
    chance = np.exp(found.log_probability)
    np.testing.assert_allclose(chance.sum(axis=1), 1.0, rtol=1e-12)
    taken = chance[np.arange(len(found.agent)), found.agent]
    right = np.where(found.error == 0, taken, 1.0 - 7.0 * taken)
    assert abs(np.sum((found.error == 0) - right)) < 4.0 * np.sqrt(np.sum(right * (1.0 - right)))


def test_measured_runs_read_their_context_off_the_run():
    narrow = simulate(STAR, STAR.params(context_window=2.0), INSTANCES, jax.random.key(1), **SIZE, measured=True)
    wide = simulate(STAR, STAR.params(context_window=64.0), INSTANCES, jax.random.key(1), **SIZE, measured=True)
    faults = [np.mean([o == "wrong_executor" for one in runs for o in outcomes(one)]) for runs in (narrow, wide)]
    # Half-attention at 1 ktok, which prompt and history soon pass: 0.19 of the evidence is left at 2 ktok.
    assert faults[0] > 0.5 and faults[1] < 0.25
    for one in narrow:
        steps = [turn.context + turn.tokens for turn in one.turns]
        np.testing.assert_allclose(steps[:-1], [turn.context for turn in one.turns[1:]])
        # Each turn thinks for tau_r.
        assert {turn.reasoning for turn in one.turns} == {500.0}


def test_parameters_may_differ_between_runs_and_repeats_are_independent():
    evidence = np.repeat([0.0, 20.0], 30)
    runs = simulate(STAR, STAR.params(evidence=evidence, error_tokens=0.0), INSTANCES, jax.random.key(2), **SIZE)
    faults = [
        [o == "wrong_executor" for one in runs[part] for o in outcomes(one)] for part in (slice(30), slice(30, 60))
    ]
    assert abs(np.mean(faults[0]) - 7 / 8) < 0.06 and np.mean(faults[1]) < 0.2
    assert [one.trial for one in runs[:5]] == [0, 1, 2, 3, 0]
    texts = [tuple(outcomes(one)) for one in runs[:4]]
    assert all(a != b for a, b in itertools.combinations(texts, 2))


@pytest.mark.parametrize(
    ("model", "values", "error", "sentence"),
    [
        (Replicator(), {}, AgentError, "Replicator does not choose by one gap"),
        (STAR, {"n_agents": 9.0}, WorkflowError, "has 8 executors and n_agents is 9"),
        (STAR, {"roster_similarity": 0.5}, AgentError, "whole number of executors"),
        (STAR, {"compaction_rate": 1.5}, AgentError, "must stay below 1"),
    ],
)
def test_what_cannot_be_simulated_is_told(model, values, error, sentence):
    with pytest.raises(error, match=sentence):
        simulate(model, model.params(**values), INSTANCES[:1], jax.random.key(0))


@pytest.mark.slow
def test_single_precision_gives_the_same_runs():
    def dispatched():
        made = simulate(STAR, STAR.params(evidence=5.0), INSTANCES, jax.random.key(5), **SIZE)
        return [tuple(outcomes(one)) for one in made]

    double = dispatched()
    with jax.enable_x64(False):
        single = dispatched()
    # Draws are rounded to 24 bits: few runs differ.
    assert np.mean([a == b for a, b in zip(double, single, strict=True)]) > 0.9
