"""A lane's function as a jaxpr, cut into what all lanes share and what is each lane's own."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.extend import core

from entropyjax.solve.sinks import is_sink

LaneFunction = Callable[[Any, Any, Any, Any], Any]
"""Called as function(shared, item, lane, valid): a pytree of sinks."""


class LaneJaxpr(NamedTuple):
    """A lane's function in two parts.

    **Attributes:**

    - `prelude`: closed jaxpr from the shared leaves to the arrays that the lanes take; XLA evaluates it.
    - `lanes`: jaxpr from these arrays, the item's leaves, the lane's number and whether it is one of the item's, to
      the leaves of the sinks.
    - `shared`, `items`: shapes and types of the arrays that the lanes take, and of the item's leaves.
    - `structure`: the pytree of the sinks; `sinks`: that of each sink.
    """

    prelude: Any
    lanes: Any
    shared: list[Any]
    items: list[Any]
    structure: Any
    sinks: list[Any]

    def collect(self, leaves: list[Any]) -> list[Any]:
        """Return the sinks that these leaves make up."""
        rest = iter(leaves)
        return [jax.tree.unflatten(tree, [next(rest) for _ in range(tree.num_leaves)]) for tree in self.sinks]


def split_lane(function: LaneFunction, shared: Any, item: Any) -> LaneJaxpr:
    """Return the two parts of a lane's function.

    **Arguments:** `shared`, `item`: pytrees of shapes and types; an item's leaves are scalars.
    """
    leaves, shared_tree = jax.tree.flatten(shared)
    item_leaves, item_tree = jax.tree.flatten(item)
    found: list[Any] = []

    def flat(*args: Any) -> list[Any]:
        whole = jax.tree.unflatten(shared_tree, args[: len(leaves)])
        mine = jax.tree.unflatten(item_tree, args[len(leaves) : -2])
        out = function(whole, mine, *args[-2:])
        sinks, tree = jax.tree.flatten(out, is_leaf=is_sink)
        found[:] = [tree, [jax.tree.structure(sink) for sink in sinks]]
        return jax.tree.leaves(out)

    lane = (jax.ShapeDtypeStruct((), np.uint32), jax.ShapeDtypeStruct((), np.bool_))
    closed = jax.make_jaxpr(flat)(*leaves, *item_leaves, *lane)
    prelude, rest, taken = _split(closed, len(leaves))
    return LaneJaxpr(prelude, rest, [var.aval for var in taken], item_leaves, *found)


def _split(closed: Any, count: int) -> tuple[Any, Any, list[Any]]:
    """Return the part of a jaxpr that needs the shared leaves alone, the other equations, and what they take."""
    jaxpr = closed.jaxpr
    known = {*jaxpr.constvars, *jaxpr.invars[:count]}
    early, late = [], []
    for equation in jaxpr.eqns:
        given = all(isinstance(atom, core.Literal) or atom in known for atom in equation.invars)
        # An array that is made empty is each lane's own to fill.
        if given and not equation.effects and equation.primitive.name != "empty":
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
