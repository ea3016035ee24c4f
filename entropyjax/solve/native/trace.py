"""From a lane's function to the graph of a kernel, and what is worked out before it."""

import dataclasses
from typing import Any

import numpy as np

from entropyjax.solve.native.control import RULES
from entropyjax.solve.native.graph import Graph, Region, Unsupported
from entropyjax.solve.native.interpret import Interpreter, Rows, plain
from entropyjax.solve.native.layout import Layout, make_layout
from entropyjax.solve.native.memory import Column
from entropyjax.solve.split import LaneFunction, LaneJaxpr, split_lane


@dataclasses.dataclass
class Traced:
    """A lane's function as a graph.

    **Attributes:**

    - `prelude`: jaxpr from the shared leaves to the arrays that the kernel takes; XLA evaluates it.
    - `shared`, `items`: type and number of elements of each input array, per call and per item.
    - `root`, `item`, `block`: regions of a call, of an item and of a vector of lanes.
    - `layout`: the sinks; `structure`: the pytree that they come from.
    """

    prelude: Any
    shared: list[tuple[np.dtype, int]]
    items: list[np.dtype]
    root: Region
    item: Region
    block: Region
    layout: Layout
    structure: Any


def trace(
    function: LaneFunction, shared: Any, item: Any, uniform: bool, direct: frozenset[str] = frozenset()
) -> Traced:
    """Return the graph of a lane's function.

    **Arguments:** `shared`, `item`: pytrees of shapes and types; an item's leaves are scalars; `uniform`: whether
    the lanes of a vector belong to one item, or each to an item of its own; `direct`: mathematical functions that the
    processor has instructions for.

    **Raises:** `Unsupported` with what stands in the way.
    """
    return _build(split_lane(function, shared, item), uniform, direct)


def _build(lane: LaneJaxpr, uniform: bool, direct: frozenset[str]) -> Traced:
    graph = Graph(direct)
    shared = [(np.dtype(aval.dtype), int(np.prod(aval.shape))) for aval in lane.shared]
    args = []
    for number, aval in enumerate(lane.shared):
        if aval.dtype.kind not in "fiub" or aval.size > 4096:
            raise Unsupported(f"its lanes use a shared array of type {aval.dtype} and shape {aval.shape}")
        value = np.empty(aval.shape, object)
        for element, place in enumerate(np.ndindex(aval.shape)):
            value[place] = graph.local("shared", aval.dtype, False, (number, element))
        args.append(plain(value))
    with graph.nested(hoistable=True) as item_region:
        for number, leaf in enumerate(lane.items):
            args.append(graph.local("item", leaf.dtype, not uniform, number))
        with graph.nested(hoistable=True) as block:
            args.append(graph.local("lane", np.uint32, uniform))
            args.append(graph.local("valid", np.bool_, True))
            interpreter = Interpreter(graph, RULES, rows_region=block)
            outs = interpreter.evaluate(lane.lanes, [], args)
            layout = make_layout(lane.collect([_spread(graph, value) for value in outs]))
    items = [np.dtype(leaf.dtype) for leaf in lane.items]
    return Traced(lane.prelude, shared, items, graph.root, item_region, block, layout, lane.structure)


def _spread(graph: Graph, value: Any) -> Any:
    """Return a result with a value in every lane, also where lanes do not differ; an array as rows without a loop."""
    if isinstance(value, Rows):
        inside = value.inside and graph.splat(value.inside)
        return dataclasses.replace(value, inside=inside, after=tuple(map(graph.splat, value.after)))
    if isinstance(value, Column):
        raise Unsupported("a lane gives a whole array that a loop fills")
    if isinstance(value, np.ndarray):
        if value.ndim != 1:
            raise Unsupported(f"a lane gives an array of shape {value.shape}")
        return Rows(None, None, None, 0, tuple(map(graph.splat, value)))
    return graph.splat(value)
