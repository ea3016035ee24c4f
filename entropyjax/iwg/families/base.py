"""The contract of a family: the fields of its records, the values they hold, and how records look."""

import abc
import dataclasses
from collections.abc import Sequence
from typing import ClassVar

from entropyjax.iwg.dice import Dice
from entropyjax.iwg.instance import Checkpoint
from entropyjax.params import Registry


@dataclasses.dataclass(frozen=True)
class Field:
    """A kind of record.

    **Attributes:**

    - `name`: the relation, as the query names it; `capability`: what an executor needs for it.
    - `source`, `target`: types of what it is asked about and of its value.
    """

    name: str
    capability: str
    source: str
    target: str


class AbstractFamily(abc.ABC):
    """A typed world of records.

    Chains go from `opening`, which is asked about something in the query, over `fields`, whose types fit together, to
    an answer, or to `merge`, which is asked about the ends of several chains. `receipt` follows an answer. The first of
    the `fields` leads from the opening's type to itself, so that chains of any length exist whatever the roster.
    """

    title: ClassVar[str]
    opening: ClassVar[Field]
    fields: ClassVar[tuple[Field, ...]]
    merge: ClassVar[Field]
    receipt: ClassVar[Field]
    noise: ClassVar[tuple[str, ...]]
    """Lines of records that no question asks about; no value stands in them."""

    @abc.abstractmethod
    def literal(self, dice: Dice) -> str:
        """Return something that a query can ask the opening about."""

    @abc.abstractmethod
    def value(self, field: Field, desk: int, inputs: Sequence[str], dice: Dice) -> str:
        """Return what `field` holds for `inputs` at a desk; drawn again if the instance has it already."""

    def record(self, field: Field, desk: int, inputs: Sequence[str], value: str, dice: Dice) -> list[str]:
        """Return the lines of the record that hold the value."""
        del desk, dice
        return [f"{field.name.capitalize()} of {' and '.join(inputs)}: {value}."]

    def wrong(self, field: Field, inputs: Sequence[str], dice: Dice) -> str:
        """Return a value that could be true and is not, for hallucinations."""
        return self.value(field, 0, inputs, dice)

    def checkpoint(self, field: Field, value: str) -> Checkpoint:
        """Return what tells that the value was found."""
        del field
        return Checkpoint("exact", value)


FAMILIES: Registry[AbstractFamily] = Registry("family", "entropyjax.iwg.families")
register = FAMILIES.register
