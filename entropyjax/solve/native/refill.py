"""The loop nest of lanes that end at different times: a slot whose lane has ended takes the next one."""

from collections.abc import Callable

import numpy as np

from entropyjax.solve.native.graph import Branch, Loop, Node, Region, keeps
from entropyjax.solve.native.instructions import Instructions
from entropyjax.solve.native.layout import SLOTS
from entropyjax.solve.native.nests import LaneNest
from entropyjax.solve.native.queues import Queues
from entropyjax.solve.native.trace import Traced

SHARE = 8
"""A refill waits until one slot in so many is free, unless nothing else is left to do."""


class RefillNest(LaneNest):
    """A task is an item; a vector holds lanes of it, each at a time of its own.

    What precedes the lane's main loop is computed for all lanes of the item first, and what follows it for all of
    them last. In between, a slot takes what its lane needs from the queues, and leaves what comes out of the loop.
    """

    def __init__(self, traced: Traced, block: int, instructions: Instructions):
        loop = main_loop(traced.block)
        assert loop is not None
        self._loop = loop
        place = traced.block.nodes.index(loop)
        self._before, self._after = traced.block.nodes[:place], traced.block.nodes[place + 1 :]
        self.tiles = -(-block // instructions.width)
        super().__init__(traced, block, instructions)
        live = self.emitter.live
        results = [node for node in self._after if _is_result(node, loop) and id(node) in live]
        # All are each lane's own, but those that order what is done in memory.
        self._results = [node for node in results if node.varying]
        inside, later = self._used([loop]), self._used(self._after)
        self._kept = self._of_lanes(inside)
        starts = [init for init in loop.inits if init.varying and not _is_spread(init)]
        waiting = [*self._kept, *starts, *self._of_lanes(later | {id(node) for node in self._roots()})]
        self._queues = Queues(self.emitter, [*waiting, *self._results], self.lanes, super().cleared_bytes)
        self._waiting = list({id(node): node for node in waiting}.values())

    @property
    def cleared_bytes(self) -> int:
        return super().cleared_bytes + self._queues.bytes

    def _lane_loop(self, tables: list[list[str]]) -> None:
        self._over_lanes(self._before_loop)
        self._main_loop()
        self._over_lanes(lambda: self._after_loop(tables))

    def _over_lanes(self, write: Callable[[], None]) -> None:
        """Write a loop over vectors of the item's lanes."""
        e = self.emitter
        before, head, done = e.label, e.new_label("lanes"), e.new_label("passed")
        e.write(f"br label %{head}")
        e.block(head)
        self._base = self.columns.first = e.fresh(f"phi i64 [ 0, %{before} ]")
        line = len(e.lines) - 1
        self._number_lanes()
        write()
        following = e.fresh(f"add nuw i64 {self._base}, {self.width}")
        e.lines[line] += f", [ {following}, %{e.label} ]"
        more = e.fresh(f"icmp ult i64 {following}, {self.block}")
        e.write(f"br i1 {more}, label %{head}, label %{done}")
        e.block(done)

    def _before_loop(self) -> None:
        self._write_nodes(self._before)
        for node in self._waiting:
            self._queues.store(node, self._base)

    def _after_loop(self, tables: list[list[str]]) -> None:
        e = self.emitter
        self.offset = e.fresh(f"and i64 {self._base}, {SLOTS - 1}")
        for node in (*self._waiting, *self._results):
            if node.op not in ("lane", "valid"):
                e.names[id(node)] = self._queues.load(node, self._base)
        self._write_nodes(self._after)
        self.take_ends(tables)

    def _main_loop(self) -> None:
        e, loop, width = self.emitter, self._loop, self.width
        flags, numbers = f"<{width} x i1>", f"<{width} x i32>"
        variables = [*self._kept, *loop.phis]
        self._slots = {id(node): e.fresh(f"alloca {e.type(node)}") for node in variables}
        lane_at, next_at = e.fresh(f"alloca {numbers}"), e.fresh("alloca i32")
        for node in variables:
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
        held = e.fresh(f"icmp ult {numbers} {lanes}, {beyond}")
        self._load(variables)
        self._leave(e.fresh(f"and {flags} {free}, {held}"), lanes)
        self._take_lanes(free, lanes, lane_at, next_at)
        e.write(f"br label %{test}")

        e.block(test)
        self._load(variables)
        assert loop.test is not None and loop.condition is not None
        e.region(loop.test)
        lanes = e.fresh(f"load {numbers}, ptr {lane_at}")
        valid = e.fresh(f"icmp ult {numbers} {lanes}, {beyond}")
        going = e.fresh(f"and {flags} {e.name(loop.condition)}, {valid}")
        # Slots without a lane write nothing.
        e.names[id(loop.condition)], self.columns.lanes = going, lanes
        ended = e.fresh(f"xor {flags} {going}, {self.instructions.constant(True, np.bool_, True)}")
        self._decide(going, ended, valid, next_at, (head, body, done))
        e.lines[line] += f", [ {ended}, %{e.label} ]"

        e.block(body)
        with e.hot():
            e.region(loop.body)
            self._advance(going)
        e.write(f"br label %{test}")
        e.block(done)
        self.columns.lanes = None

    def _advance(self, going: str) -> None:
        """Give the loop's variables their new values in the lanes that go on."""
        e, loop = self.emitter, self._loop
        for phi, node in zip(loop.phis, loop.outs, strict=True):
            kind, value = e.type(phi), e.name(node)
            if phi.varying and not keeps(node, phi, loop.body):
                flags = f"<{self.width} x i1>"
                value = e.fresh(f"select {flags} {going}, {kind} {value}, {kind} {e.name(phi)}")
            e.write(f"store {kind} {value}, ptr {self._slots[id(phi)]}")

    def _leave(self, ended: str, lanes: str) -> None:
        """Keep what came out of the loop for lanes that have ended."""
        phis = self._loop.phis
        values = {id(node): self.emitter.name(phis[node.attribute]) for node in self._results}
        self._queues.leave(values, ended, lanes)

    def _used(self, nodes: list[Node]) -> set[int]:
        used: set[int] = set()
        for node in nodes:
            _uses(node, used, self.emitter.live)
        return used

    def _of_lanes(self, used: set[int]) -> list[Node]:
        """Return those of the used nodes before the loop that differ from lane to lane."""
        return [
            node
            for node in self._before
            if id(node) in used
            and id(node) in self.emitter.live
            and node.varying
            and not isinstance(node, Loop | Branch)
            and not _is_spread(node)
        ]

    def _load(self, nodes: list[Node]) -> None:
        e = self.emitter
        for node in nodes:
            e.names[id(node)] = e.fresh(f"load {e.type(node)}, ptr {self._slots[id(node)]}")

    def _write_nodes(self, nodes: list[Node]) -> None:
        part = Region(None, False)
        part.nodes = nodes
        self.emitter.region(part)

    def _take_lanes(self, free: str, lanes: str, lane_at: str, next_at: str) -> None:
        """Give the next lanes to the free slots, in order, and start them."""
        e, loop, width = self.emitter, self._loop, self.width
        numbers = f"<{width} x i32>"
        first = e.fresh(f"load i32, ptr {next_at}")
        self._queues.begin(e.fresh(f"zext i32 {first} to i64"), free)
        e.write(f"store {numbers} {self._queues.numbers(first, lanes)}, ptr {lane_at}")
        taken = {id(node): self._queues.take(node) for node in self._kept}
        for node in self._kept:
            e.write(f"store {e.type(node)} {taken[id(node)]}, ptr {self._slots[id(node)]}")
        for phi, init in zip(loop.phis, loop.inits, strict=True):
            kind = e.type(phi)
            if not phi.varying:
                value = e.name(init)
            elif _is_spread(init):
                value = e.fresh(f"select <{width} x i1> {free}, {kind} {e.name(init)}, {kind} {e.name(phi)}")
            else:
                value = self._queues.take(init, e.name(phi))
            e.write(f"store {kind} {value}, ptr {self._slots[id(phi)]}")
        count = e.fresh(
            f"call i{width} {e.instructions.intrinsic('ctpop', f'i{width}', f'i{width}')}(i{width} {self._bits(free)})"
        )
        short = count if width == 32 else e.fresh(f"{'trunc' if width > 32 else 'zext'} i{width} {count} to i32")
        e.write(f"store i32 {e.fresh(f'add i32 {first}, {short}')}, ptr {next_at}")

    def _bits(self, flags: str) -> str:
        return self.emitter.fresh(f"bitcast <{self.width} x i1> {flags} to i{self.width}")

    def _decide(self, going: str, ended: str, valid: str, next_at: str, labels: tuple[str, str, str]) -> None:
        """Go on, refill, or end: refill if enough slots are free and lanes are left, or if nothing goes on."""
        e, width = self.emitter, self.width
        head, body, done = labels
        bits = self._bits(going)
        some = e.fresh(f"icmp ne i{width} {bits}, 0")
        busy = e.fresh(f"call i{width} {e.instructions.intrinsic('ctpop', f'i{width}', f'i{width}')}(i{width} {bits})")
        few = e.fresh(f"icmp ule i{width} {busy}, {width - max(1, width // SHARE)}")
        left = e.fresh(f"icmp ult i32 {e.fresh(f'load i32, ptr {next_at}')}, {self.block}")
        worth = e.fresh(f"and i1 {few}, {left}")
        finished = e.fresh(f"icmp eq i{width} {self._bits(valid)}, 0")
        stop = e.new_label("idle")
        empty = e.fresh(f"xor i1 {some}, true")
        refill = e.fresh(f"or i1 {worth}, {empty}")
        e.write(f"br i1 {refill}, label %{stop}, label %{body}")
        e.block(stop)
        e.write(f"br i1 {finished}, label %{done}, label %{head}")


def main_loop(block: Region) -> Loop | None:
    """Return the one loop of a lane whose lanes end at different times, or `None`."""
    loops = [node for node in block.nodes if isinstance(node, Loop) and node.length is None]
    varying = [loop for loop in loops if loop.condition is not None and loop.condition.varying]
    return varying[0] if len(varying) == 1 else None


def _is_result(node: Node, loop: Loop) -> bool:
    return node.op == "result" and node.args[0] is loop


def _is_spread(node: Node) -> bool:
    """Return whether a value is the same in all lanes."""
    return node.op == "splat"


def _uses(node: Node, used: set[int], live: set[int]) -> None:
    """Add the identities of all operands of a node that lives, and of what it encloses."""
    if id(node) not in live:
        return
    used.update(id(arg) for arg in node.args)
    if isinstance(node, Loop):
        used.update(id(n) for n in (*node.inits, *node.outs, *node.phis))
        used.update(id(n) for n in (node.condition, node.mask) if n is not None)
        for region in (node.test, node.body):
            for inner in region.nodes if region is not None else ():
                _uses(inner, used, live)
    elif isinstance(node, Branch):
        used.update(id(n) for n in (node.predicate, *node.outs, *node.others))
        for inner in node.body.nodes:
            _uses(inner, used, live)
