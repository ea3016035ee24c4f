"""Retrieval over several hops in a typed knowledge base of invented people, towns, firms, books and museums."""

from collections.abc import Sequence
from typing import ClassVar

from entropyjax.iwg.dice import Dice
from entropyjax.iwg.families.base import AbstractFamily, Field, register
from entropyjax.iwg.text import listed

_FORE = listed(
    "Alma Bero Cilia Doran Elke Farid Gesa Hanno Ilva Joren Kaja Ludek Mira Nilo Orla Pavo Ruta Selim Tova Ulf"
)
_STEM = listed("Bran Corv Dask Fenn Garl Holm Ister Kald Lund Marr Norv Osk Pell Quar Renn Salv Torm Ulst Velt Wick")
_PERSON = listed("ani bek dorf elli grim hart ino krev lund mora nes oul pek rado sen tis uka vik well zan")
_CITY = listed("bourne by dal feld gate haven mouth nau port stad thorpe ville wald wyk")
_TRADE = listed("Bearings Ceramics Dyes Engines Foundry Glass Instruments Looms Mills Optics Paper Ropes Seeds Tools")
_ADJECTIVE = listed(
    "Amber Bitter Crooked Distant Eleventh Fading Gilded Hollow Iron Lonely Quiet Restless Silent Winter"
)
_NOUN = listed(
    "Bridge Compass Dialogue Echo Garden Harbour Island Journey Lantern Mirror Orchard River Staircase Voyage"
)
_MUSEUM = listed("Clocks Coins Fans Ferns Gears Kites Knots Locks Maps Masks Moths Pipes Shells Stamps Tiles Toys")
_OTHERS = listed("Aber Ebbo Iver Odda Usha Ymir")


@register("retrieval")
class Retrieval(AbstractFamily):
    """Questions such as the mayor of the birthplace of the holder of an office."""

    title: ClassVar[str] = "retrieval over several hops in a typed knowledge base"
    opening: ClassVar[Field] = Field("holder", "office register", "office", "person")
    fields: ClassVar[tuple[Field, ...]] = (
        Field("mentor", "people register", "person", "person"),
        Field("birthplace", "people register", "person", "city"),
        Field("mayor", "town register", "city", "person"),
        Field("employer", "employment register", "person", "firm"),
        Field("headquarters", "trade register", "firm", "city"),
        Field("founder", "trade register", "firm", "person"),
        Field("supplier", "trade register", "firm", "firm"),
        Field("first book", "library catalogue", "person", "book"),
        Field("author", "library catalogue", "book", "person"),
        Field("sequel", "library catalogue", "book", "book"),
        Field("main museum", "museum guide", "city", "museum"),
        Field("curator", "museum guide", "museum", "person"),
        Field("twin town", "town register", "city", "city"),
    )
    merge: ClassVar[Field] = Field("joint file", "archive", "*", "code")
    receipt: ClassVar[Field] = Field("receipt", "registrar", "*", "code")
    noise: ClassVar[tuple[str, ...]] = tuple(
        f"Entry {100 + 7 * k}: {_OTHERS[k % 6]}, {listed('north south east west')[k % 4]} wing, "
        f"{listed('on loan closed in order under review pending')[k % 5]}, shelf {11 + k}."
        for k in range(60)
    )

    def literal(self, dice: Dice) -> str:
        return f"office {1000 + dice.below(9000)}"

    def value(self, field: Field, desk: int, inputs: Sequence[str], dice: Dice) -> str:
        del desk, inputs
        match field.target:
            case "person":
                return f"{dice.pick(_FORE)} {dice.pick(_STEM)}{dice.pick(_PERSON)}"
            case "city":
                return f"{dice.pick(_STEM)}{dice.pick('aeio')}{dice.pick(_CITY)}"
            case "firm":
                return f"{dice.pick(_STEM)}{dice.pick(listed('ox um ar eg'))} {dice.pick(_TRADE)}"
            case "book":
                return f"The {dice.pick(_ADJECTIVE)} {dice.pick(_NOUN)} of {dice.pick(_STEM)}{dice.pick('uy')}"
            case "museum":
                return f"Museum of {dice.pick(_MUSEUM)} and {dice.pick(_MUSEUM)}"
        return f"{dice.pick('ABCDEFGH')}{dice.pick('KLMNPRST')}-{10000 + dice.below(90000)}"
