"""Arithmetic on tables: totals of columns, and what desks with terms of their own make of them."""

import re
from collections.abc import Sequence
from typing import ClassVar

from entropyjax.iwg.dice import Dice
from entropyjax.iwg.families.base import AbstractFamily, Field, register
from entropyjax.iwg.instance import Checkpoint
from entropyjax.iwg.text import listed

_ROWS = 4
_GOODS = listed("anchors barrels candles drums felts gaskets hinges jugs kettles ladders nails oars pulleys rivets")
_SIGNS = {"surcharge": 1, "freight": 1, "levy": 1, "rebate": -1, "allowance": -1, "write-off": -1}


@register("arithmetic")
class Arithmetic(AbstractFamily):
    """Questions such as the rebate on the surcharged total of a table; each step is stated with its numbers."""

    title: ClassVar[str] = "arithmetic on tables"
    opening: ClassVar[Field] = Field("total", "tables", "table", "number")
    fields: ClassVar[tuple[Field, ...]] = tuple(Field(name, "terms", "number", "number") for name in _SIGNS)
    merge: ClassVar[Field] = Field("sum", "sums", "*", "number")
    receipt: ClassVar[Field] = Field("booking", "ledger", "*", "code")
    noise: ClassVar[tuple[str, ...]] = tuple(
        f"Line {k + 1}: {_GOODS[k % 14]}, lot {101 + 13 * k}, {listed('open paid held void')[k % 4]}, p. {1 + k // 3}."
        for k in range(60)
    )

    def literal(self, dice: Dice) -> str:
        return f"table T{100 + dice.below(900)}"

    def value(self, field: Field, desk: int, inputs: Sequence[str], dice: Dice) -> str:
        if field == self.opening:
            # More than the longest chain of rebates takes away.
            return str(3_000_000 + dice.below(6_000_000))
        if field.target == "number" and all(one.isdigit() for one in inputs):
            terms = 1001 + dice.below(8999)
            return str(sum(map(int, inputs)) + (_SIGNS[field.name] * terms if field.name in _SIGNS else 0))
        return f"{dice.pick('ABCDEFGH')}{dice.pick('KLMNPRST')}-{10000 + dice.below(90000)}"

    def wrong(self, field: Field, inputs: Sequence[str], dice: Dice) -> str:
        return super().wrong(self.opening if field == self.merge else field, inputs, dice)

    def record(self, field: Field, desk: int, inputs: Sequence[str], value: str, dice: Dice) -> list[str]:
        if field == self.opening:
            rest, parts = int(value), []
            for left in range(_ROWS - 1, 0, -1):
                parts.append(1 + dice.below(2 * rest // (left + 1) - 1))
                rest -= parts[-1]
            rows = [f"  {good}: {part}" for good, part in zip(dice.shuffled(_GOODS), [*parts, rest], strict=False)]
            return [f"{inputs[0].title()}:", *rows, f"Total of {inputs[0]}: {value}."]
        if field == self.merge and all(one.isdigit() for one in inputs):
            return [f"{' + '.join(inputs)} = {value}."]
        if field.name in _SIGNS and inputs[0].isdigit():
            terms, sign = abs(int(value) - int(inputs[0])), "+" if _SIGNS[field.name] > 0 else "-"
            return [f"{field.name.capitalize()} at this desk: {terms}.", f"{inputs[0]} {sign} {terms} = {value}."]
        return super().record(field, desk, inputs, value, dice)

    def checkpoint(self, field: Field, value: str) -> Checkpoint:
        if re.fullmatch(r"-?\d+", value):
            return Checkpoint("predicate", value, "number", {"absolute": 0.5})
        return super().checkpoint(field, value)
