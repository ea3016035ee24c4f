"""Chat models as scout, wrapper, solver and orchestrator: a scripted model stands in for the endpoint."""

import asyncio
import json
import math
import re

import pytest

from entropyjax.iwg import (
    Budget,
    ChatEngine,
    ChatError,
    ChatOrchestrator,
    ChatSettings,
    ChatSolver,
    ContextError,
    Difficulty,
    Exchange,
    Executor,
    Extraction,
    Keeping,
    Message,
    Options,
    Replay,
    Reply,
    ReplyError,
    Rules,
    Seed,
    Solution,
    WorkflowError,
    decode,
    drive,
    encode,
    findings,
    generate,
    run,
    scheduling_vector,
    validate,
)
from entropyjax.iwg.checkpoint import hidden
from entropyjax.iwg.replies import ask, json_object

ROSTER = ("Almanac_1", "Almanac_2", "Bureau_1")


class Fake:
    """Answers with what a function of the last message gives; counts how often."""

    def __init__(self, answer):
        self.answer, self.calls = answer, []

    async def reply(self, messages, options):
        self.calls.append((tuple(messages), options))
        found = self.answer(messages[-1].content)
        if isinstance(found, Exception):
            raise found
        return found if isinstance(found, Reply) else Reply(found if isinstance(found, str) else json.dumps(found))


def in_turn(*answers):
    left = list(answers)
    return Fake(lambda text: left.pop(0))


def tokens(*alternatives):
    return tuple(tuple((token, math.log(p)) for token, p in one) for one in alternatives)


def test_log_probabilities_by_hand():
    text = '{"executor": "Almanac_2", "query": "?"}'
    logprobs = tokens(
        [('{"executor"', 1.0)],
        [(": ", 1.0)],
        # The first token of the name begins before it; a branch leads to Bureau_1, one to no name.
        [('"Al', 0.6), ('"Bu', 0.3), ('"Zoo', 0.1)],
        [("manac_", 0.9), ("bert", 0.1)],
        [("2", 0.5), ("1", 0.4), ("3", 0.1)],
        [('", "query": "?"}', 1.0)],
    )
    found = scheduling_vector(Reply(text, logprobs=logprobs), ROSTER, re.compile(r'"executor"\s*:\s*"'))
    # 0.6 * 0.9 * 0.4, 0.6 * 0.9 * 0.5 and 0.3: together 0.786.
    assert found.source == "log-probabilities" and found.valid_mass == pytest.approx(0.786)
    expected = {"Almanac_1": 0.216 / 0.786, "Almanac_2": 0.27 / 0.786, "Bureau_1": 0.3 / 0.786}
    assert found.probability == pytest.approx(expected) and found.missing < 1e-12


def test_the_first_place_of_a_name_counts():
    head, rest = '[{"executor": "', '"}, {"executor": "Bureau_1"}]'
    logprobs = tokens([(head, 1.0)], [("Zoo", 0.75), ("Bureau_1", 0.25)], [(rest, 1.0)])
    found = scheduling_vector(Reply(f"{head}Zoo{rest}", logprobs=logprobs), ROSTER, '"executor": "')
    assert (found.source, found.probability, found.valid_mass) == ("log-probabilities", {"Bureau_1": 1.0}, 0.25)


def test_json_objects_are_found_in_prose():
    assert json_object('Sure! {not this} {"a": {"b": 1}} and {"c": 2}') == {"a": {"b": 1}}
    with pytest.raises(WorkflowError, match="no JSON object in the reply 'none"):
        json_object("none {at all")


def test_replies_that_cannot_be_read_are_asked_for_again():
    chat = in_turn("no", {"a": 1})
    assert drive(ask(chat, [Message("user", "?")], Options(), dict)) == ({"a": 1}, Reply('{"a": 1}'))
    again = chat.calls[1][0]
    assert [one.role for one in again] == ["user", "assistant", "user"] and "no JSON object" in again[-1].content
    with pytest.raises(ChatError, match="No reply of the model could be read in 2 attempts"):
        drive(ask(in_turn("no", "no"), [Message("user", "?")], Options(), dict))


INSTANCE = next(generate("retrieval", Difficulty(executors=3, similarity=0.0)))


def gold(text, instance=INSTANCE, usage=True):
    """What a model says that does everything right, told from its prompt alone."""
    if "judge" in text:
        said = text.split("It said:\n")[1]
        found = [hidden(one.checkpoint) for one in instance.stages if hidden(one.checkpoint) in said]
        made = {"success": bool(found), "summary": found[-1] if found else "", "error": "", "recovery": ""}
        return Reply(json.dumps(made), input_tokens=50)
    values = [hidden(one.checkpoint) for one in instance.stages]
    seen = text.split("What happened so far:")[1]
    number = sum(value in seen for value in values)
    if number == len(values):
        return {"answer": instance.seed.answer}
    mark = instance.marks[number]
    # Models say more than they are asked for.
    dispatch = {"executor": mark.executor, "query": instance.stages[number].prompt, "task": "t", "why": [1]}
    made = {"thought": "so", "dispatches": [dispatch], "updates": [], "answer": ""}
    return Reply(json.dumps(made), input_tokens=100, output_tokens=9, reasoning_tokens=7) if usage else made


def test_a_chat_model_that_does_everything_right():
    chat = Fake(gold)
    done = drive(run(ChatOrchestrator(chat, "fake"), INSTANCE, Rules(strict=True)))
    assert done.success and done.end == "answered" and done.answer == INSTANCE.seed.answer
    # A plan reads 100 tokens and writes 9; of a conclusion the model counts only what it reads.
    assert [(turn.context, turn.reasoning, turn.spent) for turn in done.turns] == [(100.0, 7.0, 159.0)] * 3
    assert {turn.plan.scheduling.source for turn in done.turns} == {"parallel"}
    assert [step.reflexion.summary for turn in done.turns for step in turn.steps] == [
        hidden(one.checkpoint) for one in INSTANCE.stages
    ]
    # The roster is in the schema, and the judge's words are in no prompt.
    assert all(name in chat.calls[0][1].schema for name in INSTANCE.roster)
    assert "reached" not in " ".join(message.content for messages, _ in chat.calls for message in messages)


def test_plans_are_drawn_again_for_the_scheduling_vector():
    options = Options(temperature=1.0, seed=3)
    count = iter(range(100))

    def answer(text):
        made = gold(text, usage=False)
        # Of every five plans the fourth names another executor, the fifth nobody that can be read.
        if isinstance(made, dict) and "dispatches" in made and (place := next(count) % 5) > 2:
            made["dispatches"][0]["executor"] = "Bureau_1"
            return "?" if place == 4 else made
        return made

    chat = Fake(answer)
    settings = ChatSettings(options, resample=4)
    done = drive(run(ChatOrchestrator(chat, "fake", settings), INSTANCE, Rules()))
    law = done.turns[0].plan.scheduling
    right = INSTANCE.marks[0].executor
    assert law.source == "draws" and law.valid_mass == 0.75
    expected = {right: 1.0} if right == "Bureau_1" else {right: 2 / 3, "Bureau_1": 1 / 3}
    assert law.probability == pytest.approx(expected)
    plans = [options for messages, options in chat.calls if "What happened" in messages[0].content]
    assert [one.seed for one in plans[:5]] == [3, 4, 5, 6, 7]
    for settings, sentence in (({"resample": 4}, "all alike"), ({"options": options, "resample": 1}, "at least 2")):
        with pytest.raises(WorkflowError, match=sentence):
            ChatSettings(**settings)


def test_models_that_fail_end_their_run_and_no_other():
    named = {"dispatches": [{"executor": "Zoo", "query": "?"}]}
    wrong = Fake(lambda text: {"success": False, "error": "wrong"} if "judge" in text else named)
    done = drive(run(ChatOrchestrator(wrong, "fake"), INSTANCE, Rules(Budget(turns=3))))
    assert done.end == "step_budget" and {s.observation.outcome for t in done.turns for s in t.steps} == {
        "unknown_executor"
    }
    law = done.turns[0].plan.scheduling
    assert (law.source, law.valid_mass) == ("nothing", 0.0)
    for chat in (Fake(lambda text: "Hm."), Fake(lambda text: {})):
        done = drive(run(ChatOrchestrator(chat, "fake"), INSTANCE, Rules()))
        assert done.end == "no_reply" and done.turns == () and not done.success
        assert done.problem.startswith("No reply of the model could be read in 2 attempts.")
    done = drive(run(ChatOrchestrator(Fake(lambda text: ContextError("Too long.")), "fake"), INSTANCE, Rules()))
    assert (done.end, done.problem) == ("context_full", "Too long.")
    # What an endpoint does says nothing of the orchestrator.
    with pytest.raises(ChatError, match="429"):
        drive(run(ChatOrchestrator(Fake(lambda text: ChatError("429")), "fake"), INSTANCE, Rules()))


def test_a_model_that_names_nobody_for_long_is_stopped():
    wrong = Fake(lambda text: gold(text) if "judge" in text else {"dispatches": [{"executor": "Zoo", "query": "?"}]})
    done = drive(run(ChatOrchestrator(wrong, "fake"), INSTANCE, Rules(patience=3)))
    assert done.end == "no_executor" and len(done.turns) == 3
    with pytest.raises(WorkflowError, match="patience is 0; take at least 1 turn"):
        Rules(patience=0)


def test_what_was_kept_is_replayed():
    kept = []
    chat = Fake(gold)
    first = drive(run(ChatOrchestrator(Keeping(chat, kept.append), "fake"), INSTANCE, Rules()))
    assert len(kept) == len(chat.calls)
    kept = [decode(Exchange, encode(one)) for one in kept]
    assert drive(run(ChatOrchestrator(Replay(kept), "fake"), INSTANCE, Rules())) == first
    with pytest.raises(ChatError, match="No reply is kept for the conversation"):
        drive(run(ChatOrchestrator(Replay(kept[:3]), "fake"), INSTANCE, Rules()))
    with pytest.raises(ChatError, match="No reply is kept for the conversation that ends in 'hello'"):
        drive(Replay(kept).reply([Message("user", "hello")], Options()))


def test_log_probabilities_are_kept():
    one = Exchange((Message("user", "é"),), Options(stop=("x",)), Reply("a", logprobs=((("a", -0.5), ("b", -1.0)), ())))
    assert decode(Exchange, encode(one)) == one
    with pytest.raises(WorkflowError, match=r"logprobs\[0\]\[0\] is \[1\], and a list of 2 was expected"):
        decode(Exchange, encode(one).replace('["a",-0.5]', "[1]"))


def test_runs_wait_for_each_other_in_an_event_loop():
    class Slow(Fake):
        async def reply(self, messages, options):
            await asyncio.sleep(0)
            return await super().reply(messages, options)

    async def both():
        return await asyncio.gather(*(run(ChatOrchestrator(Slow(gold), "fake"), INSTANCE, Rules()) for _ in range(2)))

    assert [one.success for one in asyncio.run(both())] == [True, True]


SEED = Seed("Where was the author of B1 born?", "Ulm")
TEAM = (Executor("Lib", ("books",), "Knows books."), Executor("Civ", ("people",), "Knows people."))
MARKS = {
    "marks": [
        {"id": "m1", "description": "Find the author.", "executor": "Lib", "capability": "books"},
        {
            "id": "m2",
            "description": "Find the town.",
            "executor": "Civ",
            "capability": "people",
            "dependencies": ["m1"],
        },
    ]
}
AUTHOR = {"prompt": "Who wrote B1?", "output": "B1, by Ann Roe.", "value": "Ann Roe", "failure": {"kind": "timeout"}}
TOWN = {"prompt": "Where was Ann Roe born?", "output": "Roe, Ann: Ulm, 1901.", "value": "Ulm"}


def test_a_chat_model_as_scout_and_wrapper():
    kept = []
    chat = Keeping(in_turn(MARKS, AUTHOR, TOWN), kept.append)
    made = drive(ChatEngine(chat).generate(SEED, TEAM))
    assert findings(made) == () and made.id.startswith("chat-")
    assert made.exceptions[0].strategy == "retry" and made.gold_executors == ("Lib", "Civ")
    assert drive(ChatEngine(Replay(kept)).generate(SEED, TEAM)) == made


def test_what_the_checks_find_is_told_to_the_model():
    leaking = AUTHOR | {"output": "B1, by Ann Roe of Ulm."}
    chat = in_turn(MARKS, leaking, TOWN, MARKS, AUTHOR, TOWN)
    drive(ChatEngine(chat).generate(SEED, TEAM))
    assert "gives away the value of 'm2'" in chat.calls[3][0][-1].content
    with pytest.raises(WorkflowError, match="No usable instance came of 1 attempts at 'Where was"):
        drive(ChatEngine(in_turn(MARKS, leaking, TOWN), attempts=1).generate(SEED, TEAM))
    with pytest.raises(WorkflowError, match="has no answer"):
        drive(ChatEngine(in_turn()).generate(Seed("?", ""), TEAM))


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        ([{"marks": []}] * 2, "no list 'marks'"),
        ([{"marks": [{"id": "m1"}]}] * 2, "TaskMark lacks the field 'description'"),
        ([MARKS, {"prompt": "?"}, {"prompt": "?"}], "no text 'output'"),
        ([MARKS, AUTHOR | {"failure": {"kind": "fire"}}, AUTHOR | {"failure": {"kind": "fire"}}], "'fire' is no kind"),
    ],
)
def test_replies_of_no_use_are_told(answers, sentence):
    with pytest.raises(ChatError, match=sentence):
        drive(ChatEngine(in_turn(*answers)).generate(SEED, TEAM))


SAID = {one.mark: hidden(one.checkpoint) for one in INSTANCE.stages}
RIGHT = {"results": SAID, "answer": INSTANCE.seed.answer}


def test_the_committee_lets_pass_what_two_solvers_solve():
    report = drive(validate(INSTANCE, Extraction(), ChatSolver(in_turn(RIGHT), "second")))
    assert [(one.tier, one.passed) for one in report.verdicts] == [
        ("structure", True),
        ("solvability", True),
        ("consistency", True),
        ("review", None),
    ]
    assert report.passed is None and report.reviewed("approve", "Ann").passed is True
    rejected = report.reviewed("reject", "Ann", "Dull.")
    assert rejected.passed is False and rejected.verdicts[-1].why == "Dull."
    with pytest.raises(WorkflowError, match="does not wait for a review"):
        rejected.reviewed("approve", "Bob")


@pytest.mark.parametrize(
    ("answer", "tier", "why"),
    [
        ({"results": SAID | {"m2": "Nobody"}, "answer": "x"}, "solvability", "missed the checkpoint of 'm2'"),
        ({"results": SAID, "answer": "Nobody"}, "solvability", "It answered 'Nobody'"),
        (ReplyError("Hm."), "solvability", "did not solve it: Hm."),
    ],
)
def test_the_committee_stops_at_the_tier_that_fails(answer, tier, why):
    report = drive(validate(INSTANCE, ChatSolver(in_turn(answer), "first"), Extraction()))
    assert report.passed is False and report.verdicts[-1].tier == tier and why in report.verdicts[-1].why


def test_solvers_may_use_other_words_and_it_is_told():
    class Wordy(Extraction):
        async def solve(self, instance):
            found = await super().solve(instance)
            return Solution({m: f"1 {v}" for m, v in found.results.items()}, found.answer)

    numbers = next(generate("arithmetic", Difficulty(depth=2)))
    report = drive(validate(numbers, Extraction(), Wordy()))
    assert report.verdicts[2].passed and "Its words differ at m1, m2." in report.verdicts[2].why


def test_the_committee_stops_at_structure():
    broken = next(generate("files"))
    broken = type(broken)(**{**broken.__dict__, "marks": broken.marks[::-1], "stages": broken.stages[::-1]})
    report = drive(validate(broken, Extraction(), Extraction()))
    assert [one.tier for one in report.verdicts] == ["structure"] and "not in an order" in report.verdicts[0].why
