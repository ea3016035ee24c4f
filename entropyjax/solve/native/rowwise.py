"""Calls that take arrays which loops have filled: evaluated row by row, in a loop that gives rows."""

from typing import Any

import numpy as np
from jax.extend import core

from entropyjax.solve.native.graph import Node
from entropyjax.solve.native.interpret import Interpreter, Value
from entropyjax.solve.native.memory import Column, read
from entropyjax.solve.native.saved import collect
from entropyjax.solve.unsupported import Unsupported

CALLS = ("jit", "pjit")


def by_rows(self: Interpreter, closed: Any, args: list[Value]) -> list[Value]:
    """Return the rows that a function of scalars and of arrays in memory gives.

    All arrays that it makes have one axis, that of the rows, and row k of each depends on row k of the others.
    """
    shapes = {var.aval.shape for var in closed.jaxpr.outvars}
    if len(shapes) != 1 or len(shape := shapes.pop()) != 1:
        raise Unsupported("it does more with arrays that are filled by a loop than to read them row by row")

    def body(carried: list[Value], region: Any, counter: Node) -> tuple[list[Value], Any]:
        row = _Row(self, counter, shape)
        return carried, (region, counter, row.closed(closed, args))

    _, (region, counter, nodes) = self.loop(shape[0], [], body)
    return [collect(region, counter, node, shape[0]) for node in nodes]


class _Row:
    """One row of everything: the evaluation of a jaxpr whose arrays are replaced by their element there."""

    def __init__(self, interpreter: Interpreter, counter: Node, shape: tuple[int, ...]):
        self.interpreter, self.counter, self.shape = interpreter, counter, shape

    def closed(self, closed: Any, args: list[Value]) -> list[Value]:
        known: dict[Any, Value] = dict(zip(closed.jaxpr.invars, args, strict=True))
        known.update(zip(closed.jaxpr.constvars, map(self.interpreter.literal, closed.consts), strict=True))

        def value(atom: Any) -> Value:
            if isinstance(atom, core.Literal):
                aval: Any = atom.aval
                return self.interpreter.literal(atom.val, aval.dtype)
            return known[atom]

        for equation in closed.jaxpr.eqns:
            outs = self._apply(equation, [value(atom) for atom in equation.invars])
            known.update(zip(equation.outvars, outs, strict=True))
        return [value(atom) for atom in closed.jaxpr.outvars]

    def _apply(self, equation: Any, args: list[Value]) -> list[Value]:
        name, params, rules = equation.primitive.name, equation.params, self.interpreter.rules
        if name in CALLS:
            return self.closed(params["jaxpr"], args)
        if all(var.aval.shape in ((), self.shape) for var in equation.outvars):
            if name == "iota":
                return [self.interpreter.graph.node("convert", (self.counter,), np.dtype(params["dtype"]))]
            if name == "slice" and isinstance(args[0], Column) and self._is_whole(params):
                return [read(self.interpreter.graph, args[0], self.counter)]
            if all(isinstance(arg, Node) for arg in args):
                if name == "broadcast_in_dim":
                    return args
                if name in rules.elementwise:
                    return [rules.elementwise[name](self.interpreter, equation, *args)]
        raise Unsupported(f"it does '{name}' with arrays that are filled by a loop")

    def _is_whole(self, params: dict[str, Any]) -> bool:
        """Return whether a slice takes as many elements as there are rows, from the first one on."""
        return params["start_indices"] == (0,) and params["strides"] in (None, (1,))
