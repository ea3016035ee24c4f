"""From a jaxpr to a graph: arrays are unrolled into scalars, and every call is inlined."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.extend import core

from entropyjax.solve.native.functions import FUNCTIONS
from entropyjax.solve.native.graph import Graph, Loop, Node, Region, Unsupported

Value = Any
"""An object array of nodes with the shape of the variable, or `Rows`."""


@dataclasses.dataclass(frozen=True)
class Rows:
    """What a loop over save times collects: a node of its body each round, then single rows after it."""

    loop: Region
    counter: Node
    inside: Node
    length: int
    after: tuple[Node, ...]


def single(node: Node) -> np.ndarray:
    """Return a node as a value of shape ()."""
    value = np.empty((), object)
    value[()] = node
    return value


class Interpreter:
    """Evaluates jaxprs into a graph; `rules` hold one function for each primitive."""

    def __init__(self, graph: Graph, rows_region: Region | None = None):
        self.graph = graph
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
        array = np.asarray(value, dtype)
        if array.dtype.kind not in "fiub" or array.size > 4096:
            raise Unsupported(f"it holds a constant of type {array.dtype} and shape {array.shape}")
        out = np.empty(array.shape, object)
        for place in np.ndindex(array.shape):
            out[place] = self.graph.constant(array[place], array.dtype)
        return out

    def apply(self, equation: Any, args: list[Value]) -> list[Value]:
        """Evaluate one equation."""
        from entropyjax.solve.native import control, rules

        name = equation.primitive.name
        if name in control.RULES:
            return control.RULES[name](self, equation, args)
        if any(isinstance(arg, Rows) for arg in args):
            return [rules.rows(equation, args)]
        if name in FUNCTIONS and equation.invars[-1].aval.dtype.kind == "f":
            return [self._function(FUNCTIONS[name], args)]
        if name in rules.ELEMENTWISE:
            return [elementwise(functools.partial(rules.ELEMENTWISE[name], self, equation), args)]
        if name in rules.STRUCTURAL:
            out = rules.STRUCTURAL[name](self, equation, args)
            return out if isinstance(out, list) else [out]
        raise Unsupported(f"the primitive '{name}' has no rule")

    def _function(self, function: Callable[..., Any], args: list[Value]) -> Value:
        """Inline a mathematical function, without contraction: its error bounds count every rounding."""

        def scalar(*nodes: Node) -> Node:
            jaxpr = _traced(function, tuple(node.dtype.str for node in nodes))
            before, self.graph.strict = self.graph.strict, False
            out = self.closed(jaxpr, [single(node) for node in nodes])[0][()]
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
        start = [node for value in init for node in value.flat]
        varying = [node.varying for node in start]
        while True:
            loop = Loop("loop", (), np.dtype(bool), False, None, graph.strict, graph.region)
            loop.length, loop.test, loop.condition, loop.mask = length, None, None, graph.mask
            with graph.nested(hoistable=True) as region:
                loop.counter = graph.local("counter", np.uint32, False)
                loop.phis = [graph.local("carried", n.dtype, v) for n, v in zip(start, varying, strict=True)]
                carried = _shaped(init, loop.phis)
                outer = graph.mask
                if test is not None:
                    with graph.nested(hoistable=False) as loop.test:
                        loop.condition = self._live(test(carried))
                    graph.mask = loop.condition if loop.condition.varying else outer
                try:
                    outs, extra = body(carried, region, loop.counter)
                finally:
                    graph.mask = outer
                ends = [node for value in outs for node in value.flat]
                grown = [v or n.varying or _divergent(loop) for v, n in zip(varying, ends, strict=True)]
                if grown == varying:
                    loop.outs = [graph.splat(n) if v else n for n, v in zip(ends, varying, strict=True)]
                    break
            varying = grown
        loop.inits = [graph.splat(n) if v else n for n, v in zip(start, varying, strict=True)]
        loop.body = region
        return _shaped(init, graph.loop(region, loop)), extra

    def _live(self, condition: Node) -> Node:
        """Return the lanes in which a loop goes on, those that are masked out left aside."""
        mask = self.graph.mask
        if mask is None or not condition.varying:
            return condition
        return self.graph.node("and", (condition, mask), np.bool_)


def _divergent(loop: Loop) -> bool:
    return loop.condition is not None and loop.condition.varying


def _shaped(like: Sequence[Value], nodes: Sequence[Node]) -> list[Value]:
    """Return the nodes as values shaped as those in `like`."""
    out, place = [], 0
    for value in like:
        shaped = np.empty(value.shape, object)
        for index in np.ndindex(value.shape):
            shaped[index] = nodes[place]
            place += 1
        out.append(shaped)
    return out


def elementwise(function: Callable[..., Node], args: Sequence[Value]) -> Value:
    """Apply a function of nodes to arrays of them; arrays of shape () go with every shape."""
    shape = next((arg.shape for arg in args if arg.shape), ())
    out = np.empty(shape, object)
    for place in np.ndindex(shape):
        out[place] = function(*(arg[place] if arg.shape else arg[()] for arg in args))
    return out


@functools.lru_cache(maxsize=256)
def _traced(function: Callable[..., Any], dtypes: tuple[str, ...]) -> Any:
    return jax.make_jaxpr(function)(*(jax.ShapeDtypeStruct((), np.dtype(dtype)) for dtype in dtypes))
