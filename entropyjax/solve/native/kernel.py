"""The text of a whole kernel: what every loop nest around a traced lane has in common."""

import abc

from entropyjax.solve.native import build
from entropyjax.solve.native.columns import Columns
from entropyjax.solve.native.emit import Emitter, living
from entropyjax.solve.native.graph import Node
from entropyjax.solve.native.instructions import Instructions, scalar_type
from entropyjax.solve.native.reduce import Reductions
from entropyjax.solve.native.saved import Rows
from entropyjax.solve.native.trace import Traced

_WRITERS = ("shared", "item", "lane", "valid", "rows", "store", "load")
"""Operations that are the kernel's own."""

_MEMSET = "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)"


class AbstractKernelText(abc.ABC):
    """Writes the function `work`, which does one task of a call.

    **Attributes:**

    - `traced`: the lane; `layout`: its sinks.
    - `block`: lanes of an item; `width`: lanes of a vector; `slots`: lanes with accumulators of their own.
    - `group`: items of a task.
    - `lanes`: lanes of an item for which memory of single results is kept.
    - `tiles`: vectors of lanes whose arrays are kept at once.
    """

    tiles = 1
    slots: int
    group: int
    lanes: int

    def __init__(self, traced: Traced, block: int, instructions: Instructions):
        self.traced, self.layout, self.block = traced, traced.layout, block
        self.instructions, self.width = instructions, instructions.width
        self.sinks = self._place_row_sinks()
        self.emitter = Emitter(instructions, living(self._roots()), _registers(traced, instructions.width))
        self.reductions = Reductions(self.emitter, self.layout, self.slots)
        self.columns = Columns(self.emitter, traced.block, self.tiles)
        self.outputs: list[str] = []
        self.offset, self._valid = "0", ""

    @property
    def scratch_bytes(self) -> int:
        """Size of a thread's working memory."""
        return self.columns.start + self.columns.bytes

    @property
    def cleared_bytes(self) -> int:
        """Size of the part of it that each task begins by clearing: the accumulators."""
        return max(1, self.layout.accumulators) * self.slots * max(4, self.layout.dtype.itemsize)

    def text(self) -> str:
        """Return the function's text."""
        e = self.emitter
        e.writers = {name: getattr(self, f"_write_{name}") for name in _WRITERS}
        e.block("entry")
        first = len(self.traced.shared) + len(self.traced.items)
        self.outputs = [self._buffer(first + number) for number in range(len(self.layout.shapes(self.lanes)))]
        self.columns.start = -(-self.cleared_bytes // 64) * 64
        self.nest()
        e.write("ret void")
        head = "define internal void @work(ptr %buffers, i64 %task, i64 %items, ptr %scratch) #0 {"
        return "\n".join([*sorted(self.instructions.declared | {_MEMSET}), "", head, *e.lines, "}", ""])

    @abc.abstractmethod
    def nest(self) -> None:
        """Write the loops, with everything in them."""

    @abc.abstractmethod
    def store_each(self, buffer: str, value: Node, row: str, rows: int) -> None:
        """Write what a vector of lanes gives to a result of single lanes."""

    @abc.abstractmethod
    def _write_item(self, node: Node) -> str:
        """Write the value of an item's input."""

    def _place_row_sinks(self) -> list[Node]:
        """Put a node that takes what is saved into the loop over save times, as early as its values allow."""
        rows = self._saved()
        nodes = [row.inside for row in rows if row.inside is not None]
        region, counter = (rows[0].loop, rows[0].counter) if rows else (None, None)
        if region is None or counter is None:
            return []
        sink = Node("rows", tuple(nodes), counter.dtype, False, counter, False, region)
        places = {id(node): number for number, node in enumerate(region.nodes)}
        last = max((places.get(id(node), -1) for node in nodes), default=-1)
        region.nodes.insert(last + 1, sink)
        return [sink]

    def _saved(self) -> list[Rows]:
        """Return all rows: samples, their masks, and single results."""
        group = self.layout.rows
        singles = [value for value in self.layout.each if isinstance(value, Rows)]
        return [value for value, _ in group.samples] + list(group.keeps) + singles

    def _roots(self) -> list[Node]:
        layout = self.layout
        roots = [node for node, _ in layout.ends.samples] + list(layout.ends.keeps) + list(self.sinks)
        roots += [node for place, keep, _ in layout.tallies for node in (place, keep)]
        roots += [node for pair in layout.totals for node in pair]
        roots += [value for value in layout.each if not isinstance(value, Rows)]
        roots += [node for row in self._saved() for node in row.after]
        # A loop lives for its rows, even if nothing else of it is used.
        for sink in self.sinks:
            around = (node for region in sink.region.chain() for node in region.nodes)
            roots += [node for node in around if getattr(node, "body", None) is sink.region]
        return roots

    def _write_rows(self, node: Node) -> None:
        row = self.emitter.fresh(f"zext i32 {self.emitter.name(node.attribute)} to i64")
        self._take_rows(row, list(node.args))

    def _write_store(self, node: Node) -> None:
        """Write the last of the stores of a region that go to the same places, and the others with it."""
        alike = [n for n in node.region.nodes if n.op == "store" and n.args[1:3] == node.args[1:3]]
        group = [other for other in alike if id(other) in self.emitter.live]
        if node is group[-1]:
            self.columns.store(group)

    def _write_load(self, node: Node) -> str:
        value = self.columns.load(node)
        # No flag holds in slots without a lane, whose memory nobody has written.
        return (
            self.emitter.fresh(f"and {self.emitter.type(node)} {value}, {self._valid}") if node.dtype == bool else value
        )

    def _take_rows(self, row: str, nodes: list[Node]) -> None:
        """Take the samples and single results of one save time."""
        group, size = self.layout.rows, len(self.layout.rows.samples)
        if size:
            self.reductions.sample(group, row, self.offset, nodes[:size], nodes[size : size + len(group.keeps)])
        singles = iter(nodes[size + len(group.keeps) :])
        for buffer, value in zip(self._each_buffers(), self.layout.each, strict=True):
            if isinstance(value, Rows):
                self.store_each(buffer, next(singles), row, value.length + len(value.after))

    def take_ends(self, tables: list[list[str]]) -> None:
        """Take everything that is known when a vector of lanes has reached the horizon."""
        layout, saved = self.layout, self._saved()
        for number in range(len(saved[0].after) if saved else 0):
            self._take_rows(str(saved[0].length + number), [row.after[number] for row in saved])
        if layout.ends.samples:
            values = [value for value, _ in layout.ends.samples]
            self.reductions.sample(layout.ends, "0", self.offset, values, layout.ends.keeps)
        for (place, keep, size), table in zip(layout.tallies, tables, strict=True):
            self.reductions.tally(place, keep, size, table)
        for number, (value, keep) in enumerate(layout.totals):
            self.reductions.total(number, value, keep, self.offset)
        for buffer, value in zip(self._each_buffers(), layout.each, strict=True):
            if not isinstance(value, Rows):
                self.store_each(buffer, value, "0", 1)

    def sections(self) -> tuple[list[str], list[str], list[str]]:
        """Return the result buffers of the samples, of the tallies and of the totals."""
        first = sum(group.columns for group in self.layout.groups)
        second = first + len(self.layout.tallies)
        return self.outputs[:first], self.outputs[first:second], self.outputs[second : second + len(self.layout.totals)]

    def _each_buffers(self) -> list[str]:
        return self.outputs[len(self.outputs) - len(self.layout.each) :]

    def clear(self, first_item: str, count: str) -> None:
        """Empty the accumulators, and the histograms of the task's items."""
        e = self.emitter
        e.write(f"call void @llvm.memset.p0.i64(ptr %scratch, i8 0, i64 {self.cleared_bytes}, i1 false)")
        for (_, _, size), buffer in zip(self.layout.tallies, self.sections()[1], strict=True):
            table = self.table(buffer, first_item, size)
            length = e.fresh(f"mul i64 {count}, {4 * size}")
            e.write(f"call void @llvm.memset.p0.i64(ptr {table}, i8 0, i64 {length}, i1 false)")

    def table(self, buffer: str, item: str, size: int) -> str:
        """Return the address of an item's histogram."""
        place = self.emitter.fresh(f"mul i64 {item}, {size}")
        return self.emitter.fresh(f"getelementptr inbounds i32, ptr {buffer}, i64 {place}")

    def _buffer(self, number: int) -> str:
        e = self.emitter
        address = e.fresh(f"getelementptr inbounds ptr, ptr %buffers, i64 {number}")
        return e.fresh(f"load ptr, ptr {address}, align 8, !invariant.load !0")

    def input(self, number: int, place: str, kind: str) -> str:
        """Load one element of an input."""
        e, memory = self.emitter, memory_type(kind)
        address = e.fresh(f"getelementptr inbounds {memory}, ptr {self._buffer(number)}, i64 {place}")
        value = e.fresh(f"load {memory}, ptr {address}, align 1, !invariant.load !0")
        return e.fresh(f"icmp ne i8 {value}, 0") if kind == "i1" else value

    def _write_shared(self, node: Node) -> str:
        number, element = node.attribute
        return self.input(number, str(element), scalar_type(node.dtype))

    def _write_lane(self, node: Node) -> str:
        return self.emitter.names[id(node)]

    _write_valid = _write_lane

    def name_lanes(self, lane: str, valid: str) -> None:
        """Name the number of each lane, and whether the item has it."""
        self._valid = valid
        for node in self.traced.block.nodes:
            if node.op in ("lane", "valid"):
                self.emitter.names[id(node)] = lane if node.op == "lane" else valid


def _registers(traced: Traced, width: int) -> int:
    """Return how many registers a vector of the widest floating numbers fills."""
    return max(1, 8 * width * traced.layout.dtype.itemsize // build.vector_bits())


def memory_type(kind: str) -> str:
    """Return the type by which a scalar lies in memory."""
    return "i8" if kind == "i1" else kind
