"""From a graph to the text of LLVM instructions: straight code, loops and branches."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from entropyjax.solve.native.graph import ORDER, Branch, Loop, Node, Region
from entropyjax.solve.native.instructions import Instructions
from entropyjax.solve.native.schedule import scheduled


class Emitter:
    """Writes the body of a function.

    **Attributes:**

    - `lines`: the text so far.
    - `label`: the basic block that is being written.
    - `names`: the value that stands for each node, by its identity.
    - `registers`: those that a vector fills.
    - `writers`: functions that write operations of the kernel itself (inputs, sinks), by name.
    """

    def __init__(self, instructions: Instructions, live: set[int], registers: int = 1):
        self.instructions, self.live, self.registers = instructions, live, registers
        self.lines: list[str] = []
        self.names: dict[int, str] = {}
        self.label = "entry"
        self._hot = 0
        self._start = 0
        self.writers: dict[str, Callable[[Node], str | None]] = {}
        self._count = 0

    def fresh(self, text: str) -> str:
        """Write an instruction with a result; return its name."""
        self._count += 1
        name = f"%v{self._count}"
        self.lines.append(f"  {name} = {text}")
        return name

    def write(self, text: str) -> None:
        """Write an instruction without a result."""
        self.lines.append(f"  {text}")

    def block(self, label: str) -> None:
        """Begin a basic block."""
        self._settle()
        self.lines.append(f"{label}:")
        self.label = label
        self._start = len(self.lines)

    @contextmanager
    def hot(self) -> Iterator[None]:
        """Write the body of a loop, the order of whose instructions counts."""
        self._settle()
        self._hot += 1
        yield
        self._settle()
        self._hot -= 1

    def _settle(self) -> None:
        """Settle the order of the straight code that was written since the last block began."""
        straight = self.lines[self._start :]
        if self._hot:
            # Phis stay: lines are added to them later. A jump is last.
            phis = sum(" = phi " in line for line in straight)
            jumps = sum(line.startswith("  br ") for line in straight)
            body = straight[phis : len(straight) - jumps]
            self.lines[self._start :] = straight[:phis] + scheduled(body, self.registers) + straight[phis + len(body) :]
        self._start = len(self.lines)

    def new_label(self, stem: str) -> str:
        """Return an unused label."""
        self._count += 1
        return f"{stem}{self._count}"

    def type(self, node: Node) -> str:
        """Return the LLVM type of a node."""
        return self.instructions.type(node.dtype, node.varying)

    def name(self, node: Node) -> str:
        """Return the value of a node, which has been written or is a literal."""
        if node.dtype == ORDER:
            return "0"
        if node.op == "constant":
            return self._literal(node, varying=False)
        if node.op == "splat" and node.args[0].op == "constant":
            return self._literal(node.args[0], varying=True)
        return self.names[id(node)]

    def _literal(self, node: Node, varying: bool) -> str:
        return self.instructions.constant(node.value, node.dtype, varying)

    def any(self, mask: Node) -> str:
        """Return whether a mask holds in some lane, as an i1."""
        if not mask.varying:
            return self.name(mask)
        width = self.instructions.width
        bits = self.fresh(f"bitcast <{width} x i1> {self.name(mask)} to i{width}")
        return self.fresh(f"icmp ne i{width} {bits}, 0")

    def region(self, region: Region) -> None:
        """Write the live nodes of a region in order."""
        for node in region.nodes:
            if id(node) not in self.live or id(node) in self.names:
                continue
            if isinstance(node, Loop):
                (self._while if node.length is None else self._scan)(node)
            elif isinstance(node, Branch):
                self._branch(node)
            elif node.op in ("result", "memory"):
                continue
            elif node.op in self.writers:
                name = self.writers[node.op](node)
                if name is not None:
                    self.names[id(node)] = name
            elif node.op != "constant" and not (node.op == "splat" and node.args[0].op == "constant"):
                operands = [self.name(arg) for arg in node.args]
                self.names[id(node)] = self.fresh(self.instructions.text(node, operands, self.fresh))

    def _results(self, owner: Node, region: Region, values: Iterable[str]) -> None:
        names = list(values)
        for node in region.nodes:
            if node.op == "result" and node.args[0] is owner:
                self.names[id(node)] = names[node.attribute]

    def _phis(self, loop: Loop, before: str) -> list[tuple[int, Node]]:
        """Write the loop's variables; return the lines that still lack the value from the end of the body."""
        pending = []
        for phi, init in zip(loop.phis, loop.inits, strict=True):
            self.names[id(phi)] = self.fresh(f"phi {self.type(phi)} [ {self.name(init)}, %{before} ]")
            pending.append((len(self.lines) - 1, phi))
        return pending

    def _close(self, pending: list[tuple[int, Node]], ends: list[str], label: str) -> None:
        for (line, _), end in zip(pending, ends, strict=True):
            self.lines[line] += f", [ {end}, %{label} ]"

    def _scan(self, loop: Loop) -> None:
        before, head, done = self.label, self.new_label("loop"), self.new_label("done")
        self.write(f"br label %{head}")
        self.block(head)
        counter = self.fresh(f"phi i32 [ 0, %{before} ]")
        place = len(self.lines) - 1
        self.names[id(loop.counter)] = counter
        pending = self._phis(loop, before)
        with self.hot():
            self.region(loop.body)
        following = self.fresh(f"add nuw i32 {counter}, 1")
        more = self.fresh(f"icmp ult i32 {following}, {loop.length}")
        ends = [self.name(node) for node in loop.outs]
        self.lines[place] += f", [ {following}, %{self.label} ]"
        self._close(pending, ends, self.label)
        self.write(f"br i1 {more}, label %{head}, label %{done}")
        self.block(done)
        self._results(loop, loop.region, ends)

    def _while(self, loop: Loop) -> None:
        before, head = self.label, self.new_label("while")
        body, done = self.new_label("body"), self.new_label("done")
        self.write(f"br label %{head}")
        self.block(head)
        pending = self._phis(loop, before)
        self.region(loop.test)
        self.write(f"br i1 {self.any(loop.condition)}, label %{body}, label %{done}")
        self.block(body)
        with self.hot():
            self.region(loop.body)
        ends = []
        for phi, node in zip(loop.phis, loop.outs, strict=True):
            value = self.name(node)
            if loop.condition.varying and phi.varying:
                kind = self.type(phi)
                flag = self.instructions.type(np.bool_, True)
                value = self.fresh(
                    f"select {flag} {self.name(loop.condition)}, {kind} {value}, {kind} {self.name(phi)}"
                )
            ends.append(value)
        self._close(pending, ends, self.label)
        self.write(f"br label %{head}")
        self.block(done)
        self._results(loop, loop.region, [self.name(phi) for phi in loop.phis])

    def _branch(self, branch: Branch) -> None:
        before, body, join = self.label, self.new_label("then"), self.new_label("join")
        others = [self.name(node) for node in branch.others]
        self.write(f"br i1 {self.any(branch.predicate)}, label %{body}, label %{join}")
        self.block(body)
        self.region(branch.body)
        chosen = [self.name(node) for node in branch.outs]
        after = self.label
        self.write(f"br label %{join}")
        self.block(join)
        names = [
            self.fresh(f"phi {self.type(node)} [ {one}, %{after} ], [ {other}, %{before} ]")
            for node, one, other in zip(branch.outs, chosen, others, strict=True)
        ]
        self._results(branch, branch.region, names)


def living(roots: Iterable[Node], rows: Iterable[Any] = ()) -> set[int]:
    """Return the identities of the nodes that `roots` need."""
    live: set[int] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if id(node) in live:
            continue
        live.add(id(node))
        stack.extend(node.args)
        if node.op == "result" and node.dtype == ORDER:
            # What nobody reads is not written.
            loop: Any = node.args[0]
            stack.extend((loop.inits[node.attribute], loop.outs[node.attribute]))
        if isinstance(node, Loop):
            stack.extend(other for other in (*node.phis, *node.inits, *node.outs) if other.dtype != ORDER)
            # A loop without a length counts nothing.
            stack.append(node.counter if node.condition is None else node.condition)
        elif isinstance(node, Branch):
            stack.extend((node.predicate, *node.outs, *node.others))
    return live
