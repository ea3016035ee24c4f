"""Rosters of the procedural engine: who keeps which records, and who looks like whom."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

from entropyjax.iwg.dice import Dice
from entropyjax.iwg.difficulty import Difficulty
from entropyjax.iwg.families import AbstractFamily, Field
from entropyjax.iwg.instance import Executor
from entropyjax.iwg.text import listed

_HOUSES = listed(
    "Almanac Bureau Cabinet Depot Exchange Filing Gazette Hall Institute Junction Kiosk Lodge Mint Notary Office "
    "Post Quarter Registry Sheaf Tower Union Vault Wing Yard"
)


@dataclasses.dataclass(frozen=True)
class Post:
    """A field as one desk keeps it; queries name it by its `relation`."""

    field: Field
    desk: int
    executor: str

    @property
    def relation(self) -> str:
        """The field and the desk; desk 0 goes without saying."""
        return f"{self.field.name} (desk {self.desk})" if self.desk else self.field.name


@dataclasses.dataclass(frozen=True)
class Roster:
    """Executors, and the posts that each field can be asked at."""

    executors: tuple[Executor, ...]
    posts: Mapping[Field, Sequence[Post]]

    @property
    def holders(self) -> dict[str, Executor]:
        """The executor of each relation."""
        known = {one.name: one for one in self.executors}
        return {post.relation: known[post.executor] for posts in self.posts.values() for post in posts}

    def lookalikes(self, name: str) -> list[str]:
        """Return the other executors, those of the same house first."""
        house = name.rsplit("_", 1)[0]
        others = [one.name for one in self.executors if one.name != name]
        return sorted(others, key=lambda other: other.rsplit("_", 1)[0] != house)


def make_roster(family: AbstractFamily, difficulty: Difficulty, dice: Dice) -> Roster:
    """Return N executors in houses of g = 1 + round(phi (N-1)) desks, which differ in the number of their desk alone.

    Each house keeps a field, or several where there are fewer houses than the instance cannot do without. Fields that
    no chain needs fill the roster up.
    """
    size = 1 + math.floor(difficulty.similarity * (difficulty.executors - 1) + 0.5)
    houses = math.ceil(difficulty.executors / size)
    needed = [family.opening, family.fields[0]]
    needed += [family.merge] * (difficulty.width > 1) + [family.receipt] * (difficulty.extensions > 0)
    rest = [one for one in (*family.fields, family.merge, family.receipt) if one not in needed]
    # With fewer houses than fields in need, one house keeps several of them.
    fields = [*needed, *dice.shuffled(rest)]
    fields = fields[: max(houses, len(needed))]
    digits = len(str(difficulty.executors))
    executors: list[Executor] = []
    posts: dict[Field, list[Post]] = {}
    for house in range(houses):
        # More houses than fields: the same fields again, at desks with other numbers.
        kept = fields[house::houses] or [fields[house % len(fields)]]
        first = 1 + size * (house // len(fields))
        for desk in range(first, min(first + size, first + difficulty.executors - len(executors))):
            name = f"{_house(house)}_{desk:0{digits}d}"
            executors.append(_executor(name, kept, desk))
            for field in kept:
                posts.setdefault(field, []).append(Post(field, desk, name))
    return Roster(tuple(executors), posts)


def _house(number: int) -> str:
    return _HOUSES[number % len(_HOUSES)] + "x" * (number // len(_HOUSES))


def _executor(name: str, fields: Sequence[Field], desk: int) -> Executor:
    keeps = ", ".join(one.name for one in fields)
    capabilities = tuple(dict.fromkeys(one.capability for one in fields))
    return Executor(name, capabilities, f"Keeps {' and '.join(capabilities)} of desk {desk}: {keeps}.")
