"""Rules of control flow: calls are inlined, scans and while loops stay loops, branches run if a lane needs them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from entropyjax.solve.native import arrays, rules
from entropyjax.solve.native.graph import Branch, Node, Unsupported, keeps
from entropyjax.solve.native.interpret import Interpreter, Rules, Value, array, elementwise, nodes, shaped
from entropyjax.solve.native.memory import Column, make_column
from entropyjax.solve.native.saved import collect

UNROLL = 64
"""Most rounds of a scan over arrays, which is unrolled."""

_CONTROL: dict[str, Callable[[Interpreter, Any, list[Value]], list[Value]]] = {}


def _rule(*names: str) -> Callable[[Any], Any]:
    def register(function: Any) -> Any:
        _CONTROL.update((name, function) for name in names)
        return function

    return register


@_rule(
    "jit",
    "pjit",
    "closed_call",
    "core_call",
    "remat2",
    "checkpoint",
    "custom_jvp_call",
    "custom_vjp_call",
    "custom_vmap_call",
)
def _call(self: Interpreter, equation: Any, args: list[Value]) -> list[Value]:
    params = equation.params
    inner = next(params[name] for name in ("jaxpr", "call_jaxpr", "fun_jaxpr", "call") if name in params)
    return self.closed(inner, args) if hasattr(inner, "consts") else self.evaluate(inner, [], args)


@_rule("optimization_barrier")
def _barrier(self: Interpreter, equation: Any, args: list[Value]) -> list[Value]:
    return args


@_rule("scan")
def _scan(self: Interpreter, equation: Any, args: list[Value]) -> list[Value]:
    params = equation.params
    consts, carries = params["num_consts"], params["num_carry"]
    fixed, init, xs = args[:consts], args[consts : consts + carries], args[consts + carries :]
    has_rows = len(equation.outvars) > carries
    if xs or (has_rows and self.graph.region is not self.rows_region):
        return unroll_scan(self, params, fixed, init, xs)

    def body(carried: list[Value], region: Any, counter: Node) -> tuple[list[Value], Any]:
        outs = self.closed(params["jaxpr"], [*fixed, *carried])
        return outs[:carries], (region, counter, outs[carries:])

    last, (region, counter, saved) = self.loop(params["length"], init, body)
    return [*last, *(collect(region, counter, value, params["length"]) for value in saved)]


def unroll_scan(self: Interpreter, params: Any, fixed: list[Value], carry: list[Value], xs: list[Value]) -> list[Value]:
    """Unroll a scan over arrays."""
    length = params["length"]
    if length > UNROLL:
        raise Unsupported(f"it scans over arrays of {length} elements, more than {UNROLL}")
    order = range(length)[::-1] if params["reverse"] else range(length)
    rows: list[Any] = [None] * length
    for place in order:
        here = [value[place] for value in xs]
        outs = self.closed(params["jaxpr"], [*fixed, *carry, *here])
        carry, rows[place] = outs[: len(carry)], outs[len(carry) :]
    stacked = []
    for column in zip(*rows, strict=True):
        stacked.append(np.stack([array(value) for value in column]))
    return [*carry, *stacked]


@_rule("while")
def _while(self: Interpreter, equation: Any, args: list[Value]) -> list[Value]:
    params = equation.params
    tests, bodies = params["cond_nconsts"], params["body_nconsts"]
    fixed_test, fixed_body, init = args[:tests], args[tests : tests + bodies], args[tests + bodies :]

    def test(carried: list[Value]) -> Node:
        return self.closed(params["cond_jaxpr"], [*fixed_test, *carried])[0]

    def body(carried: list[Value], region: Any, counter: Node) -> tuple[list[Value], Any]:
        del region, counter
        return self.closed(params["body_jaxpr"], [*fixed_body, *carried]), None

    return self.loop(None, init, body, test)[0]


@_rule("empty")
def _empty(self: Interpreter, equation: Any, args: list[Value]) -> list[Value]:
    if self.graph.region is not self.rows_region:
        raise Unsupported("it makes an empty array inside a loop")
    return [make_column(self.graph, equation.params["shape"], equation.params["dtype"])]


@_rule("cond")
def _cond(self: Interpreter, equation: Any, args: list[Value]) -> list[Value]:
    if any(isinstance(arg, Column) for arg in args):
        raise Unsupported("a branch takes an array that is filled by a loop")
    branches = equation.params["branches"]
    index, operands = args[0], args[1:]
    graph = self.graph
    if len(branches) != 2:
        outs = [self.closed(branch, operands) for branch in branches]
        chosen = outs[-1]
        for number in range(len(branches) - 2, -1, -1):
            here = graph.node("eq", (index, graph.constant(number, index.dtype)), np.bool_)
            chosen = [_select(self, here, a, b) for a, b in zip(outs[number], chosen, strict=True)]
        return chosen
    predicate = (
        index if index.dtype == np.bool_ else graph.node("ne", (index, graph.constant(0, index.dtype)), np.bool_)
    )
    if not branches[0].jaxpr.eqns:
        return _branch(self, predicate, branches[1], branches[0], operands)
    if not branches[1].jaxpr.eqns:
        return _branch(self, graph.node("not", (predicate,), np.bool_), branches[0], branches[1], operands)
    outs = [self.closed(branch, operands) for branch in branches]
    return [_select(self, predicate, a, b) for a, b in zip(outs[1], outs[0], strict=True)]


def _branch(self: Interpreter, predicate: Node, taken: Any, trivial: Any, operands: list[Value]) -> list[Value]:
    """Run `taken` if the predicate holds for some lane, and select; `trivial` only passes values on."""
    graph = self.graph
    others = self.closed(trivial, operands)
    branch = Branch("branch", (), np.dtype(bool), False, None, graph.strict, graph.region)
    outer = graph.mask
    if predicate.varying and outer is not None:
        # Lanes that are masked out keep what they have: `keeps` relies on it.
        predicate = graph.node("and", (predicate, outer), np.bool_)
    branch.predicate = predicate
    with graph.nested(hoistable=False) as branch.body:
        if predicate.varying:
            graph.mask = predicate
        outs = self.closed(taken, operands)
        chosen = [_select(self, predicate, a, b) for a, b in zip(outs, others, strict=True)]
    graph.mask = outer
    branch.outs = [node for value in chosen for node in nodes(value)]
    kept = [node for value in others for node in nodes(value)]
    branch.others = [graph.splat(b) if a.varying else b for a, b in zip(branch.outs, kept, strict=True)]
    graph.region.nodes.append(branch)
    results = []
    for place, value in enumerate(branch.outs):
        node = Node("result", (branch,), value.dtype, value.varying, place, False, graph.region)
        graph.region.nodes.append(node)
        results.append(node)
    return shaped(chosen, results)


def _select(self: Interpreter, predicate: Node, chosen: Value, other: Value) -> Value:
    def one(a: Node, b: Node) -> Node:
        if a is b or (self.graph.mask is predicate and keeps(a, b, self.graph.region)):
            return a
        return self.graph.node("select", (predicate, a, b), a.dtype)

    return elementwise(one, [chosen, other])


RULES = Rules(rules.ELEMENTWISE, arrays.STRUCTURAL, _CONTROL)
