"""Scheduling vectors from replies, against examples by hand and a small model whose chances are all known."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from entropyjax.iwg.chat import Reply
from entropyjax.iwg.scheduling import named, scheduling_vector

NAMES = ("search_web", "search_files", "write")


def reply(*tokens, text=None, finish="stop"):
    """A reply of which each token is told as its alternatives with their probabilities, the drawn one first."""
    logprobs = tuple(tuple((token, math.log(p)) for token, p in one.items()) for one in tokens)
    drawn = "".join(next(iter(one)) for one in tokens)
    return Reply(drawn if text is None else text, finish, logprobs=logprobs)


def check(found, source, mass, missing):
    """`mass` in the order of the names, whose probabilities are told in it too; those without any are left out."""
    valid = sum(mass)
    assert found.source == source
    told = [one / valid for one in mass if one]
    np.testing.assert_allclose(list(found.probability.values()), told, rtol=1e-14)
    np.testing.assert_allclose([found.valid_mass, found.missing], [valid, missing], rtol=1e-13, atol=1e-15)


def masses(found, names):
    return np.array([found.probability.get(name, 0.0) for name in names]) * found.valid_mass


ROOT = {"search": 0.7, "write": 0.2, "The": 0.05}
AFTER = {"_web": 0.6, "_files": 0.3, "able": 0.02}


def test_names_of_one_token():
    found = scheduling_vector(reply({"read": 0.6, "write": 0.2, "The": 0.1}), ["read", "write", "search"])
    check(found, "log-probabilities", [0.6, 0.2, 0.0], 0.1)
    assert found.probability == pytest.approx({"read": 0.75, "write": 0.25})


def test_names_that_share_a_token_which_was_drawn():
    found = scheduling_vector(reply(ROOT, AFTER), NAMES)
    # 0.05 of the first token and 0.7 x 0.08 of the second are not told.
    check(found, "log-probabilities", [0.42, 0.21, 0.2], 0.05 + 0.056)


def test_names_that_share_a_token_which_was_not_drawn():
    found = scheduling_vector(reply({"write": 0.2, "search": 0.7, "The": 0.05}), NAMES)
    check(found, "log-probabilities", [0.0, 0.0, 0.2], 0.7 + 0.05)


def test_replies_complete_each_other():
    replies = [
        reply({"write": 0.2, "search": 0.7, "The": 0.05}),
        reply(ROOT, AFTER),
        reply(ROOT, {"_files": 0.3, **AFTER}),
    ]
    check(scheduling_vector(replies, NAMES), "log-probabilities", [0.42, 0.21, 0.2], 0.05 + 0.056)


def test_a_name_that_begins_another():
    turns = {'"': 0.25, "_search": 0.5, ".": 0.125, "site": 0.125}
    check(
        scheduling_vector(reply({"web": 0.8, "no": 0.2}, turns), ["web", "web_search"]),
        "log-probabilities",
        [0.3, 0.4],
        0,
    )
    # The text ended after "web", and whatever else could have followed is unknown.
    check(scheduling_vector(reply({"web": 0.8}), ["web", "web_search"]), "log-probabilities", [0.8, 0.0], 0.2)
    # It was cut there.
    found = scheduling_vector(reply({"web": 0.8}, finish="length"), ["web", "web_search"])
    assert (found.source, found.probability) == ("parallel", {"web": 1.0})


def test_the_end_as_a_token():
    for end in ("", "</s>"):
        found = scheduling_vector(
            reply({"web": 0.8, "": 0.2}, {end: 0.75, "_search": 0.25}, text="web"), ["web", "web_search"]
        )
        check(found, "log-probabilities", [0.6, 0.2], 0.2)


def test_a_name_with_blanks():
    found = scheduling_vector(
        reply({"Web": 1.0}, {" Surfer": 0.5, " is": 0.25, ".": 0.125, "bot": 0.125}), ["Web", "Web Surfer"]
    )
    check(found, "log-probabilities", [0.375, 0.5], 0.0)


def test_a_wrong_name_takes_its_share():
    found = scheduling_vector(reply({"se": 0.9, "wri": 0.1}, {"ek": 0.6, "arch": 0.3}), ["search", "write"])
    check(found, "log-probabilities", [0.27, 0.1], 0.09)


def test_blanks_before_a_name():
    found = scheduling_vector(reply({" search": 0.5, "search": 0.2, " write": 0.1, " ": 0.05}), ["search", "write"])
    check(found, "log-probabilities", [0.7, 0.1], 0.05 + 0.15)
    trimmed = scheduling_vector(reply({" search": 0.5, " write": 0.25}, text="search"), ["search", "write"])
    check(trimmed, "log-probabilities", [0.5, 0.25], 0.25)


def test_a_plan_in_json():
    third = {'": "s': 0.5, '": "w': 0.25, '":': 0.125, "}": 0.125}
    plan = reply({"{": 1.0}, {'"to': 1.0}, third, {"earch": 1.0}, {'"}': 1.0})
    for before in ('"to": "', ""):
        found = scheduling_vector(plan, ["search", "write"], before=before)
        check(found, "log-probabilities", [0.5, 0.25], 0.125)


def test_reasoning_before_the_text():
    found = scheduling_vector(reply({"hm": 1.0}, {"search": 0.5, "write": 0.25}, text="search"), ["search", "write"])
    check(found, "log-probabilities", [0.5, 0.25], 0.25)


def test_reasoning_that_names_an_executor():
    found = scheduling_vector(reply({"search": 1.0}, {"\n": 1.0}, {"write": 0.5, "search": 0.25}, text="write"), NAMES)
    check(found, "log-probabilities", [0.0, 0.0, 0.5], 0.25 + 0.25)


def test_a_plan_that_is_cut_before_the_name():
    found = scheduling_vector(reply({"to: ": 1.0}, finish="length"), ["write"], before="to: ")
    assert (found.source, found.valid_mass, found.missing) == ("nothing", 0.0, 1.0)


def test_words_before_the_name_are_averaged_over():
    replies = [
        reply({"A": 0.5, "B": 0.5}, {" search": 0.8, " write": 0.2}),
        reply({"B": 0.5, "A": 0.5}, {" write": 1.0}),
        reply({"B": 0.5, "A": 0.5}, {" write": 1.0}),
        reply({"B": 0.5, "A": 0.5}, {" nobody": 1.0}),
    ]
    # The last names nobody, so that its own beginning stands where a name should.
    check(scheduling_vector(replies, ["search", "write"]), "log-probabilities", [0.2, 0.55], 0.0)


def test_plans_without_a_place_for_a_name_count():
    replies = [reply({"to: ": 1.0}, {"a": 0.5, "b": 0.25}), reply({"I give up": 1.0})]
    check(scheduling_vector(replies, ["a", "b"], before="to: "), "log-probabilities", [0.25, 0.125], 0.125)


def test_the_drawn_token_need_not_come_first():
    logprobs = ((("search", math.log(0.7)), ("write", math.log(0.2))),)
    check(
        scheduling_vector(Reply("write", logprobs=logprobs), ["search", "write"]), "log-probabilities", [0.7, 0.2], 0.1
    )
    # Tokens that do not spell the text say nothing about it.
    assert scheduling_vector(Reply("writes", logprobs=logprobs), ["search", "writes"]).source == "parallel"


def test_draws():
    texts = ["search_web", "then write", "nobody", "search_web and write"]
    found = scheduling_vector([Reply(text) for text in texts], NAMES)
    check(found, "draws", [(1 + 0.5) / 4, 0.0, (1 + 0.5) / 4], 0.0)
    dispatched = [["write", "write"], ["nobody", "write"], [], ["search_web"]]
    check(scheduling_vector([Reply("")] * 4, NAMES, dispatched=dispatched), "draws", [0.25, 0.0, 0.375], 0.0)


def test_draws_go_before_log_probabilities_that_tell_little():
    forced = reply({"write": 0.01, "The": 0.2})
    assert scheduling_vector(forced, NAMES).source == "log-probabilities"
    check(
        scheduling_vector([forced, forced, reply({"search": 0.02}, {"_web": 0.1})], NAMES),
        "draws",
        [1 / 3, 0, 2 / 3],
        0.0,
    )


def test_the_rule_of_parallel_dispatches():
    found = scheduling_vector(Reply("search_web, write; write"), NAMES)
    check(found, "parallel", [0.5, 0.0, 0.5], 0.0)
    assert -sum(p * math.log(p) for p in found.probability.values()) == pytest.approx(math.log(2))


@pytest.mark.parametrize(
    ("one", "missing"), [(Reply("Somebody should do it."), 0.0), (reply({"Some": 0.75}, {"body": 1.0}), 0.25)]
)
def test_nobody_is_named(one, missing):
    found = scheduling_vector(one, NAMES)
    assert (found.source, found.valid_mass) == ("nothing", 0.0)
    assert found.missing == pytest.approx(missing, abs=1e-15)
    assert found.probability == {}


def test_names_are_whole_words():
    assert named("research web-search, web_search; web. websites web", ["web", "search"]) == ("web",)
    assert named("to: b, to: a, b, to: b", ["a", "b"], before="to: ") == ("b", "a")
    assert named("C++ and c", ["C++", "C"]) == ("C++",)


@pytest.mark.parametrize(
    ("replies", "names", "sentence"),
    [((), ["a"], "no reply"), (Reply("a"), ["a", "a"], "a name of its own"), (Reply("a"), ["a", " "], "of its own")],
)
def test_what_cannot_be_asked(replies, names, sentence):
    with pytest.raises(ValueError, match=sentence):
        scheduling_vector(replies, names)


class Letters:
    """A model that writes one letter of "ab." at a time, whose chances are drawn anew after each beginning."""

    def __init__(self, seed: int):
        self.seed = seed

    def chances(self, begun: str) -> dict[str, float]:
        entropy = [self.seed, *map(ord, begun)]
        return dict(zip("ab.", np.random.default_rng(entropy).dirichlet(np.full(3, 0.5)).tolist(), strict=True))

    def probability(self, text: str) -> float:
        return math.prod(self.chances(text[:k])[letter] for k, letter in enumerate(text))

    def reply(self, text: str, listed: int) -> Reply:
        tokens = []
        for k, letter in enumerate(text):
            chances = self.chances(text[:k])
            best = sorted(chances, key=chances.__getitem__, reverse=True)[:listed]
            tokens.append({letter: chances[letter]} | {one: chances[one] for one in best})
        return reply(*tokens)


WORDS = ["".join(letters) for n in (1, 2, 3) for letters in itertools.product("ab", repeat=n)]


@given(st.integers(0, 2**32), st.lists(st.sampled_from(WORDS), min_size=1, unique=True), st.data())
def test_a_model_whose_chances_are_known(seed, names, data):
    model = Letters(seed)
    truth = np.array([model.probability(f"{name}.") for name in names])
    # Every way to write up to four letters, everything listed: nothing is missing.
    everything = [f"{word}." for word in WORDS] + [f"{word}a" for word in WORDS if len(word) == 3]
    full = scheduling_vector([model.reply(text, 3) for text in everything], names, dispatched=[[]])
    np.testing.assert_allclose(masses(full, names), truth, rtol=1e-9, atol=1e-15)
    assert full.missing < 1e-9
    # Some of it: what is not seen is within the bound.
    texts = data.draw(st.lists(st.sampled_from(everything), min_size=1, max_size=4))
    part = scheduling_vector([model.reply(t, data.draw(st.integers(1, 3))) for t in texts], names)
    if part.source == "log-probabilities":
        assert np.all(masses(part, names) + part.missing >= truth - 1e-12)
        assert part.valid_mass <= 1.0 and math.fsum(part.probability.values()) == pytest.approx(1.0)
