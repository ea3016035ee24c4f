"""The text of a whole kernel: the loop nest over items and vectors of lanes around a traced lane."""

from typing import Any

from entropyjax.solve.native.emit import Emitter, living
from entropyjax.solve.native.graph import Node
from entropyjax.solve.native.instructions import Instructions, scalar_type
from entropyjax.solve.native.interpret import Rows
from entropyjax.solve.native.layout import SLOTS, Group
from entropyjax.solve.native.reduce import Reductions
from entropyjax.solve.native.trace import Traced


class KernelText:
    """Writes the function `work`, which does one task: all lanes of one item.

    **Attributes:**

    - `traced`: the lane.
    - `block`: lanes of an item.
    - `width`: lanes of a vector.
    """

    def __init__(self, traced: Traced, block: int, width: int, flags: str, estimates: bool):
        self.traced, self.block, self.width = traced, block, width
        self.instructions = Instructions(width, flags, estimates)
        self.row_nodes: dict[int, tuple[Any, ...]] = {}
        self.ends = self._end_nodes()
        self.loop_rows = self._plan_rows()
        self.emitter = Emitter(self.instructions, living(self._roots()))
        self.reductions = Reductions(self.emitter, traced.layout, SLOTS)

    @property
    def scratch_bytes(self) -> int:
        """Size of a thread's accumulators."""
        return max(1, self.traced.layout.accumulators) * SLOTS * max(4, self.traced.layout.dtype.itemsize)

    def _end_nodes(self) -> list[Node]:
        layout = self.traced.layout
        nodes = [node for group in (layout.ends,) for node, _ in group.samples] + list(layout.ends.keeps)
        nodes += [node for place, keep, _ in layout.tallies for node in (place, keep)]
        return nodes + [node for pair in layout.totals for node in pair]

    def _plan_rows(self) -> list[Node]:
        """Put a node that takes the samples of a save time into the loop, as early as their values allow."""
        group = self.traced.layout.rows
        rows = [value for value, _ in group.samples] + list(group.keeps)
        if not rows:
            return []
        nodes = [row.inside for row in rows]
        region, counter = rows[0].loop, rows[0].counter
        sink = Node("rows", tuple(nodes), counter.dtype, False, counter, False, region)
        places = {id(node): number for number, node in enumerate(region.nodes)}
        last = max((places.get(id(node), -1) for node in nodes), default=-1)
        region.nodes.insert(last + 1, sink)
        return [sink]

    def _after_rows(self) -> list[tuple[list[Node], list[Node], int]]:
        """Return value nodes, mask nodes and row number of the save times after the loop."""
        group = self.traced.layout.rows
        rows = [value for value, _ in group.samples]
        if not rows:
            return []
        return [
            ([row.after[k] for row in rows], [keep.after[k] for keep in group.keeps], rows[0].length + k)
            for k in range(len(rows[0].after))
        ]

    def _roots(self) -> list[Node]:
        roots = [*self.ends, *self.loop_rows]
        for values, keeps, _ in self._after_rows():
            roots += [*values, *keeps]
        # A loop lives for its rows, even if nothing else of it is used.
        for sink in self.loop_rows:
            around = (node for region in sink.region.chain() for node in region.nodes)
            roots += [node for node in around if getattr(node, "body", None) is sink.region]
        return roots

    def text(self) -> str:
        """Return the function's text."""
        e, traced = self.emitter, self.traced
        e.writers = {name: getattr(self, f"_{name}") for name in ("shared", "item", "lane", "valid", "rows")}
        e.block("entry")
        outputs = self._outputs()
        e.region(traced.root)
        e.region(traced.item)
        self._clear(outputs)
        self._blocks(outputs)
        self._finish(outputs)
        e.write("ret void")
        declared = self.instructions.declared | {"declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)"}
        head = "define internal void @work(ptr %buffers, i64 %task, i64 %items, ptr %scratch) #0 {"
        return "\n".join([*sorted(declared), "", head, *e.lines, "}", ""])

    def _buffer(self, number: int) -> str:
        e = self.emitter
        address = e.fresh(f"getelementptr inbounds ptr, ptr %buffers, i64 {number}")
        return e.fresh(f"load ptr, ptr {address}, align 8, !invariant.load !0")

    def _outputs(self) -> list[str]:
        first = len(self.traced.shared) + len(self.traced.items)
        return [self._buffer(first + number) for number in range(len(self.traced.layout.shapes()))]

    def _load(self, buffer: str, place: str, node: Node) -> str:
        e = self.emitter
        kind = scalar_type(node.dtype)
        memory = "i8" if kind == "i1" else kind
        address = e.fresh(f"getelementptr inbounds {memory}, ptr {buffer}, i64 {place}")
        value = e.fresh(f"load {memory}, ptr {address}, align 1, !invariant.load !0")
        return e.fresh(f"icmp ne i8 {value}, 0") if kind == "i1" else value

    def _shared(self, node: Node) -> str:
        number, element = node.attribute
        return self._load(self._buffer(number), str(element), node)

    def _item(self, node: Node) -> str:
        return self._load(self._buffer(len(self.traced.shared) + node.attribute), "%task", node)

    def _lane(self, node: Node) -> str:
        return self.emitter.names[id(node)]

    _valid = _lane

    def _clear(self, outputs: list[str]) -> None:
        """Empty the accumulators, and the histograms of this item."""
        e = self.emitter
        e.write(f"call void @llvm.memset.p0.i64(ptr %scratch, i8 0, i64 {self.scratch_bytes}, i1 false)")
        for table, size in self._tables(outputs):
            e.write(f"call void @llvm.memset.p0.i64(ptr {table}, i8 0, i64 {4 * size}, i1 false)")

    def _tables(self, outputs: list[str]) -> list[tuple[str, int]]:
        e, layout = self.emitter, self.traced.layout
        first = sum(group.columns for group in layout.groups)
        tables = []
        for number, (_, _, size) in enumerate(layout.tallies):
            place = e.fresh(f"mul i64 %task, {size}")
            tables.append((e.fresh(f"getelementptr inbounds i32, ptr {outputs[first + number]}, i64 {place}"), size))
        return tables

    def _blocks(self, outputs: list[str]) -> None:
        e, traced, layout = self.emitter, self.traced, self.traced.layout
        tables = self._tables(outputs)
        before, head, done = e.label, e.new_label("lanes"), e.new_label("end")
        e.write(f"br label %{head}")
        e.block(head)
        base = e.fresh(f"phi i64 [ 0, %{before} ]")
        line = len(e.lines) - 1
        self._lanes(base)
        self.offset = e.fresh(f"and i64 {base}, {SLOTS - 1}")
        e.region(traced.block)
        for values, keeps, row in self._after_rows():
            self.reductions.sample(layout.rows, str(row), self.offset, values, keeps)
        if layout.ends.samples:
            values = [value for value, _ in layout.ends.samples]
            self.reductions.sample(layout.ends, "0", self.offset, values, layout.ends.keeps)
        for (place, keep, size), (table, _) in zip(layout.tallies, tables, strict=True):
            self.reductions.tally(place, keep, size, [table])
        for number, (value, keep) in enumerate(layout.totals):
            self.reductions.total(number, value, keep, self.offset)
        following = e.fresh(f"add nuw i64 {base}, {self.width}")
        e.lines[line] += f", [ {following}, %{e.label} ]"
        more = e.fresh(f"icmp ult i64 {following}, {self.block}")
        e.write(f"br i1 {more}, label %{head}, label %{done}")
        e.block(done)

    def _lanes(self, base: str) -> None:
        """Name the numbers of a vector's lanes, and which of them the item has."""
        e, width = self.emitter, self.width
        kind = f"<{width} x i32>"
        short = e.fresh(f"trunc i64 {base} to i32")
        one = e.fresh(f"insertelement {kind} poison, i32 {short}, i64 0")
        all_ = e.fresh(f"shufflevector {kind} {one}, {kind} poison, {kind} zeroinitializer")
        places = "<" + ", ".join(f"i32 {lane}" for lane in range(width)) + ">"
        lanes = e.fresh(f"add {kind} {all_}, {places}")
        valid = e.fresh(f"icmp ult {kind} {lanes}, {self.instructions.constant(self.block, 'u4', True)}")
        for node in self.traced.block.nodes:
            if node.op in ("lane", "valid"):
                e.names[id(node)] = lanes if node.op == "lane" else valid

    def _rows(self, node: Node) -> None:
        group: Group = self.traced.layout.rows
        size = len(group.samples)
        row = self.emitter.fresh(f"zext i32 {self.emitter.name(node.attribute)} to i64")
        self.reductions.sample(group, row, self.offset, list(node.args[:size]), list(node.args[size:]))

    def _finish(self, outputs: list[str]) -> None:
        layout, first = self.traced.layout, 0
        for group in layout.groups:
            self.reductions.merge(group, outputs[first : first + group.columns], "%task")
            first += group.columns
        first += len(layout.tallies)
        self.reductions.merge_totals(outputs[first:], "%task")


__all__ = ["KernelText", "Rows"]
