"""From a jaxpr to a graph: arrays are unrolled into scalars, and every call is inlined."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.extend import core

from entropyjax.solve.native.direct import direct
from entropyjax.solve.native.functions import FUNCTIONS
from entropyjax.solve.native.graph import ORDER, Graph, Loop, Node, Region, Unsupported
from entropyjax.solve.native.memory import Column, on_column
from entropyjax.solve.native.saved import RowArray, Rows, on_rows

Value = Any
"""A node, an object array of nodes with the shape of the variable, `Rows`, or a `Column`."""


def array(value: Value) -> np.ndarray:
    """Return a value as an object array."""
    if isinstance(value, np.ndarray):
        return value
    out = np.empty((), object)
    out[()] = value
    return out


def plain(value: Value) -> Value:
    """Return an array of shape () as its node."""
    return value[()] if isinstance(value, np.ndarray) and value.shape == () else value


def nodes(value: Value) -> list[Node]:
    """Return the nodes of a value in order."""
    if isinstance(value, Column):
        return [value.current().order]
    return list(value.flat) if isinstance(value, np.ndarray) else [value]


class Rules(NamedTuple):
    """One function for each primitive: on single nodes, on arrays of nodes, and for control flow."""

    elementwise: Mapping[str, Callable[..., Node]]
    structural: Mapping[str, Callable[..., Any]]
    control: Mapping[str, Callable[..., list[Value]]]


class Interpreter:
    """Evaluates jaxprs into a graph.

    **Attributes:** `rows_region`: where a loop may save rows.
    """

    def __init__(self, graph: Graph, rules: Rules, rows_region: Region | None = None):
        self.graph, self.rules = graph, rules
        self.rows_region = rows_region

    def closed(self, jaxpr: Any, args: Sequence[Value]) -> list[Value]:
        """Evaluate a closed jaxpr."""
        return self.evaluate(jaxpr.jaxpr, [self.literal(value) for value in jaxpr.consts], args)

    def evaluate(self, jaxpr: Any, consts: Sequence[Value], args: Sequence[Value]) -> list[Value]:
        """Return the values of a jaxpr's outputs."""
        known: dict[Any, Value] = dict(zip(jaxpr.constvars, consts, strict=True))
        known.update(zip(jaxpr.invars, args, strict=True))

        def read(atom: Any) -> Value:
            if isinstance(atom, core.Literal):
                aval: Any = atom.aval
                return self.literal(atom.val, aval.dtype)
            return known[atom]

        for equation in jaxpr.eqns:
            outs = self.apply(equation, [read(atom) for atom in equation.invars])
            known.update(zip(equation.outvars, outs, strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    def literal(self, value: Any, dtype: Any = None) -> Value:
        """Return the nodes of a constant."""
        if isinstance(value, jax.Array):
            value = np.asarray(value)
        numbers = np.asarray(value, dtype)
        if numbers.dtype.kind not in "fiub" or numbers.size > 4096:
            raise Unsupported(f"it holds a constant of type {numbers.dtype} and shape {numbers.shape}")
        if numbers.shape == ():
            return self.graph.constant(numbers, numbers.dtype)
        out = np.empty(numbers.shape, object)
        for place in np.ndindex(numbers.shape):
            out[place] = self.graph.constant(numbers[place], numbers.dtype)
        return out

    def apply(self, equation: Any, args: list[Value]) -> list[Value]:
        """Evaluate one equation."""
        name = equation.primitive.name
        if name in self.rules.elementwise and not any(isinstance(arg, Rows | RowArray | Column) for arg in args):
            rule = self.rules.elementwise[name]
            return [elementwise(lambda *operands: rule(self, equation, *operands), args)]
        if name in self.rules.control:
            return self.rules.control[name](self, equation, args)
        if any(isinstance(arg, Rows | RowArray) for arg in args):
            return [on_rows(equation, args)]
        if any(isinstance(arg, Column) for arg in args):
            return [on_column(self.graph, equation, args)]
        if name in FUNCTIONS and equation.invars[-1].aval.dtype.kind == "f":
            return [self._function(name, args)]
        if name in self.rules.structural:
            out = self.rules.structural[name](self, equation, [array(arg) for arg in args])
            return [plain(value) for value in out] if isinstance(out, list) else [plain(out)]
        raise Unsupported(f"the primitive '{name}' has no rule")

    def _function(self, name: str, args: list[Value]) -> Value:
        """Inline a mathematical function, or leave it to the processor's own instructions."""

        def scalar(*operands: Node) -> Node:
            if name in self.graph.direct and operands[0].varying and operands[0].dtype == np.float32:
                return direct(self.graph, name, *operands)
            jaxpr = _traced(FUNCTIONS[name], tuple(node.dtype.str for node in operands))
            before, self.graph.strict = self.graph.strict, False
            out = self.closed(jaxpr, operands)[0]
            self.graph.strict = before
            return out

        return elementwise(scalar, args)

    def loop(
        self, length: int | None, init: list[Value], body: Callable[..., Any], test: Callable[..., Node] | None = None
    ) -> tuple[list[Value], list[Any]]:
        """Build a loop over carried values; return their last values and what the body gave besides.

        Whether lanes differ in a carried value is found by trial: the body is built again with what it made
        of uniform values.
        """
        graph = self.graph
        start = [node for value in init for node in nodes(value)]
        varying = [node.varying for node in start]
        while True:
            loop = Loop("loop", (), np.dtype(bool), False, None, graph.strict, graph.region)
            loop.length, loop.test, loop.condition, loop.mask = length, None, None, graph.mask
            with graph.nested(hoistable=True) as region:
                loop.counter = graph.local("counter", np.uint32, False)
                loop.phis = [graph.local("carried", n.dtype, v) for n, v in zip(start, varying, strict=True)]
                carried = shaped(init, loop.phis)
                outer = graph.mask
                if test is not None:
                    with graph.nested(hoistable=False) as loop.test:
                        loop.condition = self._live(test(carried))
                    graph.mask = loop.condition if loop.condition.varying else outer
                try:
                    outs, extra = body(carried, region, loop.counter)
                finally:
                    graph.mask = outer
                ends = [node for value, was in zip(outs, init, strict=True) for node in _ends(value, was)]
                grown = [_grows(loop, v, n) for v, n in zip(varying, ends, strict=True)]
                if grown == varying:
                    loop.outs = [graph.splat(n) if v else n for n, v in zip(ends, varying, strict=True)]
                    break
            varying = grown
        loop.inits = [graph.splat(n) if v else n for n, v in zip(start, varying, strict=True)]
        loop.body = region
        return shaped(init, graph.loop(region, loop)), extra

    def _live(self, condition: Node) -> Node:
        """Return the lanes in which a loop goes on, those that are masked out left aside."""
        mask = self.graph.mask
        if mask is None or not condition.varying:
            return condition
        return self.graph.node("and", (condition, mask), np.bool_)


def _grows(loop: Loop, varying: bool, end: Node) -> bool:
    """Return whether lanes differ in a carried value, as far as is known, once a round has ended with `end`."""
    divergent = loop.condition is not None and loop.condition.varying
    return end.dtype != ORDER and (varying or end.varying or divergent)


def _ends(value: Value, before: Value) -> list[Node]:
    """Return the nodes of a value at the end of a round; an array in memory must be the one that came in."""
    memories = [side.memory if isinstance(side, Column) else None for side in (value, before)]
    if memories[0] is not memories[1]:
        raise Unsupported("a loop exchanges arrays that it fills")
    return nodes(value)


def shaped(like: Sequence[Value], flat: Sequence[Node]) -> list[Value]:
    """Return nodes as values shaped as those in `like`."""
    out: list[Value] = []
    place = 0
    for value in like:
        if not isinstance(value, np.ndarray):
            out.append(value.followed_by(flat[place]) if isinstance(value, Column) else flat[place])
            place += 1
            continue
        filled = np.empty(value.size, object)
        filled[:] = flat[place : place + value.size]
        out.append(filled.reshape(value.shape))
        place += value.size
    return out


def elementwise(function: Callable[..., Node], args: Sequence[Value]) -> Value:
    """Apply a function of nodes to arrays of them; single nodes and axes of one element go with every size."""
    arrays = [arg for arg in args if isinstance(arg, np.ndarray)]
    if not arrays:
        return function(*args)
    shape = np.broadcast_shapes(*(arg.shape for arg in arrays))
    wide = [np.broadcast_to(arg, shape) if isinstance(arg, np.ndarray) else arg for arg in args]
    out = np.empty(shape, object)
    for place in np.ndindex(shape):
        out[place] = function(*(arg[place] if isinstance(arg, np.ndarray) else arg for arg in wide))
    return out


@functools.lru_cache(maxsize=256)
def _traced(function: Callable[..., Any], dtypes: tuple[str, ...]) -> Any:
    return jax.make_jaxpr(function)(*(jax.ShapeDtypeStruct((), np.dtype(dtype)) for dtype in dtypes))
