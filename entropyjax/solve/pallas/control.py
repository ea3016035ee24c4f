"""Control flow of a kernel: calls are inlined, branches become selections, scans and while loops stay loops."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jax import lax

from entropyjax.solve.native import control
from entropyjax.solve.native.interpret import Interpreter, Rows, Rules, elementwise, nodes, shaped
from entropyjax.solve.pallas.divergence import carried, carried_while
from entropyjax.solve.pallas.primitives import ELEMENTWISE
from entropyjax.solve.pallas.vectors import Value, Vectors
from entropyjax.solve.unsupported import Unsupported

Save = Callable[[int, Any, list[Any]], None]
"""Called as save(number of the loop, row, values) in every round of a loop over save times."""


class Column:
    """What stands for the rows of a value that a loop gives in every round: they were added up there and then.

    **Attributes:** `loop`: number of the loop; `place`: that of the value; `dtype`: its type.
    """

    def __init__(self, loop: int, place: int, dtype: np.dtype):
        self.loop, self.place, self.dtype = loop, place, dtype


class LaneInterpreter(Interpreter):
    """Evaluates a lane's jaxpr for a vector of lanes, inside a kernel.

    **Attributes:** `save`: what is done with the rows of a loop; `loops`: loops that save, so far; `depth`: loops
    around what is being evaluated.
    """

    def __init__(self, lanes: int):
        graph: Any = Vectors(lanes)
        super().__init__(graph, RULES)
        self.save: Save = lambda number, row, values: None
        self.loops = self.depth = 0

    def rounds(
        self, init: list[Any], varying: Sequence[bool], body: Callable[..., list[Any]], loop: Callable[..., Any]
    ) -> list[Any]:
        """Return the last values of a loop.

        **Arguments:** `init`: the values carried in; `varying`: whether lanes differ in each; `body`: called with what
        `loop` gives ahead of the carried arrays, and the carried values; `loop`: called as loop(step, arrays).
        """
        flags = [flag for value, flag in zip(init, varying, strict=True) for _ in nodes(value)]

        def arrays(values: list[Any]) -> tuple[Any, ...]:
            flat = [node for value in values for node in nodes(value)]
            return tuple(self.graph.carried(node, flag) for node, flag in zip(flat, flags, strict=True))  # pyright: ignore

        def step(*args: Any) -> tuple[Any, ...]:
            self.depth += 1
            try:
                return arrays(body(*args[:-1], shaped(init, [Value(array) for array in args[-1]])))  # pyright: ignore
            finally:
                self.depth -= 1

        return shaped(init, [Value(array) for array in loop(step, arrays(init))])  # pyright: ignore


def differs(value: Any) -> bool:
    """Return whether lanes may differ in some element of a value."""
    return any(node.varying for node in nodes(value))


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
    last = self.rounds(init, flags, body, lambda step, arrays: lax.fori_loop(np.int32(0), np.int32(length), step, arrays))
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
        def some(now: Any) -> Any:
            return graph.any_lane(test(shaped(init, [Value(array) for array in now])))  # pyright: ignore

        return lax.while_loop(some, step, arrays)

    return self.rounds(init, flags, body, loop)


@_rule("cond")
def _cond(self: LaneInterpreter, equation: Any, args: list[Any]) -> list[Any]:
    # Lanes of a vector take different branches, so all of them are run.
    index, outs = args[0], [self.closed(branch, args[1:]) for branch in equation.params["branches"]]
    chosen = outs[-1]
    for number in range(len(outs) - 2, -1, -1):
        here = self.graph.node("eq", (index, self.graph.constant(number, index.dtype)), np.bool_)
        chosen = [_select(self, here, a, b) for a, b in zip(outs[number], chosen, strict=True)]
    return chosen


def _select(self: Interpreter, predicate: Any, chosen: Any, other: Any) -> Any:
    return elementwise(lambda a, b: self.graph.node("select", (predicate, a, b), a.dtype), [chosen, other])


RULES = Rules(ELEMENTWISE, control.RULES.structural, {**control.RULES.control, **_CONTROL})  # pyright: ignore
