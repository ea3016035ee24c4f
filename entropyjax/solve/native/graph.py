"""The graph of a kernel: pure scalar operations on lanes, in nested regions of control flow.

Nodes are unique by operation and operands, and are placed in the outermost loop in which their operands
exist: common subexpressions and loop invariants need no pass of their own.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from entropyjax.solve.native.fold import fold
from entropyjax.solve.unsupported import Unsupported

LIMIT = 60_000
"""Most nodes of one kernel: beyond it compilation takes minutes."""

ORDER = np.dtype("V1")
"""Type of a node without a value, which stands for what an array in memory holds: it says what comes before what."""


class Node:
    """One value: the result of operation `op` on `args`.

    **Attributes:**

    - `dtype`: numpy type of the scalar.
    - `varying`: whether lanes of a vector differ; otherwise one scalar serves all.
    - `attribute`: what else determines the operation (a constant's value, an input's place).
    - `strict`: whether the compiler must not contract a product and a sum into one rounding.
    - `region`: where it is computed.
    """

    __slots__ = ("args", "attribute", "dtype", "op", "region", "strict", "varying")

    def __init__(
        self,
        op: str,
        args: tuple["Node", ...],
        dtype: np.dtype,
        varying: bool,
        attribute: Any,
        strict: bool,
        region: "Region",
    ):
        self.op, self.args, self.dtype, self.varying = op, args, dtype, varying
        self.attribute, self.strict, self.region = attribute, strict, region

    @property
    def value(self) -> Any:
        """The number that a constant stands for."""
        return np.frombuffer(self.attribute, self.dtype)[0]


class Region:
    """A straight run of nodes: a level of the loop nest, the body of a loop, or a branch."""

    def __init__(self, parent: "Region | None", hoistable: bool):
        self.parent, self.hoistable = parent, hoistable
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.nodes: list[Node] = []
        self.known: dict[Any, Node] = {}

    def chain(self) -> "Iterator[Region]":
        """Yield this region and those around it, from the inside out."""
        region: Region | None = self
        while region is not None:
            yield region
            region = region.parent


class Loop(Node):
    """A loop of `length` rounds (a scan), or while `condition` holds for some lane (length `None`)."""

    __slots__ = ("body", "condition", "counter", "inits", "length", "mask", "outs", "phis", "test")


class Branch(Node):
    """Nodes that run only if `predicate` holds for some lane."""

    __slots__ = ("body", "others", "outs", "predicate")


def keeps(node: Node, other: Node, region: Region) -> bool:
    """Return whether a node is `other` for all lanes that are masked out in a region, as results of branches are."""
    branch = node.args[0] if node.op == "result" and node.region is region else None
    return isinstance(branch, Branch) and branch.predicate.varying and branch.others[node.attribute] is other


class Graph:
    """Builder of a kernel's graph; `region` is where new nodes go unless they can be hoisted.

    **Attributes:** `mask`: lanes for which what is being built counts, `None` for all; `direct`: mathematical functions
    that the processor has instructions for.
    """

    def __init__(self, direct: frozenset[str] = frozenset()) -> None:
        self.direct = direct
        self.root = self.region = Region(None, hoistable=False)
        self.mask: Node | None = None
        self.strict = False
        self.size = 0

    @contextmanager
    def nested(self, hoistable: bool) -> Iterator[Region]:
        """Build in a new region inside the present one."""
        outer, self.region = self.region, Region(self.region, hoistable)
        try:
            yield self.region
        finally:
            self.region = outer

    def constant(self, value: Any, dtype: Any) -> Node:
        """Return a literal."""
        dtype = np.dtype(dtype)
        scalar = np.asarray(value).astype(dtype)
        return self._place("constant", (), dtype, False, scalar.tobytes(), self.root)

    def node(self, op: str, args: Sequence[Node], dtype: Any, attribute: Any = None) -> Node:
        """Return the node of an operation, splatting operands where lanes differ in some but not in others."""
        if args and all(arg.op == "constant" for arg in args):
            value = fold(op, [arg.value for arg in args], np.dtype(dtype))
            if value is not None:
                return self.constant(value, dtype)
        if op == "neg" and args[0].op == "neg":
            return args[0].args[0]
        mixed = any(arg.varying for arg in args)
        return self.placed(op, [self.splat(arg) if mixed else arg for arg in args], dtype, mixed, attribute)

    def placed(self, op: str, args: Sequence[Node], dtype: Any, varying: bool, attribute: Any = None) -> Node:
        """Return the node of an operation on operands as they are, in the outermost loop in which these exist."""
        region = self.region
        while region.hoistable and region.parent is not None and all(arg.region is not region for arg in args):
            region = region.parent
        return self._place(op, tuple(args), np.dtype(dtype), varying, attribute, region)

    def splat(self, node: Node) -> Node:
        """Return the value of a uniform node in every lane."""
        return node if node.varying else self._place("splat", (node,), node.dtype, True, None, node.region)

    def local(self, op: str, dtype: Any, varying: bool, attribute: Any = None) -> Node:
        """Return a node without operands that belongs to the present region (an input, a loop's variable)."""
        node = Node(op, (), np.dtype(dtype), varying, attribute, self.strict, self.region)
        self.region.nodes.append(node)
        return node

    def _place(
        self, op: str, args: tuple[Node, ...], dtype: np.dtype, varying: bool, attribute: Any, region: Region
    ) -> Node:
        key = (op, tuple(map(id, args)), dtype.str, varying, attribute, self.strict)
        for around in region.chain():
            if key in around.known:
                return around.known[key]
        self.size += 1
        if self.size > LIMIT:
            raise Unsupported(f"it has more than {LIMIT} operations")
        node = Node(op, args, dtype, varying, attribute, self.strict, region)
        region.known[key] = node
        region.nodes.append(node)
        return node

    def loop(self, region: Region, loop: Loop) -> list[Node]:
        """Place a finished loop in the outermost region that has all it needs; return its results."""
        outer = self._outermost(region, list(loop.inits) + ([loop.mask] if loop.mask is not None else []))
        loop.region = outer
        region.parent = outer
        outer.nodes.append(loop)
        values = loop.phis if loop.length is None else loop.outs
        results = []
        for place, value in enumerate(values):
            node = Node("result", (loop,), value.dtype, value.varying, place, False, outer)
            outer.nodes.append(node)
            results.append(node)
        return results

    def _outermost(self, region: Region, inits: Sequence[Node]) -> Region:
        """Return the outermost region, reached over loops only, in which everything that `region` uses exists."""
        inside, used = set(), {id(node.region) for node in inits}

        def visit(here: Region) -> None:
            inside.add(id(here))
            for node in here.nodes:
                used.update(id(arg.region) for arg in node.args)
                if isinstance(node, Loop):
                    used.update(id(n.region) for n in (*node.inits, *node.outs))
                    used.update(id(n.region) for n in (node.mask, node.condition) if n is not None)
                    if node.test is not None:
                        visit(node.test)
                    visit(node.body)
                elif isinstance(node, Branch):
                    used.update(id(n.region) for n in (node.predicate, *node.outs, *node.others))
                    visit(node.body)

        visit(region)
        target = self.region
        while target.hoistable and target.parent is not None and id(target) not in used - inside:
            target = target.parent
        return target
