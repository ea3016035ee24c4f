"""Arrays that a loop fills, in each lane at places of its own: they lie in memory instead of in variables.

Arrays are values in a jaxpr, and these are written in place. A node of type `ORDER` stands for what an array holds: a
write takes the node before it and gives the next one, loops carry it, and whoever goes back to an older one is refused.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from entropyjax.solve.native.graph import ORDER, Graph, Node
from entropyjax.solve.unsupported import Unsupported


class Memory:
    """An array of one axis for each lane.

    **Attributes:** `length`, `dtype`: of the array; `newest`: what it holds by now.
    """

    def __init__(self, length: int, dtype: np.dtype):
        self.length, self.dtype = length, dtype
        self.newest: Node | None = None


@dataclasses.dataclass(frozen=True)
class Column:
    """What an array in memory holds at some point: the value of a variable of a jaxpr."""

    memory: Memory
    order: Node

    def followed_by(self, order: Node) -> "Column":
        """Return what the array holds next."""
        self.memory.newest = order
        return Column(self.memory, order)

    def current(self) -> "Column":
        """Return this, if nothing was written since."""
        if self.order is not self.memory.newest:
            raise Unsupported("it goes back to what an array held before a loop wrote to it")
        return self


def make_column(graph: Graph, shape: tuple[int, ...], dtype: Any) -> Column:
    """Return an array that holds anything."""
    if len(shape) != 1:
        raise Unsupported(f"it makes an empty array of shape {shape}")
    memory = Memory(shape[0], np.dtype(dtype))
    memory.newest = graph.local("memory", ORDER, False, memory)
    return Column(memory, memory.newest)


def on_column(graph: Graph, equation: Any, args: list[Any]) -> Any:
    """Evaluate an equation that takes an array in memory: one of its elements is written or read."""
    rule = _RULES.get(equation.primitive.name)
    if rule is None or not isinstance(args[0], Column) or any(isinstance(arg, Column) for arg in args[1:]):
        raise Unsupported(f"it does '{equation.primitive.name}' with an array that is filled by a loop")
    return rule(graph, args[0].current(), *args[1:])


def _write(graph: Graph, column: Column, update: Any, place: Node) -> Column:
    if not isinstance(update, np.ndarray) or update.shape != (1,):
        raise Unsupported("it writes several elements at once to an array that is filled by a loop")
    mask = graph.constant(True, np.bool_) if graph.mask is None else graph.mask
    operands = [graph.splat(node) for node in (_inside(graph, column, place), mask, update[0])]
    return column.followed_by(graph.placed("store", [column.order, *operands], ORDER, False, column.memory))


def _read(graph: Graph, column: Column, place: Node) -> np.ndarray:
    if column.order.op != "result":
        raise Unsupported("it reads an array outside of what follows the loop that fills it")
    if place.varying:
        raise Unsupported("it reads an array that is filled by a loop at a place of each lane's own")
    value = _only_value(column.order)
    if value is None or value.region not in graph.region.chain():
        where = [column.order, _inside(graph, column, place)]
        value = graph.placed("load", where, column.memory.dtype, True, column.memory)
    single = np.empty(1, object)
    single[0] = value
    return single


_RULES: dict[str, Callable[..., Any]] = {"dynamic_update_slice": _write, "dynamic_slice": _read}


def _inside(graph: Graph, column: Column, place: Node) -> Node:
    """Return a place, moved to the nearest end of the array if it lies outside."""
    last = column.memory.length - 1
    if place.op == "constant":
        return graph.constant(min(max(int(place.value), 0), last), np.int32)
    low = graph.node("max", (place, graph.constant(0, place.dtype)), place.dtype)
    high = graph.node("min", (low, graph.constant(last, place.dtype)), place.dtype)
    return high if high.dtype == np.int32 else graph.node("convert", (high,), np.int32)


def _only_value(order: Node) -> Node | None:
    """Return the node that every write before `order` has put into the array, if it is always the same."""
    found: dict[int, Node] = {}
    seen: set[int] = set()
    stack = [order]
    while stack:
        node = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if node.op == "store":
            stack.append(node.args[0])
            found[id(node.args[3])] = node.args[3]
        elif node.op == "result":
            loop: Any = node.args[0]
            stack.extend((loop.inits[node.attribute], loop.outs[node.attribute]))
    return next(iter(found.values())) if len(found) == 1 else None
