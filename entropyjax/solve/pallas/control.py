"""Control flow of a kernel: calls are inlined, branches become selections, scans and while loops stay loops."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jax import lax

from entropyjax.solve.native import control
from entropyjax.solve.native.interpret import Rows, Rules, elementwise
from entropyjax.solve.pallas.divergence import carried, carried_while
from entropyjax.solve.pallas.interpret import Column, LaneInterpreter, differs, wrapped
from entropyjax.solve.pallas.primitives import ELEMENTWISE
from entropyjax.solve.unsupported import Unsupported

_CONTROL: dict[str, Callable[[Any, Any, list[Any]], list[Any]]] = {}


def _rule(name: str) -> Callable[[Any], Any]:
    def register(function: Any) -> Any:
        _CONTROL[name] = function
        return function

    return register


@_rule("scan")
def _scan(self: LaneInterpreter, equation: Any, args: list[Any]) -> list[Any]:
    params = equation.params
    consts, carries, length = params["num_consts"], params["num_carry"], params["length"]
    fixed, init, xs = args[:consts], args[consts : consts + carries], args[consts + carries :]
    saves = len(equation.outvars) > carries
    if xs or (saves and (self.depth > 0 or params["reverse"])):
        return control.unroll_scan(self, params, fixed, init, xs)
    number, columns = self.loops, []
    self.loops += saves

    def body(row: Any, values: list[Any]) -> list[Any]:
        outs = self.closed(params["jaxpr"], [*fixed, *values])
        if saves:
            columns[:] = _columns(number, outs[carries:])
            self.save(number, row, outs[carries:])
        return outs[:carries]

    flags = carried(params["jaxpr"], list(map(differs, fixed)), list(map(differs, init)))
    # Triton has loops from one integer to another, and no scan over rows.
    last = self.rounds(
        init, flags, body, lambda step, arrays: lax.fori_loop(np.int32(0), np.int32(length), step, arrays)
    )
    absent: Any = None
    return [*last, *(Rows(absent, absent, column, length, ()) for column in columns)]


def _columns(number: int, saved: list[Any]) -> list[Any]:
    """Return the columns of what a loop saves; the same value makes one column."""
    if any(isinstance(value, np.ndarray) for value in saved):
        raise Unsupported("it saves arrays, where a kernel saves scalars only")
    first: dict[int, Column] = {}
    return [first.setdefault(id(value), Column(number, place, value.dtype)) for place, value in enumerate(saved)]


@_rule("while")
def _while(self: LaneInterpreter, equation: Any, args: list[Any]) -> list[Any]:
    params, graph = equation.params, self.graph
    tests, bodies = params["cond_nconsts"], params["body_nconsts"]
    fixed_test, fixed_body, init = args[:tests], args[tests : tests + bodies], args[tests + bodies :]
    flags, ragged = carried_while(equation, list(map(differs, args)))

    def test(values: list[Any]) -> Any:
        return self.closed(params["cond_jaxpr"], [*fixed_test, *values])[0]

    def body(values: list[Any]) -> list[Any]:
        outs = self.closed(params["body_jaxpr"], [*fixed_body, *values])
        return [_select(self, test(values), a, b) for a, b in zip(outs, values, strict=True)] if ragged else outs

    def loop(step: Any, arrays: Any) -> Any:
        def some(arrays: Any) -> Any:
            with self.nested():
                return graph.any_lane(test(wrapped(init, arrays)))

        return lax.while_loop(some, step, arrays)

    return self.rounds(init, flags, body, loop)


@_rule("empty")
def _empty(self: LaneInterpreter, equation: Any, args: list[Any]) -> list[Any]:
    return [self.literal(np.zeros(equation.params["shape"]), equation.params["dtype"])]


@_rule("cond")
def _cond(self: LaneInterpreter, equation: Any, args: list[Any]) -> list[Any]:
    # Lanes of a vector take different branches, so all of them are run.
    with self.nested():
        outs = [self.closed(branch, args[1:]) for branch in equation.params["branches"]]
    index, chosen = args[0], outs[-1]
    for number in range(len(outs) - 2, -1, -1):
        here = self.graph.node("eq", (index, self.graph.constant(number, index.dtype)), np.bool_)
        chosen = [_select(self, here, a, b) for a, b in zip(outs[number], chosen, strict=True)]
    return chosen


def _select(self: LaneInterpreter, predicate: Any, chosen: Any, other: Any) -> Any:
    if isinstance(chosen, Rows) or isinstance(other, Rows):
        raise Unsupported("it chooses between the saved rows of a lane")
    return elementwise(lambda a, b: self.graph.node("select", (predicate, a, b), a.dtype), [chosen, other])


RULES = Rules(ELEMENTWISE, control.RULES.structural, {**control.RULES.control, **_CONTROL})
