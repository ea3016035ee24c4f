"""The procedural engine for seeds of one's own, whose facts lead to the answer."""

import dataclasses
import hashlib
import re
from collections.abc import Sequence
from typing import ClassVar

from entropyjax.iwg.codec import encode
from entropyjax.iwg.dice import Dice
from entropyjax.iwg.difficulty import Difficulty
from entropyjax.iwg.errors import WorkflowError
from entropyjax.iwg.families import AbstractFamily, Field
from entropyjax.iwg.instance import Checkpoint, Executor, Instance, Seed
from entropyjax.iwg.roster import Post, Roster
from entropyjax.iwg.scout import plan, scout
from entropyjax.iwg.structure import check
from entropyjax.iwg.wrapper import wrap

_LETTERS = "bcdfghklmnprstvz"


class _Given(AbstractFamily):
    """The world of a seed, whose records are its facts."""

    title: ClassVar[str] = "facts of a seed"
    noise: ClassVar[tuple[str, ...]] = tuple(
        f"Item {k + 1}: {state}, page {1 + k // 4}."
        for k, state in enumerate(("filed", "moved", "copied", "checked", "void", "open") * 8)
    )

    def literal(self, dice: Dice) -> str:
        return self.value(Field("", "", "", ""), 0, (), dice)

    def value(self, field: Field, desk: int, inputs: Sequence[str], dice: Dice) -> str:
        """Return a name that means nothing, which only hallucinations hold."""
        del field, desk, inputs
        return "".join(dice.pick(_LETTERS if k % 2 == 0 else "aeiou") for k in range(8)).capitalize()

    def checkpoint(self, field: Field, value: str) -> Checkpoint:
        del field
        return Checkpoint("predicate", value, "says")


def from_seed(seed: Seed, difficulty: Difficulty = Difficulty(), *, number: int = 0) -> Instance:
    """Return an instance made backwards from a seed with facts; it has passed the structural checks.

    The plan's shape is that of the facts. Each relation has an executor of its own; others, whose relations nobody asks
    for, fill the roster up.

    **Arguments:** `difficulty`: its roster, lengths and error rate; `number`: seed of what is drawn.

    **Raises:** `WorkflowError` as `scout` does, for a roster that is too small, and for what the checks find.
    """
    relations = sorted({fact.relation for fact in plan(seed)})
    if len(relations) > difficulty.executors:
        raise WorkflowError(
            f"The facts have {len(relations)} relations and the roster {difficulty.executors} executors; "
            f"set executors to at least {len(relations)}."
        )
    dice = Dice(number)
    spare = [f"index {k}" for k in range(1, difficulty.executors - len(relations) + 1)]
    executors = tuple(dice.shuffled([_executor(one, place) for place, one in enumerate((*relations, *spare), 1)]))
    holders = {one.capabilities[0]: one for one in executors}
    posts = {Field(one, one, "*", "*"): [Post(Field(one, one, "*", "*"), 0, holders[one].name)] for one in relations}
    marks = scout(seed, holders)
    parts = wrap(_Given(), plan(seed), marks, Roster(executors, posts), difficulty, dice)
    made = Instance("seed", seed, executors, marks, *parts)
    return dataclasses.replace(check(made), id=f"seed-{hashlib.sha256(encode(made).encode()).hexdigest()[:12]}")


def _executor(relation: str, place: int) -> Executor:
    name = "".join(part.capitalize() for part in re.findall(r"[A-Za-z0-9]+", relation)) or "Executor"
    return Executor(f"{name}_{place}", (relation,), f"Knows the {relation}.")
