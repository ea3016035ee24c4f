"""Values of lanes that wait for a slot of a vector."""

from entropyjax.solve.native.emit import Emitter
from entropyjax.solve.native.graph import Node
from entropyjax.solve.native.instructions import mangled, scalar_type
from entropyjax.solve.native.slots import Spill, each_slot


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
        self._spill = Spill(emitter, 1 + len(self._nodes), -(-end // 64) * 64)
        self.bytes = -(-end // 64) * 64 + self._spill.bytes - start
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
        e = self._emitter
        self._spill.put(0, f"<{self._width} x i32>", lanes)
        for number, (key, value) in enumerate(values.items(), 1):
            node = self._nodes[key]
            self._spill.put(number, self._memory(node), self._widened(node, value))
        with each_slot(e, ended) as slot:
            lane = e.fresh(f"zext i32 {self._spill.pick(0, 'i32', slot)} to i64")
            for number, key in enumerate(values, 1):
                scalar = self._scalar(self._nodes[key])
                value = self._spill.pick(number, scalar, slot)
                e.write(f"store {scalar} {value}, ptr {self._address(key, lane)}, align 4")

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
        counted = self._spill.address(0)
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
