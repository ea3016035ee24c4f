"""Arrays that the loops of a lane fill, as they lie in a thread's scratch memory."""

from entropyjax.solve.native.emit import Emitter
from entropyjax.solve.native.graph import Branch, Loop, Node, Region, Unsupported
from entropyjax.solve.native.instructions import scalar_type
from entropyjax.solve.native.memory import Memory
from entropyjax.solve.native.slots import Spill, each_slot

MOST = 2**28
"""Most bytes of a thread for these arrays."""


class Columns:
    """Writes what reads and writes them. They lie in tiles of as many lanes as a vector has; in a tile row by row.

    Lanes that advance together touch few tiles, and a tile is read back with its lanes side by side.

    **Attributes:**

    - `bytes`: size of all arrays; `start`: where they begin, a multiple of 64 bytes.
    - `first`: the first lane of a vector of consecutive ones (i64), counted from the first tile.
    - `lanes`: numbers of the lanes of a vector, if they are not consecutive.
    """

    def __init__(self, emitter: Emitter, block: Region, tiles: int):
        self._emitter, self._width = emitter, emitter.instructions.width
        memories = _memories(block, emitter.live)
        self._places: dict[Memory, int] = {}
        self._row = 0
        for memory in memories:
            self._places[memory] = self._row
            self._row += self._width * max(4, memory.dtype.itemsize)
        self._tile = self._row * max((memory.length for memory in memories), default=0)
        self._spill = Spill(emitter, 2 + len(memories) if memories else 0)
        self.bytes = tiles * self._tile + self._spill.bytes
        if self.bytes > MOST:
            raise Unsupported(
                f"what its lanes save takes {self.bytes / 2**20:.0f} MiB a thread, more than {MOST / 2**20:.0f}"
            )
        self.start, self.first = 0, "0"
        self.lanes: str | None = None

    def store(self, nodes: list[Node]) -> None:
        """Write the values of stores that have the same places and mask."""
        e, kind = self._emitter, f"<{self._width} x i32>"
        _, places, mask, _ = (e.name(arg) for arg in nodes[0].args)
        self._spill.start = self.start + self.bytes - self._spill.bytes
        offsets = e.fresh(f"mul {kind} {places}, {self._repeated(self._row)}")
        if self.lanes is not None:
            tiles = e.fresh(f"lshr {kind} {self.lanes}, {self._repeated(self._width.bit_length() - 1)}")
            tiles = e.fresh(f"mul {kind} {tiles}, {self._repeated(self._tile)}")
            offsets = e.fresh(f"add {kind} {offsets}, {tiles}")
            self._spill.put(1, kind, e.fresh(f"and {kind} {self.lanes}, {self._repeated(self._width - 1)}"))
        self._spill.put(0, kind, offsets)
        for number, node in enumerate(nodes, 2):
            self._spill.put(number, self._vector(node.attribute), self._widened(node.args[3]))
        begin = self._begin()
        with each_slot(e, mask) as slot:
            row = e.fresh(f"zext i32 {self._spill.pick(0, 'i32', slot)} to i64")
            row = e.fresh(f"getelementptr inbounds i8, ptr {begin}, i64 {row}")
            place = slot if self.lanes is None else e.fresh(f"zext i32 {self._spill.pick(1, 'i32', slot)} to i64")
            for number, node in enumerate(nodes, 2):
                scalar = _scalar(node.attribute)
                address = e.fresh(f"getelementptr inbounds i8, ptr {row}, i64 {self._places[node.attribute]}")
                address = e.fresh(f"getelementptr inbounds {scalar}, ptr {address}, i64 {place}")
                e.write(f"store {scalar} {self._spill.pick(number, scalar, slot)}, ptr {address}, align 1")

    def load(self, node: Node) -> str:
        """Return an array's row of the consecutive lanes."""
        e, memory = self._emitter, node.attribute
        row = e.fresh(f"mul i64 {e.fresh(f'zext i32 {e.name(node.args[1])} to i64')}, {self._row}")
        address = e.fresh(f"getelementptr inbounds i8, ptr {self._begin()}, i64 {row}")
        address = e.fresh(f"getelementptr inbounds i8, ptr {address}, i64 {self._places[memory]}")
        value = e.fresh(f"load {self._vector(memory)}, ptr {address}, align 1")
        if memory.dtype.kind != "b":
            return value
        return e.fresh(f"trunc {self._vector(memory)} {value} to <{self._width} x i1>")

    def _begin(self) -> str:
        """Return where the tile of the consecutive lanes begins, or the first tile for lanes that are not."""
        e = self._emitter
        start = e.fresh(f"getelementptr inbounds i8, ptr %scratch, i64 {self.start}")
        if self.lanes is not None or self.first == "0":
            return start
        tile = e.fresh(f"mul i64 {e.fresh(f'udiv i64 {self.first}, {self._width}')}, {self._tile}")
        return e.fresh(f"getelementptr inbounds i8, ptr {start}, i64 {tile}")

    def _repeated(self, number: int) -> str:
        return self._emitter.instructions.constant(number, "u4", True)

    def _widened(self, node: Node) -> str:
        name = self._emitter.name(node)
        if node.dtype.kind != "b":
            return name
        return self._emitter.fresh(f"zext <{self._width} x i1> {name} to <{self._width} x i32>")

    def _vector(self, memory: Memory) -> str:
        return f"<{self._width} x {_scalar(memory)}>"


def _scalar(memory: Memory) -> str:
    """Return the type by which a number lies in memory."""
    return "i32" if memory.dtype.kind == "b" else scalar_type(memory.dtype)


def _memories(region: Region, live: set[int]) -> list[Memory]:
    """Return the arrays that are written to or read in a region."""
    found: dict[Memory, None] = {}
    for node in region.nodes:
        if id(node) not in live:
            continue
        if node.op in ("store", "load"):
            found[node.attribute] = None
        elif isinstance(node, Loop | Branch):
            found.update(dict.fromkeys(_memories(node.body, live)))
    return list(found)
