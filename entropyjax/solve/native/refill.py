"""The loop nest of lanes that end at different times: a slot whose lane has ended takes the next one."""

import numpy as np

from entropyjax.solve.native.graph import Branch, Loop, Node, Region
from entropyjax.solve.native.instructions import Instructions, scalar_type
from entropyjax.solve.native.kernel import memory_type
from entropyjax.solve.native.nests import LaneNest
from entropyjax.solve.native.trace import Traced

SHARE = 4
"""A refill waits until one slot in so many is free, unless nothing else is left to do."""


class RefillNest(LaneNest):
    """A task is an item; a vector holds lanes of it, each at a time of its own.

    What precedes the lane's main loop is a function of the lane's number alone: at a refill it is computed again
    for all slots, and comes out as before where a lane goes on.
    """

    def __init__(self, traced: Traced, block: int, instructions: Instructions):
        self._loop = main_loop(traced.block)
        assert self._loop is not None
        place = traced.block.nodes.index(self._loop)
        self._before, self._after = traced.block.nodes[:place], traced.block.nodes[place + 1 :]
        super().__init__(traced, block, instructions)
        self._mask = ""

    def _lane_loop(self, tables: list[list[str]]) -> None:
        e, loop, width = self.emitter, self._loop, self.width
        assert loop is not None
        flags, numbers = f"<{width} x i1>", f"<{width} x i32>"
        kept = self._kept()
        self._slots = {id(node): e.fresh(f"alloca {e.type(node)}") for node in (*kept, *loop.phis)}
        lane_at, next_at = e.fresh(f"alloca {numbers}"), e.fresh("alloca i32")
        for node in (*kept, *loop.phis):
            zero = "zeroinitializer" if node.varying else self.instructions.constant(0, node.dtype, False)
            e.write(f"store {e.type(node)} {zero}, ptr {self._slots[id(node)]}")
        beyond = self.instructions.constant(self.block, "u4", True)
        e.write(f"store {numbers} {beyond}, ptr {lane_at}")
        e.write("store i32 0, ptr " + next_at)
        head, test, body, done = (e.new_label(name) for name in ("refill", "test", "body", "end"))
        start = e.label
        e.write(f"br label %{head}")

        e.block(head)
        free = e.fresh(f"phi {flags} [ {self.instructions.constant(True, np.bool_, True)}, %{start} ]")
        line = len(e.lines) - 1
        lanes = e.fresh(f"load {numbers}, ptr {lane_at}")
        self._mask = e.fresh(f"and {flags} {free}, {e.fresh(f'icmp ult {numbers} {lanes}, {beyond}')}")
        self._lanes_now = lanes
        self._load(kept)
        self._load(loop.phis)
        self._name_results()
        self._write_nodes(self._after)
        self._with_mask(tables)
        self._take_lanes(free, lanes, lane_at, next_at)
        self._begin(kept, free, lane_at)
        e.write(f"br label %{test}")

        e.block(test)
        self._load(kept)
        self._load(loop.phis)
        assert loop.test is not None and loop.condition is not None
        e.region(loop.test)
        lanes = e.fresh(f"load {numbers}, ptr {lane_at}")
        valid = e.fresh(f"icmp ult {numbers} {lanes}, {beyond}")
        going = e.fresh(f"and {flags} {e.name(loop.condition)}, {valid}")
        ended = e.fresh(f"xor {flags} {going}, {self.instructions.constant(True, np.bool_, True)}")
        self._decide(going, ended, valid, next_at, (head, body, done))
        e.lines[line] += f", [ {ended}, %{e.label} ]"

        e.block(body)
        e.region(loop.body)
        for phi, node in zip(loop.phis, loop.outs, strict=True):
            kind = e.type(phi)
            value = e.name(node)
            if phi.varying:
                value = e.fresh(f"select {flags} {going}, {kind} {value}, {kind} {e.name(phi)}")
            e.write(f"store {kind} {value}, ptr {self._slots[id(phi)]}")
        e.write(f"br label %{test}")
        e.block(done)

    def _kept(self) -> list[Node]:
        """Return the nodes before the loop that the loop, or what follows it, uses."""
        used: set[int] = set()
        for node in (self._loop, *self._after):
            if node is not None:
                _uses(node, used)
        layout = self.layout
        for node in (*self._roots(), *(n for n, _ in layout.ends.samples)):
            used.add(id(node))
        return [
            node
            for node in self._before
            if id(node) in used
            and id(node) in self.emitter.live
            and not isinstance(node, Loop | Branch)
            and not (node.op == "splat" and node.args[0].op == "constant")
        ]

    def _load(self, nodes: list[Node]) -> None:
        e = self.emitter
        for node in nodes:
            e.names[id(node)] = e.fresh(f"load {e.type(node)}, ptr {self._slots[id(node)]}")

    def _name_results(self) -> None:
        loop = self._loop
        assert loop is not None
        for node in self._after:
            if node.op == "result" and node.args[0] is loop:
                self.emitter.names[id(node)] = self.emitter.names[id(loop.phis[node.attribute])]

    def _write_nodes(self, nodes: list[Node]) -> None:
        part = Region(None, False)
        part.nodes = nodes
        self.emitter.region(part)

    def _with_mask(self, tables: list[list[str]]) -> None:
        """Take the results of the lanes that have ended, which the masks of all sinks are narrowed to."""
        e, flags = self.emitter, f"<{self.width} x i1>"
        layout = self.layout
        keeps = {id(node): node for node in (*layout.ends.keeps, *(keep for _, keep, _ in layout.tallies))}
        keeps |= {id(keep): keep for _, keep in layout.totals}
        keeps |= {id(node): node for rows in layout.rows.keeps for node in rows.after}
        before = {number: e.name(node) for number, node in keeps.items()}
        for number, node in keeps.items():
            e.names[number] = e.fresh(f"and {flags} {before[number]}, {self._mask}")
            if node.op == "splat":
                e.names[number] = e.names[number]
        self.take_ends(tables)
        e.names.update(before)

    def _take_lanes(self, free: str, lanes: str, lane_at: str, next_at: str) -> None:
        """Give the next lanes to the free slots, in order."""
        e, width = self.emitter, self.width
        numbers = f"<{width} x i32>"
        bits = e.fresh(f"bitcast <{width} x i1> {free} to i{width}")
        wide = bits if width == 32 else e.fresh(f"zext i{width} {bits} to i32")
        one = e.fresh(f"insertelement {numbers} poison, i32 {wide}, i64 0")
        all_bits = e.fresh(f"shufflevector {numbers} {one}, {numbers} poison, {numbers} zeroinitializer")
        below = "<" + ", ".join(f"i32 {(1 << slot) - 1}" for slot in range(width)) + ">"
        earlier = e.fresh(f"and {numbers} {all_bits}, {below}")
        rank = e.fresh(f"call {numbers} {e.instructions.intrinsic('ctpop', numbers, numbers)}({numbers} {earlier})")
        first = e.fresh(f"load i32, ptr {next_at}")
        one = e.fresh(f"insertelement {numbers} poison, i32 {first}, i64 0")
        start = e.fresh(f"shufflevector {numbers} {one}, {numbers} poison, {numbers} zeroinitializer")
        taken = e.fresh(f"add {numbers} {start}, {rank}")
        now = e.fresh(f"select <{width} x i1> {free}, {numbers} {taken}, {numbers} {lanes}")
        e.write(f"store {numbers} {now}, ptr {lane_at}")
        count = e.fresh(f"call i32 {e.instructions.intrinsic('ctpop', 'i32', 'i32')}(i32 {wide})")
        e.write(f"store i32 {e.fresh(f'add i32 {first}, {count}')}, ptr {next_at}")

    def _begin(self, kept: list[Node], free: str, lane_at: str) -> None:
        """Compute what precedes the loop, and start the lanes that are new."""
        e, loop, width = self.emitter, self._loop, self.width
        assert loop is not None
        numbers = f"<{width} x i32>"
        lanes = e.fresh(f"load {numbers}, ptr {lane_at}")
        bound = self.instructions.constant(self.block, "u4", True)
        for node in self._before:
            e.names.pop(id(node), None)
        self.name_lanes(lanes, e.fresh(f"icmp ult {numbers} {lanes}, {bound}"))
        old = {id(phi): e.names.get(id(phi)) for phi in loop.phis}
        self._write_nodes(self._before)
        for node in kept:
            e.write(f"store {e.type(node)} {e.name(node)}, ptr {self._slots[id(node)]}")
        for phi, init in zip(loop.phis, loop.inits, strict=True):
            kind, value = e.type(phi), e.name(init)
            if phi.varying:
                value = e.fresh(f"select <{width} x i1> {free}, {kind} {value}, {kind} {old[id(phi)]}")
            e.write(f"store {kind} {value}, ptr {self._slots[id(phi)]}")

    def _decide(self, going: str, ended: str, valid: str, next_at: str, labels: tuple[str, str, str]) -> None:
        """Go on, refill, or end: refill if enough slots are free and lanes are left, or if nothing goes on."""
        e, width = self.emitter, self.width
        head, body, done = labels
        bits = e.fresh(f"bitcast <{width} x i1> {going} to i{width}")
        some = e.fresh(f"icmp ne i{width} {bits}, 0")
        idle = e.fresh(f"call i{width} {e.instructions.intrinsic('ctpop', f'i{width}', f'i{width}')}(i{width} {bits})")
        few = e.fresh(f"icmp ule i{width} {idle}, {width - max(1, width // SHARE)}")
        left = e.fresh(f"icmp ult i32 {e.fresh(f'load i32, ptr {next_at}')}, {self.block}")
        worth = e.fresh(f"and i1 {few}, {left}")
        held = e.fresh(f"bitcast <{width} x i1> {valid} to i{width}")
        finished = e.fresh(f"icmp eq i{width} {held}, 0")
        stop = e.new_label("idle")
        empty = e.fresh(f"xor i1 {some}, true")
        refill = e.fresh(f"or i1 {worth}, {empty}")
        e.write(f"br i1 {refill}, label %{stop}, label %{body}")
        e.block(stop)
        e.write(f"br i1 {finished}, label %{done}, label %{head}")

    def store_each(self, buffer: str, value: Node, row: str, rows: int) -> None:
        e, kind, width = self.emitter, scalar_type(value.dtype), self.width
        memory = memory_type(kind)
        name, vector = e.name(value), f"<{width} x {kind}>"
        if kind == "i1":
            name, vector = e.fresh(f"zext {vector} {name} to <{width} x i8>"), f"<{width} x i8>"
        first = e.fresh(f"mul i64 %task, {rows * self.lanes}")
        first = e.fresh(f"add i64 {first}, {e.fresh(f'mul i64 {row}, {self.lanes}')}")
        for slot in range(width):
            lane = e.fresh(f"extractelement <{width} x i32> {self._lanes_now}, i64 {slot}")
            place = e.fresh(f"add i64 {first}, {e.fresh(f'zext i32 {lane} to i64')}")
            write, skip = e.new_label("store"), e.new_label("skip")
            bit = e.fresh(f"extractelement <{width} x i1> {self._mask}, i64 {slot}")
            e.write(f"br i1 {bit}, label %{write}, label %{skip}")
            e.block(write)
            address = e.fresh(f"getelementptr inbounds {memory}, ptr {buffer}, i64 {place}")
            one = e.fresh(f"extractelement {vector} {name}, i64 {slot}")
            e.write(f"store {memory} {one}, ptr {address}, align 1")
            e.write(f"br label %{skip}")
            e.block(skip)


def main_loop(block: Region) -> Loop | None:
    """Return the one loop of a lane whose lanes end at different times, or `None`."""
    loops = [node for node in block.nodes if isinstance(node, Loop) and node.length is None]
    varying = [loop for loop in loops if loop.condition is not None and loop.condition.varying]
    return varying[0] if len(varying) == 1 else None


def _uses(node: Node, used: set[int]) -> None:
    """Add the identities of all operands of a node and of what it encloses."""
    used.update(id(arg) for arg in node.args)
    if isinstance(node, Loop):
        used.update(id(n) for n in (*node.inits, *node.outs, *node.phis))
        used.update(id(n) for n in (node.condition, node.mask) if n is not None)
        for region in (node.test, node.body):
            for inner in region.nodes if region is not None else ():
                _uses(inner, used)
    elif isinstance(node, Branch):
        used.update(id(n) for n in (node.predicate, *node.outs, *node.others))
        for inner in node.body.nodes:
            _uses(inner, used)
