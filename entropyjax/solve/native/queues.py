"""Values of lanes that wait for a slot of a vector."""

from entropyjax.solve.native.emit import Emitter
from entropyjax.solve.native.graph import Node
from entropyjax.solve.native.instructions import mangled, scalar_type


class Queues:
    """Writes arrays over lanes in a thread's scratch memory, one for each node; free slots take the next values.

    **Attributes:** `bytes`: size of all arrays.
    """

    def __init__(self, emitter: Emitter, nodes: list[Node], lanes: int, start: int):
        self._emitter, self._width = emitter, emitter.instructions.width
        self._nodes = {id(node): node for node in nodes}
        # The last slots to be free find none, up to a vector of them twice.
        length = lanes + 2 * self._width
        self._places: dict[int, int] = {}
        end = -(-start // 64) * 64
        for number, node in self._nodes.items():
            self._places[number] = end
            end += -(-length * max(4, node.dtype.itemsize) // 64) * 64
        self._end = -(-end // 64) * 64
        self.bytes = self._end + 8 * self._width * (1 + len(self._nodes)) - start
        self._next, self._free = "0", ""

    def store(self, node: Node, base: str) -> None:
        """Keep the values of a vector of lanes, the first of which is `base` (i64)."""
        e, value = self._emitter, self._widened(node, self._emitter.name(node))
        e.write(f"store {self._memory(node)} {value}, ptr {self._address(id(node), base)}, align 4")

    def load(self, node: Node, base: str) -> str:
        """Return the values of a vector of lanes, the first of which is `base` (i64)."""
        kind = self._memory(node)
        value = self._emitter.fresh(f"load {kind}, ptr {self._address(id(node), base)}, align 4")
        return self._narrowed(node, value)

    def leave(self, values: dict[int, str], ended: str, lanes: str) -> None:
        """Keep values, by the identity of their node, of the lanes with these numbers, where `ended` holds.

        Few lanes end at a time: their values are copied one by one.
        """
        e, width = self._emitter, self._width
        self._spill(values, lanes)
        head, body, done = e.new_label("leaving"), e.new_label("leave"), e.new_label("left")
        before, first = e.label, e.fresh(f"bitcast <{width} x i1> {ended} to i{width}")
        e.write(f"br label %{head}")
        e.block(head)
        bits = e.fresh(f"phi i{width} [ {first}, %{before} ]")
        line = len(e.lines) - 1
        e.write(f"br i1 {e.fresh(f'icmp eq i{width} {bits}, 0')}, label %{done}, label %{body}")
        e.block(body)
        name = f"@llvm.cttz.i{width}"
        e.instructions.declared.add(f"declare i{width} {name}(i{width}, i1)")
        place = e.fresh(f"call i{width} {name}(i{width} {bits}, i1 true)")
        slot = place if width == 64 else e.fresh(f"zext i{width} {place} to i64")
        lane = e.fresh(f"zext i32 {self._copied('i32', 0, slot)} to i64")
        for number, key in enumerate(values, 1):
            scalar = self._scalar(self._nodes[key])
            e.write(f"store {scalar} {self._copied(scalar, number, slot)}, ptr {self._address(key, lane)}, align 4")
        rest = e.fresh(f"and i{width} {bits}, {e.fresh(f'sub i{width} {bits}, 1')}")
        e.lines[line] += f", [ {rest}, %{e.label} ]"
        e.write(f"br label %{head}")
        e.block(done)

    def _spill(self, values: dict[int, str], lanes: str) -> None:
        """Write the vectors of lane numbers and of the values to memory, one after the other."""
        e, width = self._emitter, self._width
        e.write(f"store <{width} x i32> {lanes}, ptr {self._spilled(0)}, align 4")
        for number, (key, value) in enumerate(values.items(), 1):
            node = self._nodes[key]
            e.write(f"store {self._memory(node)} {self._widened(node, value)}, ptr {self._spilled(number)}, align 4")

    def _spilled(self, number: int) -> str:
        place = self._end + 8 * self._width * number
        return self._emitter.fresh(f"getelementptr inbounds i8, ptr %scratch, i64 {place}")

    def _copied(self, scalar: str, number: int, slot: str) -> str:
        e = self._emitter
        address = e.fresh(f"getelementptr inbounds {scalar}, ptr {self._spilled(number)}, i64 {slot}")
        return e.fresh(f"load {scalar}, ptr {address}, align 4")

    def _widened(self, node: Node, value: str) -> str:
        if node.dtype.kind != "b":
            return value
        return self._emitter.fresh(f"zext <{self._width} x i1> {value} to {self._memory(node)}")

    def _narrowed(self, node: Node, value: str) -> str:
        if node.dtype.kind != "b":
            return value
        return self._emitter.fresh(f"trunc {self._memory(node)} {value} to <{self._width} x i1>")

    def begin(self, first: str, free: str) -> None:
        """Take values from `first` (i64) on, into the slots of the mask `free`, in the following calls."""
        self._next, self._free = first, free

    def take(self, node: Node, old: str | None = None) -> str:
        """Return the values of a node, with the next ones in the free slots; the others keep the `old` ones."""
        old = self._widened(node, self._emitter.name(node) if old is None else old)
        value = self._expand(self._address(id(node), self._next), self._memory(node), old)
        return self._narrowed(node, value)

    def numbers(self, first: str, lanes: str) -> str:
        """Return the numbers of the lanes in the slots, `first` (i32) being the next one."""
        e, width, kind = self._emitter, self._width, f"<{self._width} x i32>"
        listed = ", ".join(f"i32 {number}" for number in range(width))
        counted = self._spilled(0)
        one = e.fresh(f"insertelement {kind} poison, i32 {first}, i64 0")
        same = e.fresh(f"shufflevector {kind} {one}, {kind} poison, {kind} zeroinitializer")
        e.write(f"store {kind} {e.fresh(f'add {kind} {same}, <{listed}>')}, ptr {counted}, align 4")
        return self._expand(counted, kind, lanes)

    def _expand(self, address: str, kind: str, old: str) -> str:
        e, flags = self._emitter, f"<{self._width} x i1>"
        scalar = kind[1:-1].split(" x ")[1]
        name = f"@llvm.masked.expandload.v{self._width}{mangled(scalar)}"
        e.instructions.declared.add(f"declare {kind} {name}(ptr, {flags}, {kind})")
        return e.fresh(f"call {kind} {name}(ptr {address}, {flags} {self._free}, {kind} {old})")

    def _memory(self, node: Node) -> str:
        return f"<{self._width} x {self._scalar(node)}>"

    def _scalar(self, node: Node) -> str:
        return "i32" if node.dtype.kind == "b" else scalar_type(node.dtype)

    def _address(self, number: int, place: str) -> str:
        e = self._emitter
        scalar = self._scalar(self._nodes[number])
        start = e.fresh(f"getelementptr inbounds i8, ptr %scratch, i64 {self._places[number]}")
        return e.fresh(f"getelementptr inbounds {scalar}, ptr {start}, i64 {place}")
