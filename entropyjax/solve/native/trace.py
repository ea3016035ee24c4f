"""From a lane's function to the graph of a kernel, and what is worked out before it."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.extend import core

from entropyjax.solve.native.control import RULES
from entropyjax.solve.native.graph import Graph, Node, Region, Unsupported
from entropyjax.solve.native.interpret import Interpreter, Rows, plain
from entropyjax.solve.native.layout import Layout, make_layout
from entropyjax.solve.sinks import is_sink

LaneFunction = Callable[[Any, Any, Any, Any], Any]
"""Called as function(shared, item, lane, valid): a pytree of sinks."""


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


def trace(function: LaneFunction, shared: Any, item: Any, uniform: bool) -> Traced:
    """Return the graph of a lane's function.

    **Arguments:** `shared`, `item`: pytrees of shapes and types; an item's leaves are scalars; `uniform`: whether
    the lanes of a vector belong to one item, or each to an item of its own.

    **Raises:** `Unsupported` with what stands in the way.
    """
    leaves, shared_tree = jax.tree.flatten(shared)
    item_leaves, item_tree = jax.tree.flatten(item)
    structure: list[Any] = []

    def flat(*args: Any) -> list[Any]:
        whole = jax.tree.unflatten(shared_tree, args[: len(leaves)])
        mine = jax.tree.unflatten(item_tree, args[len(leaves) : -2])
        out = function(whole, mine, *args[-2:])
        sinks, tree = jax.tree.flatten(out, is_leaf=is_sink)
        structure[:] = [tree, [jax.tree.structure(sink) for sink in sinks]]
        return jax.tree.leaves(out)

    lane = (jax.ShapeDtypeStruct((), np.uint32), jax.ShapeDtypeStruct((), np.bool_))
    closed = jax.make_jaxpr(flat)(*leaves, *item_leaves, *lane)
    prelude, rest, inputs = _split(closed, len(leaves))
    return _build(prelude, rest, inputs, item_leaves, structure, uniform)


def _split(closed: Any, count: int) -> tuple[Any, Any, list[Any]]:
    """Return the part of a jaxpr that needs the shared leaves alone, the other equations, and what they take."""
    jaxpr = closed.jaxpr
    known = {*jaxpr.constvars, *jaxpr.invars[:count]}
    early, late = [], []
    for equation in jaxpr.eqns:
        if all(isinstance(atom, core.Literal) or atom in known for atom in equation.invars) and not equation.effects:
            known.update(equation.outvars)
            early.append(equation)
        else:
            late.append(equation)
    wanted = [atom for equation in late for atom in equation.invars] + list(jaxpr.outvars)
    taken = list(dict.fromkeys(atom for atom in wanted if not isinstance(atom, core.Literal) and atom in known))
    names = _no_names(jaxpr)
    prelude = jaxpr.replace(eqns=early, outvars=taken, invars=jaxpr.invars[:count], debug_info=names)
    rest = jaxpr.replace(constvars=(), invars=[*taken, *jaxpr.invars[count:]], eqns=late, debug_info=names)
    return core.ClosedJaxpr(prelude, closed.consts), rest, taken


def _no_names(jaxpr: Any) -> Any:
    """Return debugging information that fits any number of arguments."""
    return jaxpr.debug_info._replace(arg_names=None, result_paths=None)


def _build(
    prelude: Any, rest: Any, taken: list[Any], item_leaves: Sequence[Any], structure: list[Any], uniform: bool
) -> Traced:
    graph = Graph()
    shared = [(np.dtype(var.aval.dtype), int(np.prod(var.aval.shape))) for var in taken]
    args = []
    for number, var in enumerate(taken):
        if var.aval.dtype.kind not in "fiub" or var.aval.size > 4096:
            raise Unsupported(f"its lanes use a shared array of type {var.aval.dtype} and shape {var.aval.shape}")
        value = np.empty(var.aval.shape, object)
        for element, place in enumerate(np.ndindex(var.aval.shape)):
            value[place] = graph.local("shared", var.aval.dtype, False, (number, element))
        args.append(plain(value))
    with graph.nested(hoistable=True) as item_region:
        for number, leaf in enumerate(item_leaves):
            args.append(graph.local("item", leaf.dtype, not uniform, number))
        with graph.nested(hoistable=True) as block:
            args.append(graph.local("lane", np.uint32, uniform))
            args.append(graph.local("valid", np.bool_, True))
            interpreter = Interpreter(graph, RULES, rows_region=block)
            outs = interpreter.evaluate(rest, [], args)
            nodes = iter([value if isinstance(value, Rows) else graph.splat(value) for value in outs])
            sinks = [jax.tree.unflatten(tree, [next(nodes) for _ in range(tree.num_leaves)]) for tree in structure[1]]
            layout = make_layout([_spread(graph, sink) for sink in sinks])
    items = [np.dtype(leaf.dtype) for leaf in item_leaves]
    return Traced(prelude, shared, items, graph.root, item_region, block, layout, structure[0])


def _spread(graph: Graph, sink: Any) -> Any:
    """Return a sink whose saved rows have a value in every lane, also where lanes do not differ."""

    def spread(leaf: Any) -> Any:
        if not isinstance(leaf, Rows):
            return leaf
        return Rows(leaf.loop, leaf.counter, graph.splat(leaf.inside), leaf.length, tuple(map(graph.splat, leaf.after)))

    return jax.tree.map(spread, sink, is_leaf=lambda leaf: isinstance(leaf, Rows | Node))
