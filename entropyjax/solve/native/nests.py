"""Loop nests: vectors of the lanes of one item, or vectors with an item in each slot."""

from entropyjax.solve.native.graph import Node
from entropyjax.solve.native.instructions import Instructions, scalar_type
from entropyjax.solve.native.kernel import AbstractKernelText, memory_type
from entropyjax.solve.native.layout import SLOTS
from entropyjax.solve.native.trace import Traced


class LaneNest(AbstractKernelText):
    """A task is an item; a vector holds lanes of it, and what all lanes share is computed once."""

    slots = SLOTS
    group = 1

    def __init__(self, traced: Traced, block: int, instructions: Instructions):
        self.lanes = -(-block // instructions.width) * instructions.width
        super().__init__(traced, block, instructions)
        self._base = "0"

    def _write_item(self, node: Node) -> str:
        return self.input(len(self.traced.shared) + node.attribute, "%task", scalar_type(node.dtype))

    def nest(self) -> None:
        e = self.emitter
        samples, tallies, totals = self.sections()
        e.region(self.traced.root)
        e.region(self.traced.item)
        self.clear("%task", "1")
        tables = [[self.table(buffer, "%task", t[2])] for buffer, t in zip(tallies, self.layout.tallies, strict=True)]
        self._lane_loop(tables)
        first = 0
        for group in self.layout.groups:
            self.reductions.merge(group, samples[first : first + group.columns], "%task")
            first += group.columns
        self.reductions.merge_totals(totals, "%task")

    def _lane_loop(self, tables: list[list[str]]) -> None:
        e = self.emitter
        before, head, done = e.label, e.new_label("lanes"), e.new_label("end")
        e.write(f"br label %{head}")
        e.block(head)
        self._base = e.fresh(f"phi i64 [ 0, %{before} ]")
        line = len(e.lines) - 1
        self._number_lanes()
        # Slots do not depend on the width of a vector, nor does the order of their sums.
        self.offset = e.fresh(f"and i64 {self._base}, {SLOTS - 1}")
        e.region(self.traced.block)
        self.take_ends(tables)
        following = e.fresh(f"add nuw i64 {self._base}, {self.width}")
        e.lines[line] += f", [ {following}, %{e.label} ]"
        more = e.fresh(f"icmp ult i64 {following}, {self.block}")
        e.write(f"br i1 {more}, label %{head}, label %{done}")
        e.block(done)

    def _number_lanes(self) -> None:
        e, width = self.emitter, self.width
        kind = f"<{width} x i32>"
        short = e.fresh(f"trunc i64 {self._base} to i32")
        one = e.fresh(f"insertelement {kind} poison, i32 {short}, i64 0")
        same = e.fresh(f"shufflevector {kind} {one}, {kind} poison, {kind} zeroinitializer")
        places = "<" + ", ".join(f"i32 {lane}" for lane in range(width)) + ">"
        lanes = e.fresh(f"add {kind} {same}, {places}")
        bound = self.instructions.constant(self.block, "u4", True)
        self.name_lanes(lanes, e.fresh(f"icmp ult {kind} {lanes}, {bound}"))

    def store_each(self, buffer: str, value: Node, row: str, rows: int) -> None:
        e, kind = self.emitter, scalar_type(value.dtype)
        first = e.fresh(f"mul i64 %task, {rows * self.lanes}")
        place = e.fresh(f"add i64 {first}, {e.fresh(f'mul i64 {row}, {self.lanes}')}")
        place = e.fresh(f"add i64 {place}, {self._base}")
        memory = memory_type(kind)
        address = e.fresh(f"getelementptr inbounds {memory}, ptr {buffer}, i64 {place}")
        name = e.name(value)
        if kind == "i1":
            name = e.fresh(f"zext <{self.width} x i1> {name} to <{self.width} x i8>")
        e.write(f"store <{self.width} x {memory}> {name}, ptr {address}, align 1")


class ItemNest(AbstractKernelText):
    """A task is as many items as a vector has lanes, one in each slot; their lanes run one after the other.

    For items of few lanes, of which a vector of their own would be mostly empty.
    """

    def __init__(self, traced: Traced, block: int, instructions: Instructions):
        self.slots = self.group = instructions.width
        self.lanes = block
        super().__init__(traced, block, instructions)
        self._items: list[str] = []
        self._lane = "0"

    def _write_item(self, node: Node) -> str:
        e, kind = self.emitter, scalar_type(node.dtype)
        vector = f"<{self.width} x {kind}>"
        value = "poison"
        for slot, item in enumerate(self._items):
            one = self.input(len(self.traced.shared) + node.attribute, item, kind)
            value = e.fresh(f"insertelement {vector} {value}, {kind} {one}, i64 {slot}")
        return value

    def nest(self) -> None:
        e = self.emitter
        first = e.fresh(f"mul i64 %task, {self.width}")
        left = e.fresh(f"sub i64 %items, {first}")
        few = e.fresh(f"icmp ult i64 {left}, {self.width}")
        count = e.fresh(f"select i1 {few}, i64 {left}, i64 {self.width}")
        last = e.fresh("sub i64 %items, 1")
        for slot in range(self.width):
            item = e.fresh(f"add i64 {first}, {slot}")
            inside = e.fresh(f"icmp ult i64 {item}, %items")
            # Slots without an item repeat the last one, unseen.
            self._items.append(e.fresh(f"select i1 {inside}, i64 {item}, i64 {last}"))
        e.region(self.traced.root)
        e.region(self.traced.item)
        self.clear(first, count)
        tallies = self.sections()[1]
        tables = [
            [self.table(buffer, item, size) for item in self._items]
            for buffer, (_, _, size) in zip(tallies, self.layout.tallies, strict=True)
        ]
        self._lanes(count, tables)
        self._write_results(first, count)

    def _lanes(self, count: str, tables: list[list[str]]) -> None:
        e, width = self.emitter, self.width
        before, head, done = e.label, e.new_label("lanes"), e.new_label("end")
        kind = f"<{width} x i64>"
        one = e.fresh(f"insertelement {kind} poison, i64 {count}, i64 0")
        bound = e.fresh(f"shufflevector {kind} {one}, {kind} poison, <{width} x i32> zeroinitializer")
        places = "<" + ", ".join(f"i64 {slot}" for slot in range(width)) + ">"
        valid = e.fresh(f"icmp ult {kind} {places}, {bound}")
        e.write(f"br label %{head}")
        e.block(head)
        lane = e.fresh(f"phi i32 [ 0, %{before} ]")
        line = len(e.lines) - 1
        self._lane = e.fresh(f"zext i32 {lane} to i64")
        self.name_lanes(lane, valid)
        e.region(self.traced.block)
        self.take_ends(tables)
        following = e.fresh(f"add nuw i32 {lane}, 1")
        e.lines[line] += f", [ {following}, %{e.label} ]"
        more = e.fresh(f"icmp ult i32 {following}, {self.block}")
        e.write(f"br i1 {more}, label %{head}, label %{done}")
        e.block(done)

    def store_each(self, buffer: str, value: Node, row: str, rows: int) -> None:
        e, kind = self.emitter, scalar_type(value.dtype)
        memory = memory_type(kind)
        name, vector = e.name(value), f"<{self.width} x {kind}>"
        if kind == "i1":
            name, vector = e.fresh(f"zext {vector} {name} to <{self.width} x i8>"), f"<{self.width} x i8>"
        for slot in reversed(range(self.width)):
            # Backwards, so that the last item's own slot writes after those that repeat it.
            first = e.fresh(f"mul i64 {self._items[slot]}, {rows * self.lanes}")
            place = e.fresh(f"add i64 {first}, {e.fresh(f'mul i64 {row}, {self.lanes}')}")
            place = e.fresh(f"add i64 {place}, {self._lane}")
            address = e.fresh(f"getelementptr inbounds {memory}, ptr {buffer}, i64 {place}")
            one = e.fresh(f"extractelement {vector} {name}, i64 {slot}")
            e.write(f"store {memory} {one}, ptr {address}, align 1")

    def _write_results(self, first: str, count: str) -> None:
        """Copy the accumulators of each slot to the results of its item."""
        e = self.emitter
        samples, _, totals = self.sections()
        start = e.label
        head, done = e.new_label("slot"), e.new_label("written")
        e.write(f"br label %{head}")
        e.block(head)
        slot = e.fresh(f"phi i64 [ 0, %{start} ]")
        line = len(e.lines) - 1
        item = e.fresh(f"add i64 {first}, {slot}")
        begin = 0
        for group in self.layout.groups:
            self.reductions.copy(group, samples[begin : begin + group.columns], item, slot)
            begin += group.columns
        self.reductions.copy_totals(totals, item, slot)
        following = e.fresh(f"add nuw i64 {slot}, 1")
        e.lines[line] += f", [ {following}, %{e.label} ]"
        more = e.fresh(f"icmp ult i64 {following}, {count}")
        e.write(f"br i1 {more}, label %{head}, label %{done}")
        e.block(done)
