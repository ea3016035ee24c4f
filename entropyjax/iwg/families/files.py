"""Operations on files: what is newest, what links where, what is copied; calls are verified, not texts."""

from collections.abc import Sequence
from typing import ClassVar

from entropyjax.iwg.dice import Dice
from entropyjax.iwg.families.base import AbstractFamily, Field, register
from entropyjax.iwg.instance import Checkpoint
from entropyjax.iwg.text import listed

_STEM = listed(
    "agenda budget charter draft essay forecast grant index journal ledger memo notes outline plan quota roster"
)
_CODA = listed("amu beda coro dile fenu gavo hiru jolu kema lunu mopa nery olvi petu")
_ENDING = listed("csv json md toml txt xml yaml")
_FOLDER = listed("atlas basin cedar delta ember fjord grove heath inlet knoll")
_CALLS = {"copy": "copied", "archive": "archived", "bundle": "bundled"}


@register("files")
class Files(AbstractFamily):
    """Questions such as the digest of the file that the newest file of a folder links to."""

    title: ClassVar[str] = "operations on files"
    opening: ClassVar[Field] = Field("newest file", "listing", "folder", "file")
    fields: ClassVar[tuple[Field, ...]] = (
        Field("link target", "reading", "file", "file"),
        Field("copy", "writing", "file", "path"),
        Field("source", "history", "path", "file"),
        Field("backup", "history", "file", "file"),
        Field("archive", "writing", "file", "path"),
        Field("neighbour", "listing", "path", "path"),
        Field("keyword", "reading", "file", "word"),
        Field("definition file", "search", "word", "file"),
        Field("synonym", "search", "word", "word"),
    )
    merge: ClassVar[Field] = Field("bundle", "packing", "*", "path")
    receipt: ClassVar[Field] = Field("digest", "hashing", "*", "digest")
    noise: ClassVar[tuple[str, ...]] = tuple(
        f"-rw-r--r-- {120 + 17 * k} part{k:02d}.bak {listed('mon tue wed thu fri')[k % 5]} week {1 + k % 52}"
        for k in range(60)
    )

    def literal(self, dice: Dice) -> str:
        return f"folder {dice.pick(_FOLDER)}{100 + dice.below(900)}"

    def value(self, field: Field, desk: int, inputs: Sequence[str], dice: Dice) -> str:
        del desk, inputs
        match field.target:
            case "file":
                return f"{dice.pick(_STEM)}_{dice.pick(_CODA)}{dice.pick(_CODA)}.{dice.pick(_ENDING)}"
            case "path":
                call = _CALLS.get(field.name, "found")
                return f"{call}:/{dice.pick(_FOLDER)}/{dice.pick(_CODA)}{10000 + dice.below(90000)}"
            case "word":
                return f"{dice.pick(_CODA)}{dice.pick(_CODA)}{dice.pick(_CODA)}"
        return "".join(dice.pick("0123456789abcdef") for _ in range(16))

    def checkpoint(self, field: Field, value: str) -> Checkpoint:
        return Checkpoint("api", value) if field.name in _CALLS else super().checkpoint(field, value)
