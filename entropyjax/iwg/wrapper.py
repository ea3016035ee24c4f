"""The wrapper's procedural engine: the environment of each mark, what goes wrong there, and what distracts."""

from collections.abc import Mapping, Sequence

from entropyjax.iwg.checkpoint import hidden
from entropyjax.iwg.dice import Dice
from entropyjax.iwg.difficulty import Difficulty
from entropyjax.iwg.families import AbstractFamily
from entropyjax.iwg.instance import ExceptionKind, ExceptionScenario, Fact, Stage, Strategy, TaskMark
from entropyjax.iwg.roster import Post, Roster

_PER_TOKEN = 4
_DISTRACTORS = 3

_SCENARIOS: tuple[tuple[ExceptionKind, Strategy], ...] = (
    ("timeout", "retry"),
    ("wrong_format", "retry"),
    ("missing_information", "decompose"),
    ("tool_error", "switch"),
    ("hallucination", "switch"),
)
_SAID: Mapping[str, str] = {
    "timeout": "Timeout: no answer within 30 s.",
    "wrong_format": "0x1f 0x8b 0x08 ... (binary output, cannot be read)",
    "missing_information": "The request is too broad for one reply; ask for its parts.",
    "tool_error": "ToolError: the index of this desk is corrupt.",
}
_PLANS: Mapping[Strategy, str] = {
    "retry": "Retry {executor} with the same request.",
    "decompose": "Decompose the request and ask {executor} for its parts in turn.",
    "switch": "Switch to {backup}, which holds a copy.",
}


def wrap(
    family: AbstractFamily,
    facts: Sequence[Fact],
    marks: Sequence[TaskMark],
    roster: Roster,
    difficulty: Difficulty,
    dice: Dice,
) -> tuple[tuple[Stage, ...], tuple[ExceptionScenario, ...], tuple[str, ...]]:
    """Return stages, exception scenarios and distractors around the marks made of `facts`, in the same order."""
    posts = {post.relation: post for posts in roster.posts.values() for post in posts}
    stages, exceptions = [], []
    for fact, mark in zip(facts, marks, strict=True):
        post = posts[fact.relation]
        stages.append(_stage(family, fact, mark, post, difficulty, dice))
        if dice.unit() < difficulty.error_rate:
            exceptions.append(_exception(family, fact, mark, post, roster, difficulty, dice))
    distractors = tuple(
        "\n".join(
            [
                "Nothing on this request is kept here.",
                *_noise(family, difficulty.output_tokens + difficulty.error_tokens, dice),
            ]
        )
        for _ in range(_DISTRACTORS)
    )
    return tuple(stages), tuple(exceptions), distractors


def _stage(family: AbstractFamily, fact: Fact, mark: TaskMark, post: Post, difficulty: Difficulty, dice: Dice) -> Stage:
    prompt = f"Give the {fact.relation} of {' and '.join(fact.inputs)}."
    record = family.record(post.field, post.desk, fact.inputs, fact.value, dice)
    lines = _around(record, _noise(family, difficulty.output_tokens, dice), dice)
    return Stage(mark.id, prompt, "\n".join(lines), family.checkpoint(post.field, fact.value))


def _exception(
    family: AbstractFamily, fact: Fact, mark: TaskMark, post: Post, roster: Roster, difficulty: Difficulty, dice: Dice
) -> ExceptionScenario:
    others = roster.lookalikes(mark.executor)
    kind, strategy = dice.pick(_SCENARIOS)
    if strategy == "switch" and not others:
        kind, strategy = _SCENARIOS[0]
    backup = others[0] if strategy == "switch" else ""
    if kind == "hallucination":
        wrong = family.wrong(post.field, fact.inputs, dice)
        while hidden(family.checkpoint(post.field, wrong)) == fact.value:
            wrong = family.wrong(post.field, fact.inputs, dice)
        output = "\n".join(
            _around([f"{post.field.name.capitalize()}: {wrong}."], _noise(family, difficulty.output_tokens, dice), dice)
        )
    else:
        output = _SAID[kind]
    plan = _PLANS[strategy].format(executor=mark.executor, backup=backup)
    return ExceptionScenario(mark.id, kind, output, strategy, plan, backup)


def _noise(family: AbstractFamily, tokens: int, dice: Dice) -> list[str]:
    """Return lines that hold no value, of at least so many tokens."""
    left = _PER_TOKEN * tokens
    place, lines = dice.below(len(family.noise)), []
    while left > 0:
        lines.append(family.noise[place % len(family.noise)])
        left -= len(lines[-1]) + 1
        place += 1
    return lines


def _around(record: list[str], noise: list[str], dice: Dice) -> list[str]:
    place = dice.below(len(noise) + 1)
    return [*noise[:place], *record, *noise[place:]]
