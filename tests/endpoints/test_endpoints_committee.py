"""Instances by a chat model, the committee that judges them, and a person's decisions, by the command line."""

import json
import re

import pytest
from fake_endpoint import Answer, FakeEndpoint, completion, error
from gold_model import write_endpoint
from test_cli import run

from entropyjax.io.lines import write_lines
from entropyjax.iwg import Case, Difficulty, Executor, Fact, Instance, Seed, decode, encode, findings, generate
from entropyjax.iwg.checkpoint import hidden

SEEDS = [Seed(f"Where was the author of B{k} born?", town) for k, town in enumerate(("Ulm", "Bonn", "Jena"))]
TEAM = (Executor("Lib", ("books",), "Knows books."), Executor("Civ", ("people",), "Knows people."))
STEPS = (("m1", "Lib", "books", []), ("m2", "Civ", "people", ["m1"]))
SOME = {"id": "?", "description": "Find it.", "executor": "", "capability": "", "dependencies": []}


def marks(*steps):
    names = ("id", "executor", "capability", "dependencies")
    return {"marks": [SOME | dict(zip(names, one, strict=True)) for one in steps]}


def makes(body, plans=None):
    """What scout and wrapper say of a seed, told from the prompt alone."""
    text = body["messages"][0]["content"]
    number, answer = re.search(r"B(\d) born", text)[1], re.search("Answer: (\\w+)", text)[1]
    if "Plan backwards" in text:
        return Answer(completion(json.dumps(plans or marks(*STEPS))))
    if "The step is m1" in text:
        made = {"prompt": f"Who wrote B{number}?", "output": f"B{number}, by Ann {number}.", "value": f"Ann {number}"}
    else:
        made = {"prompt": f"Where was Ann {number} born?", "output": f"Ann: {answer}.", "value": answer}
    return Answer(completion(json.dumps(made)))


@pytest.fixture
def folder(tmp_path):
    write_lines(tmp_path / "s.jsonl", map(encode, SEEDS))
    write_lines(tmp_path / "roster.jsonl", map(encode, TEAM))
    write_endpoint(tmp_path / "e.toml", "http://127.0.0.1:9/v1")
    return tmp_path


BY_CHAT = ("iwg", "generate", "--seeds", "s.jsonl", "--roster", "roster.jsonl", "--endpoint", "e.toml", "--quiet")


def instances(path):
    return [decode(Instance, line) for line in path.read_text().splitlines()]


def test_seeds_become_instances_and_are_replayed(folder):
    with FakeEndpoint(respond=makes) as fake:
        write_endpoint(folder / "e.toml", fake.url)
        run(*BY_CHAT, "--out", "a.jsonl", cwd=folder)
    made = instances(folder / "a.jsonl")
    assert [one.seed for one in made] == SEEDS and not any(map(findings, made)) and len(fake.requests) == 9
    run(*BY_CHAT, "--out", "b.jsonl", "--log", "a.replies.jsonl", "--replay", cwd=folder)
    assert (folder / "a.jsonl").read_bytes() == (folder / "b.jsonl").read_bytes()


def test_a_seed_that_gives_nothing_is_told_and_the_others_are_kept(folder):
    circle = marks(("m1", "Lib", "books", ["m2"]), ("m2", "Civ", "people", ["m1"]))

    def respond(body):
        return makes(body, circle) if "B1" in body["messages"][0]["content"] else makes(body)

    with FakeEndpoint(respond=respond) as fake:
        write_endpoint(folder / "e.toml", fake.url)
        said = run(*BY_CHAT, "--out", "a.jsonl", cwd=folder, code=1)
    assert said.startswith("1 of 3 seeds gave no instance, the others are in a.jsonl. No usable instance came of 3")
    assert "depend on each other in a circle" in said and len(instances(folder / "a.jsonl")) == 2
    # The wrapper is not paid for around such a plan.
    assert len(fake.requests) == 3 + 2 * 3


def test_an_endpoint_that_fails_is_gone_on_with(folder):
    with FakeEndpoint(respond=lambda body: Answer(error("no"), 400) if "B2" in str(body) else makes(body)) as fake:
        write_endpoint(folder / "e.toml", fake.url)
        said = run(*BY_CHAT, "--out", "a.jsonl", cwd=folder, code=1)
        assert said.startswith("1 of 3 seeds are missing: 1 failed.") and "kept in a.replies.jsonl. The same" in said
        assert not (folder / "a.jsonl").exists() and len(fake.requests) == 7
        fake.respond = makes
        run(*BY_CHAT, "--out", "a.jsonl", cwd=folder)
    assert len(fake.requests) == 10


def test_seeds_with_facts_need_no_model(folder):
    facts = (Fact(("B0",), "author", "Ann Roe"), Fact(("Ann Roe",), "birthplace", "Ulm"))
    write_lines(folder / "f.jsonl", [encode(Seed(SEEDS[0].query, "Ulm", facts))])
    said = run("iwg", "generate", "--seeds", "f.jsonl", "--executors", 4, "--out", "a.jsonl", cwd=folder)
    (made,) = instances(folder / "a.jsonl")
    assert said == "1 instances: a.jsonl\n" and findings(made) == () and len(made.executors) == 4


@pytest.mark.parametrize(
    ("seed", "options", "sentence"),
    [
        (Seed("Who?", ""), BY_CHAT[4:], "s.jsonl, seed 1: 'Who?' has no answer to plan backwards from; add it."),
        (Seed("Who?", "Ann"), (), "s.jsonl, seed 1: No fact of the seed gives its answer 'Ann'"),
        (
            Seed("Who?", "a", (Fact(("b",), "r", "a"), Fact(("a",), "r", "b"))),
            (),
            "The facts of the seed go round in a circle",
        ),
        (Seed("Who?", "Ann"), ("files",), "Name a FAMILY, or --seeds of your own."),
        (Seed("Who?", "Ann"), ("--endpoint", "e.toml"), "give all three"),
        (Seed("Who?", "Ann"), ("--log", "x"), "--log belongs to --endpoint"),
    ],
)
def test_seeds_that_give_nothing_are_answered_in_a_sentence(folder, seed, options, sentence):
    write_lines(folder / "s.jsonl", [encode(seed)], replace=True)
    assert sentence in run("iwg", "generate", "--seeds", "s.jsonl", *options, "--out", "a.jsonl", cwd=folder, code=2)
    assert not (folder / "a.jsonl").exists() and not (folder / "a.replies.jsonl").exists()


MADE = list(generate("retrieval", Difficulty(depth=2), count=3))


def solves(body, wrong=()):
    """A solver that is right but where it is told not to be, with other words at some."""
    text = body["messages"][0]["content"]
    instance = next(one for one in MADE if one.seed.query in text)
    results = {one.mark: hidden(one.checkpoint) for one in instance.stages}
    if instance.id in wrong:
        results["m1"] = "nobody"
    return Answer(completion(json.dumps({"results": results, "answer": instance.seed.answer})))


def test_a_committee_without_a_model(folder):
    broken = MADE[0].__class__(**{**MADE[0].__dict__, "marks": MADE[0].marks[::-1], "stages": MADE[0].stages[::-1]})
    write_lines(folder / "i.jsonl", map(encode, [broken, *MADE[1:]]))
    said = run("iwg", "validate", "i.jsonl", "--out", "a.jsonl", "--queue", "q.jsonl", cwd=folder)
    assert said == "2 instances accepted: a.jsonl\n0 wait for a person, 1 rejected: q.jsonl\n"
    assert instances(folder / "a.jsonl") == MADE[1:]
    (case,) = [decode(Case, line) for line in (folder / "q.jsonl").read_text().splitlines()]
    assert case.instance == broken and "not in an order" in case.report.verdicts[-1].why
    said = run("iwg", "validate", "i.jsonl", "--out", "b.jsonl", "--queue", "r.jsonl", "--review", "all", cwd=folder)
    assert said == "0 instances accepted: b.jsonl\n2 wait for a person, 1 rejected: r.jsonl\n"
    assert "exists already" in run("iwg", "validate", "i.jsonl", "--out", "c", "--queue", "q.jsonl", cwd=folder, code=2)


def test_what_solvers_do_not_agree_on_waits_for_a_person(folder):
    write_lines(folder / "i.jsonl", map(encode, MADE))
    ask = ("iwg", "validate", "i.jsonl", "--endpoint", "e.toml", "--second", "f.toml", "--out", "a.jsonl")
    first = FakeEndpoint(respond=lambda body: solves(body, [MADE[0].id]))
    second = FakeEndpoint(respond=lambda body: solves(body, [MADE[1].id]))
    with first, second:
        write_endpoint(folder / "e.toml", first.url)
        write_endpoint(folder / "f.toml", second.url, "concurrency = 2")
        said = run(*ask, "--queue", "q.jsonl", cwd=folder)
    assert said == "1 instances accepted: a.jsonl\n2 wait for a person, 0 rejected: q.jsonl\n"
    # The second is not asked for what the first did not solve.
    assert (len(first.requests), len(second.requests)) == (3, 2)
    assert (folder / "a.replies.second.jsonl").exists()
    one, two = (each.id for each in MADE[:2])
    said = run("iwg", "review", "q.jsonl", "--list", cwd=folder)
    assert f"{one} waiting: {MADE[0].seed.query} -> {MADE[0].seed.answer}" in said
    assert "solvability (gold): It missed the checkpoint of 'm1'." in said
    decided = ("iwg", "review", "q.jsonl", "--accept", two, "--by", "Ann", "--why", "Right.", "--out", "a.jsonl")
    assert run(*decided, cwd=folder) == "2 instances, 1 of them wait: q.jsonl\n"
    assert instances(folder / "a.jsonl") == [MADE[2], MADE[1]]
    run("iwg", "review", "q.jsonl", "--reject", one, "--out", "a.jsonl", cwd=folder)
    assert instances(folder / "a.jsonl") == [MADE[2], MADE[1]]
    said = run("iwg", "review", "q.jsonl", "--list", cwd=folder)
    assert f"{one} rejected" in said and f"{two} accepted" in said and "review (Ann): Right." in said
    for options, sentence in [
        (("--accept", "m7"), "q.jsonl holds no instance m7; --list tells"),
        (("--accept", one), f"The instance {one} does not wait for a review."),
        (("--accept", one, "--reject", one), f"{one} is to be accepted and rejected; decide."),
    ]:
        assert sentence in run("iwg", "review", "q.jsonl", *options, cwd=folder, code=2)


def test_a_committee_whose_model_fails_goes_on_where_it_was(folder):
    write_lines(folder / "i.jsonl", map(encode, MADE))
    ask = ("iwg", "validate", "i.jsonl", "--endpoint", "e.toml", "--out", "a.jsonl", "--queue", "q.jsonl", "--quiet")
    bad = MADE[2].seed.query
    with FakeEndpoint(respond=lambda body: Answer(b"", 500) if bad in str(body) else solves(body)) as fake:
        write_endpoint(folder / "e.toml", fake.url)
        said = run(*ask, cwd=folder, code=1)
        assert said.startswith("1 of 3 instances are missing: 1 failed.") and "kept in a.replies.jsonl" in said
        fake.respond, before = solves, len(fake.requests)
        run(*ask, cwd=folder)
    # The second solver is the same model at a temperature.
    assert len(fake.requests) == before + 2 and len({body["temperature"] for _, body in fake.requests}) == 2
    assert instances(folder / "a.jsonl") == MADE
