"""The procedural engine: from a family, a difficulty and a seed to an instance, offline and always the same."""

import dataclasses
import hashlib
import zlib
from collections.abc import Iterator

from entropyjax.iwg.codec import encode
from entropyjax.iwg.dice import Dice
from entropyjax.iwg.difficulty import Difficulty
from entropyjax.iwg.errors import WorkflowError
from entropyjax.iwg.families import FAMILIES, AbstractFamily, Field
from entropyjax.iwg.instance import Fact, Instance, Seed
from entropyjax.iwg.roster import Post, Roster, make_roster
from entropyjax.iwg.scout import plan, scout
from entropyjax.iwg.structure import findings
from entropyjax.iwg.text import words
from entropyjax.iwg.wrapper import wrap

_ATTEMPTS = 20
_DRAWS = 1000


def generate(
    family: str, difficulty: Difficulty = Difficulty(), *, seed: int = 0, start: int = 0, count: int = 1
) -> Iterator[Instance]:
    """Yield the instances number `start`, `start` + 1, ... of a seed.

    An instance depends on family, difficulty, seed and its own number alone: the same bytes, in whatever order or
    portions they are made. Each has passed the structural checks.

    **Arguments:** `family`: a name in `FAMILIES`; `seed`: any whole number >= 0.

    **Raises:** `UnknownNameError` for an unknown family; `WorkflowError` if a difficulty cannot be met.
    """
    if min(seed, start, count) < 0:
        raise WorkflowError(f"seed {seed}, start {start} and count {count} must not be negative.")
    world = FAMILIES.get(family)()
    # By its name, so that another family changes nothing.
    number = zlib.crc32(family.encode())
    return (_instance(world, family, number, difficulty, seed, index) for index in range(start, start + count))


def _instance(
    world: AbstractFamily, family: str, number: int, difficulty: Difficulty, seed: int, index: int
) -> Instance:
    problems = ("",)
    for attempt in range(_ATTEMPTS):
        made = _drawn(world, family, difficulty, Dice(seed, number, index, attempt))
        problems = findings(made)
        if not problems:
            digest = hashlib.sha256(encode(made).encode()).hexdigest()[:12]
            return dataclasses.replace(made, id=f"{family}-{digest}")
    raise WorkflowError(
        f"No usable instance of '{family}' came of {_ATTEMPTS} draws at {difficulty}: {problems[0]} Make it easier."
    )


def _drawn(world: AbstractFamily, family: str, difficulty: Difficulty, dice: Dice) -> Instance:
    roster = make_roster(world, difficulty, dice)
    drawer = _Drawer(world, roster, dice)
    chains = [drawer.chain(difficulty.depth - (difficulty.width > 1)) for _ in range(difficulty.width)]
    if difficulty.width > 1:
        drawer.look_up(dice.pick(roster.posts[world.merge]), tuple(value for value, _ in chains))
        asked = f"the {drawer.facts[-1].relation} of {' and '.join(phrase for _, phrase in chains)}"
    else:
        asked = chains[0][1]
    facts, answer = tuple(drawer.facts), drawer.facts[-1].value
    for _ in range(difficulty.extensions):
        drawer.look_up(dice.pick(roster.posts[world.receipt]), (drawer.facts[-1].value,))
    extensions = tuple(drawer.facts[len(facts) :])
    after = "".join(f" Then get the {one.relation} for it." for one in extensions)
    seed = Seed(f"What is {asked}?{after}", answer, facts, family)
    marks = scout(seed, roster.holders, extensions)
    stages, exceptions, distractors = wrap(world, plan(seed, extensions), marks, roster, difficulty, dice)
    return Instance("", seed, roster.executors, marks, stages, exceptions, distractors)


class _Drawer:
    """Draws facts, no value twice."""

    def __init__(self, world: AbstractFamily, roster: Roster, dice: Dice):
        self.world, self.roster, self.dice = world, roster, dice
        self.facts: list[Fact] = []
        self.taken: set[str] = set()
        self.open = _open_fields(world, roster)

    def chain(self, length: int) -> tuple[str, str]:
        """Draw a chain of `length` facts; return its last value, and the phrase that asks for it."""
        value = self.fresh(lambda: self.world.literal(self.dice))
        phrase, kind = value, self.world.opening.source
        for _ in range(length):
            field = self.world.opening if kind == self.world.opening.source else self.dice.pick(self.open[kind])
            post = self.dice.pick(self.roster.posts[field])
            value, kind = self.look_up(post, (value,)), field.target
            phrase = f"the {post.relation} of {phrase}"
        return value, phrase

    def look_up(self, post: Post, inputs: tuple[str, ...]) -> str:
        """Draw what `post` holds for `inputs`."""
        value = self.fresh(lambda: self.world.value(post.field, post.desk, inputs, self.dice))
        self.facts.append(Fact(inputs, post.relation, value))
        return value

    def fresh(self, draw) -> str:
        for _ in range(_DRAWS):
            value = draw()
            known = " ".join(words(value))
            if known not in self.taken:
                self.taken.add(known)
                return value
        raise WorkflowError(
            f"The family has too few different values for {len(self.taken) + 1} of them; make it easier."
        )


def _open_fields(world: AbstractFamily, roster: Roster) -> dict[str, list[Field]]:
    """Return the fields on the roster by source, without those from whose value no chain leads on."""
    fields = [one for one in world.fields if one in roster.posts]
    while True:
        sources = {one.source for one in fields}
        kept = [one for one in fields if one.target in sources]
        if len(kept) == len(fields):
            return {source: [one for one in fields if one.source == source] for source in sources}
        fields = kept
