"""What a loop over save times collects: rows of a number, or of a small array of numbers."""

import dataclasses
from typing import Any

import numpy as np

from entropyjax.solve.native.graph import Node, Region
from entropyjax.solve.unsupported import Unsupported


@dataclasses.dataclass(frozen=True)
class Rows:
    """What a loop over save times collects: a node of its body each round, then single rows after it."""

    loop: Region | None
    counter: Node | None
    inside: Node | None
    length: int
    after: tuple[Node, ...]


@dataclasses.dataclass(frozen=True)
class RowArray:
    """Rows of an array of numbers.

    **Attributes:** `elements`: an array of `Rows`, without the axis of the rows; `axis`: where that axis stands.
    """

    elements: np.ndarray
    axis: int


def collect(loop: Region, counter: Node, value: Any, length: int) -> Rows | RowArray:
    """Return the rows of a value (a node, or an array of nodes) that a loop saves in each of its rounds."""
    if not isinstance(value, np.ndarray):
        return Rows(loop, counter, value, length, ())
    return RowArray(_each(value, lambda node, _: Rows(loop, counter, node, length, ())), 0)


def on_rows(equation: Any, args: list[Any]) -> Any:
    """Evaluate an equation that takes rows: single ones are appended, and elements of arrays picked out."""
    name, first, rest = equation.primitive.name, args[0], args[1:]
    if name == "concatenate" and not any(isinstance(arg, Rows | RowArray) for arg in rest):
        axis = equation.params["dimension"]
        if isinstance(first, Rows):
            return _append(first, rest)
        if axis == first.axis:
            more = [np.moveaxis(arg, axis, 0) for arg in rest]

            def longer(rows: Rows, place: tuple[int, ...]) -> Rows:
                return _append(rows, [each[(slice(None), *place)] for each in more])

            return RowArray(_each(first.elements, longer), axis)
    elif isinstance(first, RowArray) and not rest:
        # The axis of the rows is stood for by one of a single element.
        wide = np.expand_dims(first.elements, first.axis)
        if name == "transpose":
            order = equation.params["permutation"]
            return _narrow(wide.transpose(order), order.index(first.axis))
        if name == "slice" and set(equation.params["strides"] or (1,)) == {1}:
            ends = zip(equation.params["start_indices"], equation.params["limit_indices"], strict=True)
            places = [slice(*pair) for pair in ends]
            rows = equation.invars[0].aval.shape[first.axis]
            if places[first.axis] == slice(0, rows):
                places[first.axis] = slice(None)
                return _narrow(wide[tuple(places)], first.axis)
        if name == "squeeze" and first.axis not in equation.params["dimensions"]:
            gone = equation.params["dimensions"]
            return _narrow(wide.squeeze(gone), first.axis - sum(axis < first.axis for axis in gone))
    raise Unsupported(f"it does '{name}' with the saved rows of a lane")


def _narrow(wide: np.ndarray, axis: int) -> Rows | RowArray:
    elements = wide.squeeze(axis)
    return elements.item() if elements.ndim == 0 else RowArray(elements, axis)


def _append(rows: Rows, arrays: list[Any]) -> Rows:
    more = [node for array in arrays for node in (array.flat if isinstance(array, np.ndarray) else [array])]
    return dataclasses.replace(rows, after=(*rows.after, *more))


def _each(values: np.ndarray, function: Any) -> np.ndarray:
    out = np.empty(values.shape, object)
    for place in np.ndindex(values.shape):
        out[place] = function(values[place], place)
    return out
