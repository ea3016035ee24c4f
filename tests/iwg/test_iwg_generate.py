"""The procedural engine: the same bytes for a seed, and what must hold of every instance."""

import dataclasses
import hashlib

import pytest
from hypothesis import given, strategies as st

from entropyjax.iwg import (
    FAMILIES,
    Difficulty,
    Executor,
    Fact,
    Instance,
    Seed,
    WorkflowError,
    check,
    decode,
    encode,
    findings,
    from_seed,
    generate,
    scout,
)
from entropyjax.iwg.checkpoint import hidden, matches
from entropyjax.iwg.dice import Dice
from entropyjax.iwg.text import says
from entropyjax.params import UnknownNameError

FAMILY = st.sampled_from(FAMILIES.names())
DIFFICULTY = st.builds(
    Difficulty,
    executors=st.integers(1, 40),
    depth=st.integers(2, 7),
    width=st.integers(1, 4),
    similarity=st.floats(0, 1),
    output_tokens=st.integers(0, 200),
    error_tokens=st.integers(0, 50),
    error_rate=st.floats(0, 1),
    extensions=st.integers(0, 2),
)


@given(FAMILY, DIFFICULTY, st.integers(0, 2**40), st.integers(0, 5))
def test_every_instance_is_sound(family, difficulty, seed, start):
    (made,) = generate(family, difficulty, seed=seed, start=start)
    assert findings(made) == ()
    assert len(made.executors) == difficulty.executors
    # The chains, the step in which they meet, and what comes after the answer.
    chains = difficulty.width * (difficulty.depth - (difficulty.width > 1))
    assert len(made.marks) == chains + (difficulty.width > 1) + difficulty.extensions
    assert sum(mark.extension for mark in made.marks) == difficulty.extensions
    # Said again without the checks: in order, so acyclic; reachable; no value before its mark; the answer in the end.
    seen = set()
    for mark, stage in zip(made.marks, made.stages, strict=True):
        assert seen.issuperset(mark.dependencies)
        value = hidden(stage.checkpoint)
        assert matches(stage.checkpoint, value) and value in stage.output and not says(stage.prompt, value)
        assert all(says(stage.prompt, hidden(made.stage[one].checkpoint)) for one in mark.dependencies)
        for other in made.stages[: len(seen)]:
            assert not says(other.output, value)
        assert not says(made.seed.query, value)
        seen.add(mark.id)
    last = [mark for mark in made.marks if not mark.extension][-1]
    assert hidden(made.stage[last.id].checkpoint) == made.seed.answer
    shortest = min((len(stage.output) for stage in made.stages), default=0)
    assert shortest >= 4 * difficulty.output_tokens - 1
    assert decode(Instance, encode(made)) == made


@given(FAMILY, st.integers(0, 2**64), st.integers(0, 100))
def test_bytes_depend_on_seed_and_number_alone(family, seed, start):
    difficulty = Difficulty(error_rate=0.5, extensions=1)
    together = [encode(one) for one in generate(family, difficulty, seed=seed, start=start, count=3)]
    alone = [encode(next(generate(family, difficulty, seed=seed, start=start + k))) for k in (2, 0, 1)]
    assert [alone[1], alone[2], alone[0]] == together and len(set(together)) == 3


def test_bytes_stay_as_they_were_published():
    text = "\n".join(encode(one) for name in FAMILIES for one in generate(name, Difficulty(error_rate=0.5), count=20))
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "d72e1934ab1457e4"


def test_dice_are_uniform_and_their_streams_differ():
    dice = Dice(1, 2)
    counts = [0] * 6
    for _ in range(6000):
        counts[dice.below(6)] += 1
    # Chi-square of five degrees: 20.5 is its 99.9% quantile.
    assert sum((n - 1000) ** 2 / 1000 for n in counts) < 20.5
    assert sorted(dice.shuffled(range(9))) == list(range(9)) and 0.0 <= dice.unit() < 1.0
    draws = [Dice(*numbers).below(2**32) for numbers in ((1, 2), (2, 1), (1,), (1, 2, 0))]
    assert len(set(draws)) == 4


@pytest.mark.parametrize(("similarity", "alike"), [(0.0, 0), (0.5, 4), (1.0, 7)])
def test_similarity_is_the_share_of_executors_that_differ_in_their_desk_alone(similarity, alike):
    (made,) = generate("retrieval", Difficulty(executors=8, similarity=similarity))
    houses = [one.name.split("_")[0] for one in made.executors]
    first = houses.count(houses[0]) - 1
    assert first == alike
    kinds = {one.description.split("desk")[0] + one.description.split(":")[1] for one in made.executors[: alike + 1]}
    assert len(kinds) == 1 and len({one.name for one in made.executors}) == 8


def test_arithmetic_can_be_worked_out_again():
    for made in generate("arithmetic", Difficulty(depth=5, width=3), count=5):
        for mark, stage in zip(made.marks, made.stages, strict=True):
            line = next((one for one in stage.output.splitlines() if " = " in one), "")
            if line:
                left, right = line.rstrip(".").split(" = ")
                terms = left.replace(" - ", " + -").split(" + ")
                assert sum(map(int, terms)) == int(right) == int(stage.checkpoint.value)
            elif not mark.dependencies:
                rows = [int(one.split(": ")[1]) for one in stage.output.splitlines() if one.startswith("  ")]
                assert sum(rows) == int(stage.checkpoint.value)


SEED = Seed(
    "Where was the author of B1 born?", "Ulm", (Fact(("Ann",), "birthplace", "Ulm"), Fact(("B1",), "author", "Ann"))
)
HOLDERS = {name: Executor(name.title(), (name,), "") for name in ("author", "birthplace")}


def test_the_scout_plans_backwards():
    marks = scout(SEED, HOLDERS)
    assert [(one.id, one.executor, one.dependencies) for one in marks] == [
        ("m1", "Author", ()),
        ("m2", "Birthplace", ("m1",)),
    ]
    unused = dataclasses.replace(SEED, facts=(*SEED.facts, Fact(("Ulm",), "river", "Danube")))
    assert scout(unused, HOLDERS) == marks


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"answer": " "}, "has no answer to plan backwards from"),
        ({"answer": "Bern"}, "No fact of the seed gives its answer 'Bern'"),
        ({"facts": (Fact(("Ulm",), "birthplace", "Ulm"),)}, "go round in a circle at 'Ulm'"),
        ({"facts": SEED.facts[:1]}, "needs 'Ann', which neither the query nor another fact gives"),
        ({"facts": (Fact(("B1",), "printer", "Ulm"),)}, "No executor on the roster knows 'printer'"),
    ],
)
def test_seeds_that_cannot_be_planned_are_told(change, sentence):
    with pytest.raises(WorkflowError, match=sentence):
        scout(dataclasses.replace(SEED, **change), HOLDERS)


def broken(**change):
    made = next(generate("retrieval", Difficulty(error_rate=1.0), seed=4))
    first = made.marks[0]
    table = {
        "no_marks": {"marks": (), "stages": (), "exceptions": ()},
        "twice": {"marks": (first, *made.marks), "stages": (made.stages[0], *made.stages)},
        "stages": {"stages": made.stages[1:]},
        "executor": {"marks": (dataclasses.replace(first, executor="Nobody"), *made.marks[1:])},
        "capability": {"marks": (dataclasses.replace(first, capability="cooking"), *made.marks[1:])},
        "dependency": {"marks": (dataclasses.replace(first, dependencies=("m9",)), *made.marks[1:])},
        "cycle": {"marks": (dataclasses.replace(first, dependencies=("m3",)), *made.marks[1:])},
        "order": {"marks": made.marks[::-1], "stages": made.stages[::-1], "exceptions": ()},
        "leak": {
            "stages": (
                dataclasses.replace(made.stages[0], output=" ".join(s.output for s in made.stages)),
                *made.stages[1:],
            )
        },
        "query": {"seed": dataclasses.replace(made.seed, query=f"Is it {made.seed.answer}?")},
        "answer": {"seed": dataclasses.replace(made.seed, answer="Atlantis")},
        "no_answer": {"seed": dataclasses.replace(made.seed, answer="")},
        "output": {"stages": (dataclasses.replace(made.stages[0], output="nothing"), *made.stages[1:])},
        "distractor": {"distractors": (made.seed.answer,)},
        "never": {"exceptions": (dataclasses.replace(made.exceptions[0], strategy="abort"),)},
        "backup": {"exceptions": (dataclasses.replace(made.exceptions[0], strategy="switch", backup="Nobody"),)},
        "exception": {"exceptions": (dataclasses.replace(made.exceptions[0], mark="m9"),)},
    }
    for name, kind in (("words", {"value": "?!"}), ("predicate", {"kind": "predicate", "predicate": "eval"})):
        point = dataclasses.replace(made.stages[0].checkpoint, **kind)
        table[name] = {"stages": (dataclasses.replace(made.stages[0], checkpoint=point), *made.stages[1:])}
    number = dataclasses.replace(made.stages[0].checkpoint, kind="predicate", predicate="number")
    table["undecided"] = {"stages": (dataclasses.replace(made.stages[0], checkpoint=number), *made.stages[1:])}
    return {name: dataclasses.replace(made, **values) for name, values in table.items()}


BROKEN = broken()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("no_marks", "It has no marks"),
        ("twice", "The mark 'm1' is there twice"),
        ("stages", "stages are not those of its marks"),
        ("executor", "needs the executor 'Nobody'"),
        ("capability", "lacks the capability 'cooking'"),
        ("dependency", "depends on 'm9', which is no mark"),
        ("cycle", "depend on each other in a circle, among them 'm1'"),
        ("order", "not in an order in which they can be done"),
        ("leak", "The stage of 'm1' gives away the value of 'm2'"),
        ("query", "The query gives away the value of 'm3'"),
        ("answer", "The answer 'Atlantis' stands in none"),
        ("no_answer", "Its seed has no answer"),
        ("output", "The output of 'm1' does not hold its value"),
        ("distractor", "A distractor gives away the value of 'm3'"),
        ("never", "cannot be reached: its exception is never mended"),
        ("backup", "needs the backup 'Nobody'"),
        ("exception", "belongs to 'm9', which is no mark"),
        ("words", "has no word that could be found"),
        ("predicate", "asks for the unknown predicate 'eval'"),
        ("undecided", "does not hold for its own value"),
    ],
)
def test_what_is_wrong_with_an_instance_is_told(name, sentence):
    with pytest.raises(WorkflowError, match=sentence):
        check(BROKEN[name])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"executors": 0}, "executors is 0"),
        ({"similarity": 1.5}, "similarity is 1.5; take a number from 0 to 1"),
        ({"error_rate": float("nan")}, "error_rate is nan"),
        ({"depth": 1, "width": 2}, "depth must be at least 2"),
    ],
)
def test_knobs_out_of_range_are_told(change, sentence):
    with pytest.raises(WorkflowError, match=sentence):
        Difficulty(**change)


def test_other_mistakes_are_told():
    with pytest.raises(UnknownNameError, match="'retrival' is not a family"):
        generate("retrival")
    with pytest.raises(WorkflowError, match="must not be negative"):
        generate("files", seed=-1)
    # Thousands of marks have too few towns; the sentence says so.
    with pytest.raises(WorkflowError, match="too few different values"):
        next(generate("retrieval", Difficulty(executors=1, depth=200, width=50)))


def test_seeds_of_ones_own_become_instances():
    made = from_seed(SEED, Difficulty(executors=4, error_rate=1.0))
    assert findings(made) == () and made.gold_executors == ("Author_1", "Birthplace_2") and len(made.executors) == 4
    assert from_seed(SEED, Difficulty(executors=4, error_rate=1.0)) == made
    assert from_seed(SEED, Difficulty(executors=4, error_rate=1.0), number=1) != made
    with pytest.raises(WorkflowError, match="2 relations and the roster 1 executors; set executors to at least 2"):
        from_seed(SEED, Difficulty(executors=1))
    told = dataclasses.replace(SEED, query="Was the author of B1 born in Ulm?")
    with pytest.raises(WorkflowError, match="The query gives away the value of 'm2'"):
        from_seed(told)
